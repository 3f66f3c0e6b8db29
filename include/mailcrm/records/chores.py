"""What regular upkeep finds."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["Freshness", "HealthDigest"]


@dataclass(frozen=True, slots=True)
class Freshness:
    """When a mailbox last had a good run, and whether that is too long ago.

    `last_good` is the day of connecting before the first one. `told` is the moment of the outage
    that people were told of and that nobody was told the end of, else None.
    """

    mailbox_id: str
    last_good: dt.datetime
    is_stale: bool
    told: dt.datetime | None = None


@dataclass(frozen=True, slots=True)
class HealthDigest:
    """All mailboxes in numbers; `stale` names those without a good run in time."""

    mailboxes: Mapping[str, int]
    directions: Mapping[str, int]
    stale: tuple[str, ...]
    quarantine: int
    open_reviews: int
    held_batches: int
