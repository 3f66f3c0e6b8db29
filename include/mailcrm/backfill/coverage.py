"""Coverage: the date intervals of a folder's generation that were read in full."""

import datetime as dt
from collections.abc import Iterable

Interval = tuple[dt.datetime, dt.datetime]


def merge_intervals(intervals: Iterable[Interval]) -> tuple[Interval, ...]:
    """The union of half-open intervals [since, until), ascending, as few as possible."""
    merged: list[Interval] = []
    for since, until in sorted(i for i in intervals if i[0] < i[1]):
        if merged and since <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], until))
        else:
            merged.append((since, until))
    return tuple(merged)
