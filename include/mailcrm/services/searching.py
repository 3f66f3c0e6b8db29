"""Searching one folder for a window, where the server's search may err.

The date search saves work and proves nothing. What it found inside the window and what it counts
outside must add up to the folder's size, and the folder's latest messages are asked for their own
dates: some servers search by another date, or in an index that is behind. Where either disagrees,
every message is asked.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from mailcrm.backfill import plan_search
from mailcrm.errors import ServerRefusedError
from mailcrm.ports import MailReader
from mailcrm.records import FolderStatus, SearchCriteria, Window

__all__ = ["LISTING_STEP", "FolderSearch", "search_folder"]

# A folder is listed in windows of at most this many messages: bounded lines, bounded memory.
LISTING_STEP = 20_000
# So many of the latest uids are held against the search: new mail is there.
LATEST_UIDS = 200


@dataclass(frozen=True, slots=True)
class FolderSearch:
    """What a search brought: criteria of each uid window, and its uids, ascending.

    `note` says that the search could not be trusted, `problem` that messages stayed unseen.
    """

    parts: tuple[tuple[SearchCriteria, list[int]], ...]
    note: str | None = None
    problem: str | None = None


def search_folder(reader: MailReader, status: FolderStatus, window: Window) -> FolderSearch:
    """Find all uids that may lie inside the window; the caller drops those outside.

    Args:
        reader: The folder is examined.
        status: What EXAMINE said of it.
        window: Half-open [since, until), aware UTC.

    Raises:
        ServerRefusedError, ThrottledError, ServerUnreachableError
    """
    parts = list(_uid_windows(reader, status, window))
    found = [list(reader.search_uids(criteria)) for criteria in parts]
    if _adds_up(reader, status, parts, found) and _finds_latest(reader, status, parts[0], found):
        return FolderSearch(tuple(zip(parts, found, strict=True)))
    note = f"folder {status.name!r}: its search left messages out; each was asked"
    return _ask_all(reader, status, parts, note)


def _uid_windows(
    reader: MailReader, status: FolderStatus, window: Window
) -> Iterator[SearchCriteria]:
    search = plan_search(window)
    if status.exists <= LISTING_STEP:
        yield search
        return
    lows = [1, *list(reader.uid_anchors(LISTING_STEP))[1:]]
    for low, following in zip(lows, [*lows[1:], None], strict=True):
        high = None if following is None else following - 1
        yield SearchCriteria(search.since, search.before, low, high)


def _adds_up(
    reader: MailReader,
    status: FolderStatus,
    parts: Sequence[SearchCriteria],
    found: Sequence[list[int]],
) -> bool:
    """Whether what was found, and what lies outside, are at least all that the folder holds."""
    inside = sum(len(uids) for uids in found)
    if inside >= status.exists:
        return True
    try:
        outside = sum(reader.count_outside(criteria) for criteria in parts)
    except ServerRefusedError:
        return False
    return inside + outside >= status.exists


def _finds_latest(
    reader: MailReader,
    status: FolderStatus,
    criteria: SearchCriteria,
    found: Sequence[list[int]],
) -> bool:
    """Whether the latest messages that say themselves that they fit were found."""
    if status.uidnext is None or sum(len(uids) for uids in found) >= status.exists:
        return True
    low = max(1, status.uidnext - LATEST_UIDS)
    try:
        latest = reader.enumerate_uids(replace(criteria, uid_low=low, uid_high=None))
    except ServerRefusedError:
        return True
    return {uid for uids in found for uid in uids}.issuperset(latest)


def _ask_all(
    reader: MailReader, status: FolderStatus, parts: Sequence[SearchCriteria], note: str
) -> FolderSearch:
    """List every message, whatever its date, and hold the count against the folder's."""
    everything = [replace(criteria, since=None, before=None) for criteria in parts]
    found = [list(reader.enumerate_uids(criteria)) for criteria in everything]
    listed = sum(len(uids) for uids in found)
    exists = min(status.exists, reader.examine(status.name).exists)
    problem = None
    if listed < exists:
        problem = f"folder {status.name!r}: the server counts {exists} messages and lists {listed}"
    return FolderSearch(tuple(zip(everything, found, strict=True)), note, problem)
