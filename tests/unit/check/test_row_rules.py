"""Each row rule says of one message what it is there to say, and of a good one nothing."""

import dataclasses
import datetime as dt
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders import NOON, WINDOW, parsed, staged
from mailcrm.check import ROW_RULES, check_row
from mailcrm.check.row_rules import MAX_ADDRESS_CHARS, MAX_HEADER_CHARS, MAX_SIZE_BYTES
from mailcrm.records import (
    Attachment,
    BounceReport,
    ParsedMessage,
    Participant,
    StagedMessage,
    Window,
)

GOOD = parsed("a@customer.example")
ADA = Participant("from", 0, "ada@customer.example", "Ada")


def row(**changes: Any) -> StagedMessage:
    """A good message with some of its parsed fields changed."""
    message = dataclasses.replace(GOOD, **changes)
    return dataclasses.replace(staged(1, GOOD), parsed=message)


def rule_of(message: StagedMessage, window: Window = WINDOW) -> str | None:
    fault = check_row(message, window)
    return fault.rule if fault else None


def nobody(**changes: Any) -> ParsedMessage:
    return dataclasses.replace(GOOD, participants=(), **changes)


@pytest.mark.parametrize(
    "message",
    [
        row(),
        row(message_id=None),
        row(subject="", message_id=None),
        row(participants=(Participant("from", 0, "root", ""),)),
        row(participants=(Participant("from", 0, '"a b"@customer.example', ""),)),
        row(participants=(Participant("from", 0, "MAILER-DAEMON", ""),), kind="bounce"),
        row(participants=(), kind="bounce"),
        row(size_bytes=1),
        row(size_bytes=MAX_SIZE_BYTES),
        row(subject="ünïcödé 😀 ‮"),
        row(body_text=""),
        row(subject="s" * MAX_HEADER_CHARS),
        row(sent_at=dt.datetime(1970, 1, 1, tzinfo=dt.UTC)),
        dataclasses.replace(row(), internaldate=None),
        dataclasses.replace(row(), internaldate=WINDOW.since),
    ],
)
def test_check_row_fit_message_passes(message: StagedMessage) -> None:
    assert check_row(message, WINDOW) is None


@pytest.mark.parametrize(
    ("message", "rule"),
    [
        (
            row(participants=(), subject="", message_id=None, sent_at_source="internaldate"),
            "no_headers",
        ),
        (row(participants=()), "sender_missing"),
        (row(participants=(Participant("to", 0, "x@y.example", ""),)), "sender_missing"),
        (row(participants=(Participant("from", 0, "", "Ada"),)), "sender_missing"),
        (row(participants=(Participant("from", 0, "  ", ""),)), "sender_missing"),
        (row(participants=(Participant("from", 0, "Ada Lovelace", ""),)), "sender_missing"),
        (row(participants=(), kind="bulk"), "sender_missing"),
        (row(subject="a\x00b"), "text_unstorable"),
        (row(body_text="\ud800"), "text_unstorable"),
        (row(message_id="\x00@x"), "text_unstorable"),
        (row(list_id="\x00"), "text_unstorable"),
        (row(participants=(dataclasses.replace(ADA, display_name="\x00"),)), "text_unstorable"),
        (row(attachments=(Attachment("2", "a\x00.pdf", "x/y", 1),)), "text_unstorable"),
        (row(bounces=(BounceReport("a@b", None, "\x00", None),)), "text_unstorable"),
        (dataclasses.replace(row(), flags=("\udcff",)), "text_unstorable"),
        (
            row(participants=(ADA, Participant("cc", 0, "c" * (MAX_ADDRESS_CHARS + 1), ""))),
            "address_too_long",
        ),
        (row(subject="s" * (MAX_HEADER_CHARS + 1)), "text_too_long"),
        (row(attachments=(Attachment("2", "f" * 100_001, "x/y", 1),)), "text_too_long"),
        (row(size_bytes=0), "size_out_of_range"),
        (row(size_bytes=-5), "size_out_of_range"),
        (row(size_bytes=MAX_SIZE_BYTES + 1), "size_out_of_range"),
        (row(sent_at=dt.datetime(2026, 11, 10)), "time_not_utc"),  # noqa: DTZ001
        (
            dataclasses.replace(row(), internaldate=WINDOW.since - dt.timedelta(microseconds=1)),
            "internaldate_outside_window",
        ),
        (dataclasses.replace(row(), internaldate=WINDOW.until), "internaldate_outside_window"),
    ],
)
def test_check_row_unfit_message_names_the_rule(message: StagedMessage, rule: str) -> None:
    assert rule_of(message) == rule


def test_check_row_open_window_has_no_end() -> None:
    late = dataclasses.replace(row(), internaldate=NOON + dt.timedelta(days=4000))
    assert rule_of(late, Window(WINDOW.since)) is None
    assert rule_of(late) == "internaldate_outside_window"


def test_check_row_window_in_another_zone_compares_moments() -> None:
    zone = dt.timezone(dt.timedelta(hours=5, minutes=30))
    last = dataclasses.replace(row(), internaldate=WINDOW.since.astimezone(zone))
    assert rule_of(last) is None


@given(st.text(alphabet=st.characters(), min_size=1))
def test_check_row_reason_never_quotes_the_mail(text: str) -> None:
    fault = check_row(row(subject=text + "\x00", body_text=text), WINDOW)
    assert fault is not None
    assert fault.reason in {rule.reason for rule in ROW_RULES}


@given(st.text(alphabet=st.characters(codec=None), max_size=50))
def test_held_message_is_storable_whatever_it_said(text: str) -> None:
    message = dataclasses.replace(row(subject=text, body_text=text), flags=(text,))
    held = message.held(rule="r", reason="no", raw=text.encode("utf-8", "surrogatepass"))
    assert rule_of(held) not in ("text_unstorable", "address_too_long", "text_too_long")
    assert held.disposition == "quarantined"
    assert held.raw == text.encode("utf-8", "surrogatepass")


def test_row_rules_each_have_predicate_condition_and_reason() -> None:
    for rule in ROW_RULES:
        assert rule.predicate is not None
        assert rule.condition
        assert rule.reason
        assert rule.severity == "row"
