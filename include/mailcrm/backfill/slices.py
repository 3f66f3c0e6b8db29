"""Slices: cutting work into tasks, and a task's work into server commands."""

from collections.abc import Iterable, Iterator

from mailcrm.records import FolderSlice


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
