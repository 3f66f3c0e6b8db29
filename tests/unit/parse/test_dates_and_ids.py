"""Dates with their fallbacks; Message-IDs."""

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailcrm.parse import parse_message
from mailcrm.parse.dates import parse_date
from mailcrm.parse.ids import REFERENCES_CAP, parse_message_id, parse_references
from unit.parse.samples import ARRIVED, parse_text


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("Mon, 16 Nov 2026 10:11:58 +0100", (2026, 11, 16, 9, 11, 58)),
        ("16 Nov 2026 10:11 -0230", (2026, 11, 16, 12, 41, 0)),
        ("Mon, 16 Nov 2026 10:11:60 +0000", (2026, 11, 16, 10, 11, 59)),
        ("Thu, 20 Jun 96 08:35:17 EST", (1996, 6, 20, 13, 35, 17)),
        ("Thu, 20 Jun 1996 08:35:17 MESZ", (1996, 6, 20, 6, 35, 17)),
        ("Mon Nov 16 10:11:58 2026", (2026, 11, 16, 10, 11, 58)),
        ("2026-11-16T10:11:58Z", (2026, 11, 16, 10, 11, 58)),
        ("2026-11-16 10:11:58+02:00", (2026, 11, 16, 8, 11, 58)),
        ("Mon, 16 Nov 2026 10:11:58 +0100 (CET)", (2026, 11, 16, 9, 11, 58)),
    ],
)
def test_date_of_known_form_is_aware_utc(value: str, expected: tuple[int, ...]) -> None:
    assert parse_date(value) == dt.datetime(*expected, tzinfo=dt.UTC)  # type: ignore[misc]


@pytest.mark.row("R166")
@pytest.mark.parametrize(
    "value",
    [
        "", "never", "31 Feb 2026 10:00:00 +0000", "Mon, 16 Nov 20240 10:00:00 +0000",
        "Mon, 16 Nov 2026 10:00:00 +2400", "Mon, 16 Nov 2026 25:00:00 +0000",
        "Mon, 16 Nov 2026 10:00:00 +" + "9" * 5_000, "Mon, 1 Jan 1601 00:00:00 +0000",
        "Mon, 1 Jan 2100 00:00:00 +0000", "(" * 10_000, "Mon, 16 Foo 2026 10:00:00 +0000",
        "0001-01-01T00:00:00+14:00",
    ],
)  # fmt: skip
def test_date_that_names_no_moment_is_none(value: str) -> None:
    assert parse_date(value) is None


@pytest.mark.row("R166")
def test_date_missing_falls_back_in_order_and_says_so() -> None:
    now = dt.datetime(2026, 12, 1, tzinfo=dt.UTC)
    received = b"Received: by x; Mon, 16 Nov 2026 10:00:00 +0000\n"
    assert parse_message(received + b"\n", ARRIVED).sent_at_source == "received"
    by_arrival = parse_message(b"Subject: x\n\n", ARRIVED, now=now)
    assert (by_arrival.sent_at, by_arrival.sent_at_source) == (ARRIVED, "internaldate")
    by_now = parse_message(b"Subject: x\n\n", None, now=now)
    assert (by_now.sent_at, by_now.sent_at_source) == (now, "now")
    assert parse_message(b"Subject: x\n\n", None).sent_at_source == "none"
    assert "date_missing" in by_now.defects
    assert "date_invalid" in parse_text("Date: never").defects


@given(st.text(max_size=60) | st.from_regex(r"[A-Z][a-z]{2}, \d{1,3} [A-Z][a-z]{2} \d{1,6} .*"))
def test_date_of_any_text_never_raises(value: str) -> None:
    moment = parse_date(value)
    assert moment is None or 1970 <= moment.year < 2100


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("<a@b>", "a@b"), (" < a @\t b > ", "a@b"), ("a@b", "a@b"), ("<a@b> (added)", "a@b"),
        ("", None), ("<>", None), ("<" + "x" * 2_000 + ">", None), ("<a@b> <c@d>", "a@b"),
    ],
)  # fmt: skip
def test_message_id_is_canonical(value: str, expected: str | None) -> None:
    assert parse_message_id(value) == expected


def test_references_are_unique_in_order_and_capped() -> None:
    assert parse_references("<a@b>\t<c@d> <a@b>") == ("a@b", "c@d")
    assert parse_references('Your message of "Mon" <a@b>') == ("a@b",)
    assert parse_references("a@b c@d word") == ("a@b", "c@d")
    many = parse_references(" ".join(f"<{index}@x>" for index in range(5_000)))
    assert len(many) == REFERENCES_CAP
    assert (many[0], many[-1]) == ("0@x", "4999@x")
