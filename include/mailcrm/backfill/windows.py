"""Windows: which days a run asks for, and how to ask the server without missing any."""

import datetime as dt

from mailcrm.errors import SettingsError
from mailcrm.records import EARLIEST_DAY, Backfill, SearchCriteria, Window

_DAY = dt.timedelta(days=1)


def utc_midnight(moment: dt.datetime | dt.date) -> dt.datetime:
    """The UTC midnight that begins the day of an aware moment or of a date."""
    if isinstance(moment, dt.datetime):
        moment = moment.astimezone(dt.UTC).date()
    return dt.datetime.combine(moment, dt.time(), tzinfo=dt.UTC)


def plan_window(
    backfill: Backfill,
    connected_at: dt.datetime,
    since: dt.datetime | None,
    until: dt.datetime | None,
) -> Window:
    """Choose the window of one run.

    Args:
        backfill: The mailbox's policy, used where `since` is None.
        connected_at: When the mailbox was connected, aware UTC; `backfill.days` count back from
            that day, so that the window only ever grows and a long pause misses nothing.
        since: First moment asked for, aware UTC, or None.
        until: First moment no longer asked for, aware UTC, or None for no end.

    Returns:
        The half-open window.

    Raises:
        SettingsError: the window is empty, or begins before EARLIEST_DAY.
    """
    if since is None:
        since = utc_midnight(backfill.since or connected_at)
        if backfill.since is None:
            since -= dt.timedelta(days=backfill.days)
    if since.date() < EARLIEST_DAY:
        problem = f"since ({since.date().isoformat()}) must be {EARLIEST_DAY} or later"
        raise SettingsError(where="window", problem=problem)
    if until is not None and since >= until:
        raise SettingsError(
            where="window",
            problem=f"since ({since:%Y-%m-%d}) must be before until ({until:%Y-%m-%d})",
        )
    return Window(since=since, until=until)


def plan_search(window: Window) -> SearchCriteria:
    """Choose SEARCH dates that cannot miss a message inside the window.

    Args:
        window: Half-open [since, until), aware UTC.

    Returns:
        SINCE a day earlier and BEFORE two days later than the window's days, because SEARCH
        ignores time and zone and `until` may lie within a day; the caller drops messages whose
        internaldate lies outside the window.

    Source: RFC 9051 §6.4.4.
    """
    until = window.until
    return SearchCriteria(
        since=_shift(window.since, -1),
        before=None if until is None else _shift(until, 2),
    )


def _shift(moment: dt.datetime, days: int) -> dt.date:
    try:
        return moment.astimezone(dt.UTC).date() + days * _DAY
    except OverflowError:
        return dt.date.min if days < 0 else dt.date.max
