"""Uid sets as commands spell them: compressed to ranges, cut so that lines stay short."""

from collections.abc import Iterable, Iterator
from typing import Final

__all__ = ["MAX_SET_BYTES", "format_ranges", "plan_uid_sets"]

# A command line has at most 1,000 octets; tag, verb and items need less than 150 of them.
MAX_SET_BYTES: Final = 850


def format_ranges(uids: Iterable[int]) -> Iterator[tuple[str, list[int]]]:
    """Spell runs of consecutive uids.

    Args:
        uids: Ascending, unique.

    Yields:
        The spelling, such as 7 or 7:12, and the uids it stands for.
    """
    run: list[int] = []
    for uid in uids:
        if run and uid != run[-1] + 1:
            yield _spell(run), run
            run = []
        run.append(uid)
    if run:
        yield _spell(run), run


def plan_uid_sets(
    uids: Iterable[int], max_bytes: int = MAX_SET_BYTES
) -> Iterator[tuple[str, list[int]]]:
    """Cut uids into sets that fit one command each.

    Args:
        uids: Any order, repeats allowed.
        max_bytes: Most octets of one set.

    Yields:
        A set's spelling and the uids in it; together every uid once, ascending.
    Source: RFC 9051 §9 (sequence-set), RFC 2683 §3.2.1.5 (line length).
    """
    words: list[str] = []
    members: list[int] = []
    length = 0
    for word, run in format_ranges(sorted(set(uids))):
        if words and length + 1 + len(word) > max_bytes:
            yield ",".join(words), members
            words, members, length = [], [], 0
        words.append(word)
        members.extend(run)
        length += len(word) + 1
    if words:
        yield ",".join(words), members


def _spell(run: list[int]) -> str:
    return str(run[0]) if len(run) == 1 else f"{run[0]}:{run[-1]}"
