"""Slices: cutting work into tasks, and a task's work into server commands."""

from collections.abc import Iterable, Iterator

from mailcrm.records import FolderSlice

# What reading a message's parts costs more than reading it whole, on one core.
OUTLINE_COST_S = 0.0005
# A rate that was measured on less says nothing.
MIN_MEASURED_BYTES = 256 * 1024
SMALLEST_OUTLINED = 4 * 1024


def plan_slices(
    folder: str,
    generation_id: int,
    rows: Iterable[tuple[int, int]],
    max_messages: int,
    max_bytes: int,
) -> tuple[FolderSlice, ...]:
    """Cut one folder's open messages into slices.

    Args:
        folder: The folder's name.
        generation_id: Its generation.
        rows: (uid, size_bytes), uid descending, so that the newest mail comes first.
        max_messages: Messages of one slice.
        max_bytes: Bytes of one slice, unless its only message is larger.

    Returns:
        Slices that hold every row exactly once, newest first.
    """
    return tuple(
        FolderSlice(
            folder=folder,
            generation_id=generation_id,
            uid_low=chunk[-1][0],
            uid_high=chunk[0][0],
            message_count=len(chunk),
            size_bytes=sum(size for _, size in chunk),
        )
        for chunk in plan_chunks(rows, max_messages, max_bytes)
    )


def plan_whole_bytes(limit: int, bytes_received: int, waited_s: float) -> int:
    """Up to which size messages are read whole.

    Args:
        limit: The largest such size, on any line.
        bytes_received: What the line brought so far.
        waited_s: How long was waited for it.

    Returns:
        What the line brings in the time that a message's outline costs; `limit` where that is
        more, or not known yet.
    """
    if bytes_received < MIN_MEASURED_BYTES or waited_s <= 0:
        return limit
    worth = int(bytes_received / waited_s * OUTLINE_COST_S)
    return min(limit, max(SMALLEST_OUTLINED, worth))


def plan_chunks(
    rows: Iterable[tuple[int, int]], max_messages: int, max_bytes: int, unknown_bytes: int = 0
) -> Iterator[list[tuple[int, int]]]:
    """Group (uid, size_bytes) rows, in order, by count and bytes.

    A large row stands alone. One of unknown size (0) counts as `unknown_bytes`.
    """
    chunk: list[tuple[int, int]] = []
    chunk_bytes = 0
    for uid, size_bytes in rows:
        weight = size_bytes or unknown_bytes
        if chunk and (len(chunk) >= max_messages or chunk_bytes + weight > max_bytes):
            yield chunk
            chunk, chunk_bytes = [], 0
        chunk.append((uid, size_bytes))
        chunk_bytes += weight
    if chunk:
        yield chunk
