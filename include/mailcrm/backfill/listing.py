"""Comparing the server's listing with the ledger: what is new, open, covered or gone."""

import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from mailcrm.records import LedgerEntry, LedgerState, ListedMessage, Window


@dataclass(frozen=True, slots=True)
class ListingPlan:
    """What one part of a folder's listing means for the ledger.

    `listed` and `outside` are new uids in and out of the window; `adopted` known uids that this
    run takes up; `covered` counts those that earlier runs brought to a final state, `own` those
    that this run did before it was started again.
    """

    listed: tuple[ListedMessage, ...]
    outside: tuple[ListedMessage, ...]
    adopted: tuple[int, ...]
    covered: int
    own: int = 0

    @property
    def in_window(self) -> int:
        """How many messages of the listing lie inside the window, or did so before."""
        return len(self.listed) + len(self.adopted) + self.covered + self.own


def plan_unknown(uids: Collection[int], known: Mapping[int, LedgerEntry]) -> list[int]:
    """The listed uids without a ledger row, ascending: those whose date must be asked for."""
    return sorted(uid for uid in uids if uid not in known)


def plan_absent(
    uids: Collection[int], known: Mapping[int, LedgerEntry], window: Window, first_seen: dt.datetime
) -> list[int]:
    """Open ledger rows inside the window that the listing left out, ascending.

    Silence is no proof: the caller asks for each by uid before it calls one vanished.
    """
    listed = frozenset(uids)
    return sorted(
        entry.uid
        for entry in known.values()
        if entry.uid not in listed
        and not entry.state.is_final
        and entry.state is not LedgerState.OUTSIDE
        and window.contains(entry.internaldate or first_seen)
    )


def plan_listing(
    uids: Sequence[int],
    known: Mapping[int, LedgerEntry],
    news: Sequence[ListedMessage],
    window: Window,
    batch_id: str,
    first_seen: dt.datetime,
) -> ListingPlan:
    """Sort one part of a listing by what the ledger knows.

    Args:
        uids: What the server listed: every uid once.
        known: Ledger rows of those uids, and possibly of others.
        news: Date and size of the uids without a row.
        window: The run's window.
        batch_id: The run's batch; what it brought to an end itself is `own`, not `covered`, and
            is so even where the server does not list it any more.
        first_seen: Stands in for an internaldate that the server could not give.

    Returns:
        The plan. A vanished uid that the server lists again is open again.
    """
    listed: list[ListedMessage] = []
    outside: list[ListedMessage] = []
    for message in news:
        inside = window.contains(message.internaldate or first_seen)
        (listed if inside else outside).append(message)
    adopted: list[int] = []
    covered = 0
    for uid in uids:
        entry = known.get(uid)
        if entry is None or not window.contains(entry.internaldate or first_seen):
            continue
        if entry.state.is_final and entry.state is not LedgerState.VANISHED:
            covered += entry.batch_id != batch_id
        else:
            adopted.append(uid)
    own = _count_own(known, batch_id, frozenset(adopted))
    return ListingPlan(tuple(listed), tuple(outside), tuple(adopted), covered, own)


def _count_own(known: Mapping[int, LedgerEntry], batch_id: str, adopted: Collection[int]) -> int:
    """Uids that this batch itself brought to an end, when a task of its run is tried again."""
    return sum(
        entry.state.is_final and entry.batch_id == batch_id and entry.uid not in adopted
        for entry in known.values()
    )
