"""Quirks for `honest_imap`: each is what some server was seen to do, in a few lines."""

import dataclasses
import random
import re
from collections.abc import Callable, Collection

from servers.honest_imap import Answer, Command, Quirk

__all__ = [
    "add_lines",
    "cap_search",
    "edit_lines",
    "follow",
    "hang_up",
    "omit",
    "omit_at_random",
    "only",
    "refuse",
    "replace_search",
    "rewrite",
    "times",
    "unsearchable",
    "with_code",
]


def only(verb: str, quirk: Quirk, when: Callable[[Command], bool] = lambda command: True) -> Quirk:
    """The quirk for one verb, and only where `when` says so."""

    def bend(command: Command, answer: Answer) -> Answer:
        return quirk(command, answer) if command.verb == verb and when(command) else answer

    return bend


def times(count: int, quirk: Quirk) -> Quirk:
    """The quirk as long as it changed fewer than `count` answers."""
    left = [count]

    def bend(command: Command, answer: Answer) -> Answer:
        if left[0] <= 0:
            return answer
        before = dataclasses.replace(answer, lines=list(answer.lines), uids=list(answer.uids))
        bent = quirk(command, answer)
        left[0] -= bent != before
        return bent

    return bend


def refuse(verb: str, final: bytes, when: Callable[[Command], bool] = lambda c: True) -> Quirk:
    """Answer a verb with NO or BAD."""
    return only(verb, lambda command, answer: Answer(final=final), when)


def hang_up(verb: str, words: bytes = b"") -> Quirk:
    """Close the connection instead of an answer."""
    return only(verb, lambda command, answer: Answer(final=words, hang_up=True))


def follow(verb: str, words: bytes) -> Quirk:
    """Close the connection right after the honest answer."""

    def bend(command: Command, answer: Answer) -> Answer:
        return dataclasses.replace(answer, final=answer.final + words, hang_up=True)

    return only(verb, bend)


def omit(wanted: Callable[[int], bool], *, bodies_only: bool = True) -> Quirk:
    """Leave the FETCH lines of some uids out."""

    def bend(command: Command, answer: Answer) -> Answer:
        if command.verb != "UID FETCH" or (bodies_only and not command.is_body):
            return answer
        kept = [(line, uid) for line, uid in _rows(answer) if not uid or not wanted(uid)]
        return dataclasses.replace(answer, lines=[x for x, _ in kept], uids=[u for _, u in kept])

    return bend


def omit_at_random(share: float, seed: int) -> Quirk:
    """Leave each FETCH line out with the same chance."""
    chance = random.Random(seed)
    return omit(lambda uid: chance.random() < share, bodies_only=False)


def edit_lines(edit: Callable[[bytes, int], bytes], *, bodies_only: bool = True) -> Quirk:
    """Change the FETCH lines one by one; b"" removes one."""

    def bend(command: Command, answer: Answer) -> Answer:
        if command.verb != "UID FETCH" or (bodies_only and not command.is_body):
            return answer
        lines = [edit(line, uid) if uid else line for line, uid in _rows(answer)]
        return dataclasses.replace(answer, lines=lines)

    return bend


def rewrite(pattern: bytes, replacement: bytes, *, bodies_only: bool = True) -> Quirk:
    """Change the FETCH lines by a regular expression."""
    compiled = re.compile(pattern, re.S)
    return edit_lines(
        lambda line, uid: compiled.sub(replacement, line, count=1), bodies_only=bodies_only
    )


def add_lines(verb: str, *lines: bytes, at: int = 0) -> Quirk:
    """Put untagged lines into a verb's answer."""

    def bend(command: Command, answer: Answer) -> Answer:
        found, uids = list(answer.lines), list(answer.uids)
        found[at:at] = lines
        uids[at:at] = [0] * len(lines) if command.verb.endswith("FETCH") else []
        return dataclasses.replace(answer, lines=found, uids=uids)

    return only(verb, bend)


def replace_search(change: Callable[[bytes], list[bytes]]) -> Quirk:
    """Change the one SEARCH or ESEARCH line into any number of lines."""

    def bend(command: Command, answer: Answer) -> Answer:
        lines: list[bytes] = []
        for line in answer.lines:
            is_it = line.startswith((b"* SEARCH", b"* ESEARCH"))
            lines += change(line) if is_it else [line]
        return dataclasses.replace(answer, lines=lines)

    return only("UID SEARCH", bend)


def cap_search(limit: int) -> Quirk:
    """Give the first `limit` uids only, in either form of answer; counts stay honest."""

    def cap(line: bytes) -> list[bytes]:
        if line.startswith(b"* SEARCH"):
            return [b" ".join(line.split()[: limit + 2]) + b"\r\n"]
        return [re.sub(rb"ALL (\d+):\d+", lambda m: b"ALL %s:%d" % (m[1], limit), line)]

    return replace_search(cap)


def unsearchable() -> Quirk:
    """SEARCH is refused altogether."""
    return refuse("UID SEARCH", b"%T BAD no search here\r\n")


def with_code(pattern: bytes, replacement: bytes) -> Quirk:
    """Change what EXAMINE says, line by line; an empty line is left out."""

    def bend(command: Command, answer: Answer) -> Answer:
        lines = [re.sub(pattern, replacement, line) for line in answer.lines]
        return dataclasses.replace(answer, lines=[line for line in lines if line.strip()])

    return only("EXAMINE", bend)


def _rows(answer: Answer) -> list[tuple[bytes, int]]:
    uids: Collection[int] = answer.uids or [0] * len(answer.lines)
    return list(zip(answer.lines, uids, strict=True))
