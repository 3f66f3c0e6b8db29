"""The backfill stage bare: windows, listings, slices, coverage, folders, doubts."""

import datetime as dt
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailcrm.backfill import (
    find_hidden_mail,
    is_mass_vanishing,
    merge_intervals,
    plan_absent,
    plan_chunks,
    plan_listing,
    plan_missing,
    plan_search,
    plan_slices,
    plan_unknown,
    plan_whole_bytes,
    plan_window,
    resolve_folders,
)
from mailcrm.errors import SettingsError
from mailcrm.records import (
    Backfill,
    FolderEntry,
    FolderStatus,
    LedgerEntry,
    LedgerState,
    ListedMessage,
    Window,
)

NOW = dt.datetime(2026, 11, 22, 17, 30, tzinfo=dt.UTC)
DAY = dt.timedelta(days=1)
MOMENTS = st.timedeltas(dt.timedelta(0), 40_000 * DAY).map(
    lambda delta: dt.datetime(1990, 1, 1, tzinfo=dt.UTC) + delta
)
ZONES = st.integers(-12 * 60, 14 * 60).map(lambda m: dt.timezone(dt.timedelta(minutes=m)))


def test_plan_window_default_is_seven_days_before_connecting() -> None:
    window = plan_window(Backfill(), NOW, None, None)
    assert window == Window(dt.datetime(2026, 11, 15, tzinfo=dt.UTC), None)


def test_plan_window_since_of_the_registry_wins_over_days() -> None:
    window = plan_window(Backfill(dt.date(2026, 1, 2), 3), NOW, None, None)
    assert window.since == dt.datetime(2026, 1, 2, tzinfo=dt.UTC)


@pytest.mark.parametrize("days", [0, -1])
def test_plan_window_empty_is_refused(days: int) -> None:
    with pytest.raises(SettingsError, match="before until"):
        plan_window(Backfill(), NOW, NOW, NOW + days * DAY)


@given(since=MOMENTS, length=st.timedeltas(dt.timedelta(seconds=1), 900 * DAY), zone=ZONES)
@pytest.mark.row("R028")
def test_plan_search_any_zone_misses_no_message_of_the_window(
    since: dt.datetime, length: dt.timedelta, zone: dt.timezone
) -> None:
    window = Window(since, since + length)
    search = plan_search(window)
    assert search.since is not None
    assert search.before is not None
    for moment in (window.since, window.since + length - dt.timedelta(microseconds=1)):
        # A server compares the date as written, in whatever zone it keeps it.
        assert search.since <= moment.astimezone(zone).date() < search.before


def test_plan_search_at_the_ends_of_time_does_not_overflow() -> None:
    first = dt.datetime.min.replace(tzinfo=dt.UTC)
    last = dt.datetime.max.replace(tzinfo=dt.UTC)
    search = plan_search(Window(first, last))
    assert (search.since, search.before) == (dt.date.min, dt.date.max)


@given(st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60))))
def test_merge_intervals_covers_the_same_days_as_few_as_possible(
    pairs: list[tuple[int, int]],
) -> None:
    intervals = [(NOW + a * DAY, NOW + b * DAY) for a, b in pairs]
    merged = merge_intervals(intervals)
    days = [NOW + n * DAY for n in range(61)]
    assert [any(a <= d < b for a, b in intervals) for d in days] == [
        any(a <= d < b for a, b in merged) for d in days
    ]
    assert all(first[1] < second[0] for first, second in itertools.pairwise(merged))


@given(
    st.dictionaries(st.integers(1, 500), st.integers(0, 9_000)),
    st.integers(1, 20),
    st.integers(1, 10_000),
)
@pytest.mark.row("R012", "R020")
def test_plan_slices_hold_every_row_once_newest_first(
    sizes: dict[int, int], max_messages: int, max_bytes: int
) -> None:
    rows = sorted(sizes.items(), reverse=True)
    slices = plan_slices("INBOX", 1, rows, max_messages, max_bytes)
    held = [[uid for uid in sizes if s.uid_low <= uid <= s.uid_high] for s in slices]
    assert sorted(uid for uids in held for uid in uids) == sorted(sizes)
    assert [s.message_count for s in slices] == [len(uids) for uids in held]
    assert all(s.message_count <= max_messages for s in slices)
    assert all(s.size_bytes <= max_bytes or s.message_count == 1 for s in slices)
    assert [s.uid_high for s in slices] == sorted((s.uid_high for s in slices), reverse=True)


def test_plan_chunks_unknown_size_stands_alone() -> None:
    chunks = list(plan_chunks([(3, 10), (2, 0), (1, 10)], 10, 100, unknown_bytes=100))
    assert [[uid for uid, _ in chunk] for chunk in chunks] == [[3], [2], [1]]


def entry(uid: int, state: LedgerState, day: int = 0, batch: str | None = None) -> LedgerEntry:
    return LedgerEntry(uid, state, NOW + day * DAY, 10, batch)


WINDOW = Window(NOW - DAY, NOW + DAY)


@pytest.mark.row("R006", "R031")
def test_plan_listing_sorts_every_uid_by_what_is_known() -> None:
    known = {
        1: entry(1, LedgerState.PUBLISHED),
        2: entry(2, LedgerState.OUTSIDE, -30),
        3: entry(3, LedgerState.UNAVAILABLE),
        4: entry(4, LedgerState.VANISHED),
        5: entry(5, LedgerState.PUBLISHED, batch="mine"),
    }
    news = [ListedMessage(6, NOW, 1), ListedMessage(7, NOW - 30 * DAY, 1)]
    plan = plan_listing(range(1, 8), known, news, WINDOW, "mine", NOW)
    assert [m.uid for m in plan.listed] == [6]
    assert [m.uid for m in plan.outside] == [7]
    assert plan.adopted == (3, 4)  # open, and one that came back
    assert plan.covered == 1
    assert plan.in_window == 5


@pytest.mark.row("R033")
def test_plan_listing_wider_window_adopts_what_was_outside() -> None:
    known = {2: entry(2, LedgerState.OUTSIDE, -30)}
    wide = Window(NOW - 40 * DAY, None)
    assert plan_listing([2], known, [], wide, "mine", NOW).adopted == (2,)


@pytest.mark.row("R026", "R032")
def test_plan_listing_without_a_date_or_in_the_future_is_inside_an_open_window() -> None:
    news = [ListedMessage(1, None, 1), ListedMessage(2, NOW + 900 * DAY, 1)]
    plan = plan_listing([1, 2], {}, news, Window(NOW - DAY, None), "mine", NOW)
    assert [m.uid for m in plan.listed] == [1, 2]


@pytest.mark.row("R008")
def test_plan_absent_names_open_rows_only() -> None:
    known = {n: entry(n, state) for n, state in enumerate(LedgerState, 1)}
    open_states = {known[uid].state for uid in plan_absent([], known, WINDOW, NOW)}
    assert open_states == {LedgerState.LISTED, LedgerState.STAGED, LedgerState.UNAVAILABLE}
    assert plan_absent(list(known), known, WINDOW, NOW) == []


def test_plan_missing_names_published_rows_only() -> None:
    known = {n: entry(n, state) for n, state in enumerate(LedgerState, 1)}
    missing = {known[uid].state for uid in plan_missing([], known, WINDOW)}
    assert missing == {LedgerState.PUBLISHED, LedgerState.DUPLICATE}


def test_plan_unknown_is_ascending() -> None:
    assert plan_unknown([9, 3, 5], {5: entry(5, LedgerState.LISTED)}) == [3, 9]


@pytest.mark.row("R042")
@pytest.mark.parametrize(
    ("gone", "known", "is_mass"),
    [(4, 4, False), (5, 20, True), (20, 100, False), (21, 100, True), (101, 9_999, True)],
)
def test_is_mass_vanishing_at_its_limits(gone: int, known: int, is_mass: bool) -> None:
    assert is_mass_vanishing(gone, known) is is_mass


@pytest.mark.row("R069", "R070")
@pytest.mark.parametrize(
    ("exists", "uidnext", "is_noted"),
    [(10_000, 15_000, True), (10_000, 10_001, False), (1_000, None, True), (999, 5_000, False)],
)
def test_find_hidden_mail_round_sizes_are_noted(
    exists: int, uidnext: int | None, is_noted: bool
) -> None:
    status = FolderStatus("INBOX", 1, uidnext, exists)
    assert (find_hidden_mail(status) is not None) is is_noted


def folder(name: str, *attributes: str, selectable: bool = True) -> FolderEntry:
    return FolderEntry(name, frozenset(attributes), selectable)


@pytest.mark.row("R084", "R085")
@pytest.mark.parametrize(
    ("configured", "entries", "found", "missing"),
    [
        (("inbox",), [folder("INBOX")], ("INBOX",), ()),
        (("INBOX", "Inbox"), [folder("INBOX")], ("INBOX",), ()),
        (("\\Sent",), [folder("Sent"), folder("Out", "\\sent")], ("Out",), ()),
        (("\\Sent",), [folder("Gesendete Elemente")], ("Gesendete Elemente",), ()),
        (("\\Sent",), [folder("已发送")], ("已发送",), ()),
        (("\\Sent",), [folder("Work")], (), ("\\Sent",)),
        (("Work", "Gone"), [folder("Work")], ("Work",), ("Gone",)),
        (("Work",), [folder("Work", selectable=False)], (), ("Work",)),
        (("work",), [folder("Work")], (), ("work",)),
    ],
)
def test_resolve_folders_finds_by_name_flag_or_known_names(
    configured: tuple[str, ...],
    entries: list[FolderEntry],
    found: tuple[str, ...],
    missing: tuple[str, ...],
) -> None:
    assert resolve_folders(configured, entries) == (found, missing)


@pytest.mark.parametrize(
    ("received", "waited_s", "size"),
    [
        (0, 0.0, 48_000),  # not known yet
        (100_000, 5.0, 48_000),  # too little to say
        (300_000_000, 1.0, 48_000),  # loopback: never more than the limit
        (12_500_000, 1.0, 6_250),  # 100 Mbit/s
        (1_000_000, 60.0, 4_096),  # a slow line: what is tiny is read whole all the same
    ],
)
def test_plan_whole_bytes_follows_what_the_line_brings(
    received: int, waited_s: float, size: int
) -> None:
    assert plan_whole_bytes(48_000, received, waited_s) == size
