"""Whole runs where dates are odd, zones differ, clocks are wrong, or edges are sharp."""

import datetime as dt
import time
from collections.abc import Iterator
from typing import Any

import pytest

from fakes.mail_reader import FakeMailbox, FakeMessage
from faults.conftest import OpenProduct
from faults.engine import DAY, NOW, deliver, filled
from faults.world import TickingClock, letter
from servers.imap_quirks import rewrite

SINCE = dt.datetime(2026, 11, 15, tzinfo=dt.UTC)
UNTIL = dt.datetime(2026, 11, 17, tzinfo=dt.UTC)
SECOND = dt.timedelta(seconds=1)
ZONES = (-12, -7, 0, 5.5, 14)


@pytest.fixture
def in_zone(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Moves this process to another time zone."""

    def move(zone: str) -> None:
        monkeypatch.setenv("TZ", zone)
        time.tzset()

    yield move
    monkeypatch.undo()
    time.tzset()


def edges() -> FakeMailbox:
    """A second before and after, and at, both edges of the window."""
    mailbox = filled(0)
    for name, moment in (("since", SINCE), ("until", UNTIL)):
        for offset in (-SECOND, 0 * SECOND, SECOND):
            label = f"{name} {offset.total_seconds():+.0f}"
            deliver(mailbox.folders["INBOX"], label, arrived=moment + offset)
    return mailbox


@pytest.mark.row("R028")
@pytest.mark.parametrize("hours", ZONES)
@pytest.mark.parametrize("capabilities", ["IMAP4rev1", "IMAP4rev1 ESEARCH"])
def test_run_window_is_exact_to_the_second_whatever_the_servers_zone(
    beside: OpenProduct, hours: float, capabilities: str
) -> None:
    with beside(edges()) as product:
        product.honest.zone = dt.timezone(dt.timedelta(hours=hours))
        product.honest.capabilities = capabilities
        summary = product.run_fine(since=SINCE, until=UNTIL)
        product.expect_all("since +0", "since +1", "until -1")
        assert summary.certificate.total("listed") == 3
        product.run_fine(since=UNTIL, until=UNTIL + DAY)
        product.run_fine(since=SINCE - DAY, until=SINCE)
        product.expect_inbox()


@pytest.mark.row("R027")
def test_run_tables_are_the_same_in_every_zone_of_the_worker(
    beside: OpenProduct, in_zone: Any
) -> None:
    dumps = []
    for zone in ("UTC", "America/Los_Angeles", "Pacific/Kiritimati", "Asia/Kolkata"):
        in_zone(zone)
        with beside(edges()) as product:
            product.run_fine(since=SINCE - DAY, until=UNTIL + DAY)
            dumps.append(product.dump())
    assert all(found == dumps[0] for found in dumps)
    assert len(dumps[0]["crm_messages"]) == 6


@pytest.mark.row("R026")
@pytest.mark.parametrize(
    "date",
    [
        b"NIL",
        b'""',
        b'"garbage"',
        b'"00-Jan-0000 00:00:00 +0000"',
        b'"31-Dec-9999 23:59:59 -1200"',
        b'"01-Jan-0001 00:00:00 +1200"',
        b'"32-Nov-2026 12:00:00 +0000"',
        b'"15-Foo-2026 12:00:00 +0000"',
        b'"15-Nov-2026 25:61:61 +0000"',
        b'"15-Nov-2026 12:00:00 +9999"',
        b'"15-Nov-2026 12:00:00"',
        b"{3}\r\nabc",
    ],
)
def test_run_odd_internaldates_are_taken_with_the_messages_own(
    beside: OpenProduct, date: bytes
) -> None:
    quirk = rewrite(
        rb'INTERNALDATE "[^"]*"', b"INTERNALDATE " + date.replace(b"\\", b""), bodies_only=False
    )
    with beside(filled(4), quirk) as product:
        product.run_fine()
        product.run_fine()
        product.expect_inbox()
        received = product.rows(
            "SELECT count(*) FROM crm_messages WHERE received_at LIKE '2026-11-19%'"
        )
        assert received == [(4,)]


@pytest.mark.row("R122")
@pytest.mark.parametrize("found_again", ["same window", "wider window"])
def test_run_internaldate_that_was_once_wrong_is_asked_again(
    beside: OpenProduct, found_again: str
) -> None:
    wrong = b'INTERNALDATE "15-Nov-1999 12:00:00 +0000"'
    with beside(filled(4), rewrite(rb'INTERNALDATE "[^"]*"', wrong, bodies_only=False)) as product:
        product.run_fine(since=SINCE)
        product.expect_all()
        product.honest.quirks.clear()
        product.run_fine(since=SINCE if found_again == "same window" else SINCE - 9 * DAY)
        product.expect_inbox()
        assert "outside" not in product.states()


@pytest.mark.row("R030")
@pytest.mark.parametrize("year", [1999, 2099])
def test_run_window_goes_by_arrival_and_not_by_the_date_header(
    beside: OpenProduct, year: int
) -> None:
    sent = NOW.replace(year=year)
    mailbox = filled(1)
    mailbox.folders["INBOX"].add(FakeMessage(letter("odd", sent), NOW - DAY))
    mailbox.folders["INBOX"].add(FakeMessage(letter("old", NOW - DAY), NOW - 90 * DAY))
    with beside(mailbox) as product:
        product.run_fine()
        product.expect_all("m1", "odd")


@pytest.mark.row("R032", "R230")
@pytest.mark.parametrize("days", [-3, 0, 3])
def test_run_mail_from_the_future_is_taken_whatever_the_workers_clock(
    beside: OpenProduct, days: int
) -> None:
    mailbox = filled(2)
    deliver(mailbox.folders["INBOX"], "tomorrow", arrived=NOW + DAY)
    deliver(mailbox.folders["INBOX"], "next year", arrived=NOW + 365 * DAY)
    with beside(mailbox, start=NOW + days * DAY) as product:
        product.run_fine()
        product.expect_inbox()


@pytest.mark.row("R230")
def test_run_clock_that_jumps_between_runs_loses_and_doubles_nothing(
    beside: OpenProduct,
) -> None:
    with beside(filled(3)) as product:
        clock = product.services.clock
        assert isinstance(clock, TickingClock)
        for number, jump in enumerate((0, -40, 80, -3, 1)):
            clock._now += jump * DAY
            deliver(product.inbox, f"after jump {number}")
            product.run_fine()
        product.expect_inbox()
        tokens = product.rows("SELECT token FROM sync_runs ORDER BY token")
        assert len(tokens) == 5


@pytest.mark.row("R033")
@pytest.mark.parametrize(
    "windows",
    [
        [(10, 5), (30, 20), (20, 10), (5, None)],
        [(30, None), (3, None), (30, None)],
        [(8, 2), (6, 4), (9, 3), (12, None)],
        [(1, None), (2, None), (4, None), (8, None), (40, None)],
    ],
    ids=["shifted", "narrowed", "overlapped", "widened"],
)
def test_run_any_sequence_of_windows_gives_their_union_once(
    beside: OpenProduct, windows: list[tuple[int, int | None]]
) -> None:
    mailbox = filled(0)
    for days in range(40):
        deliver(mailbox.folders["INBOX"], f"d{days}", arrived=NOW - days * DAY - SECOND)
    with beside(mailbox) as product:
        wanted: set[str] = set()
        published = 0
        for since, until in windows:
            midnight = NOW.replace(hour=0)
            start = midnight - since * DAY
            end = None if until is None else midnight - until * DAY
            summary = product.run_fine(since=start, until=end)
            published += summary.certificate.total("published")
            wanted |= {
                f"About d{n}"
                for n in range(40)
                if start <= NOW - n * DAY - SECOND and (end is None or NOW - n * DAY - SECOND < end)
            }
            assert product.subjects() == sorted(wanted)
        assert published == len(wanted)
