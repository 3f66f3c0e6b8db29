"""When a wider window needs a person's sign-off."""

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence

from mailcrm.backfill.coverage import Interval, merge_intervals
from mailcrm.records import Approval, Window

__all__ = ["approval_reasons", "uncovered_days"]

_DAY = dt.timedelta(days=1)


def uncovered_days(
    window: Window, covered: Mapping[str, Sequence[Interval]], now: dt.datetime
) -> int:
    """Days of a window that were not read in full, rounded up, of the folder with the most.

    Args:
        window: Half-open; an open end is `now`.
        covered: Intervals read in full, by folder; a folder without any counts as all open.
        now: Aware UTC.
    """
    until = min(window.until or now, now)
    whole = until - window.since
    if whole <= dt.timedelta():
        return 0
    gaps = [whole - _inside(intervals, window.since, until) for intervals in covered.values()]
    return -(-max(gaps, default=whole) // _DAY)


def approval_reasons(
    policy: Approval, days: int, messages: int | None, reviewed: int
) -> tuple[str, ...]:
    """Why a person has to sign off, one line each; empty where the policy lets it pass.

    Args:
        policy: The mailbox's; a limit of None is never exceeded.
        days: Of the window that were not read yet.
        messages: In the window that were not read yet; None where nobody counted.
        reviewed: Automatic links of this mailbox that people judged.
    """
    if policy.reviewed_sample is not None and reviewed >= policy.reviewed_sample:
        return ()
    reasons = []
    if policy.over_days is not None and days > policy.over_days:
        reasons.append(f"{days} days were not read yet; the mailbox's limit is {policy.over_days}")
    if (
        policy.over_messages is not None
        and messages is not None
        and messages > policy.over_messages
    ):
        reasons.append(
            f"{messages} messages were not read yet; the mailbox's limit is {policy.over_messages}"
        )
    return tuple(reasons)


def _inside(intervals: Iterable[Interval], since: dt.datetime, until: dt.datetime) -> dt.timedelta:
    parts = ((max(since, low), min(until, high)) for low, high in merge_intervals(intervals))
    return sum((high - low for low, high in parts if low < high), dt.timedelta())
