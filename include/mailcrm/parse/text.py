"""The one gateway through which every text of a message passes.

What leaves it fits SQLite and PostgreSQL alike (text and JSON): no NUL, no lone surrogates, a
bounded length. Source: PostgreSQL manual §8.3 and §8.14 (no NUL in text or jsonb).
"""

import re

BODY_CAP = 1_000_000
"""Characters of a body that are kept."""
LINE_CAP = 8_000
"""Characters of a one-line text that are kept."""

_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_SURROGATES = re.compile(r"[\ud800-\udfff]")


def clean_text(value: str, cap: int = BODY_CAP) -> str:
    r"""Make a text of several lines safe to store.

    Args:
        value: Any string, also with NUL, lone surrogates or any line endings.
        cap: Characters that are kept.

    Returns:
        The text with "\n" line ends, NUL shown as U+2400 and lone surrogates as U+FFFD.
    """
    if len(value) > cap:
        value = value[:cap]
    if "\r" in value:
        value = value.replace("\r\n", "\n").replace("\r", "\n")
    if "\x00" in value:
        value = value.replace("\x00", "\u2400")
    if not value.isascii():
        value = _SURROGATES.sub("\ufffd", value)
    return value


def clean_line(value: str, cap: int = LINE_CAP) -> str:
    """Make a one-line text (subject, name, address) safe to store.

    Control characters and line ends become spaces, outer white space goes, NUL becomes U+2400.
    """
    if len(value) > cap:
        value = value[:cap]
    if not value.isprintable():
        value = value.replace("\r\n", "\n").replace("\x00", "\u2400")
        value = _CONTROLS.sub(" ", value)
        value = _SURROGATES.sub("\ufffd", value)
    return value.strip()


def word_set(words: str) -> frozenset[str]:
    """A set of the words in a text, to write long tables of names readably."""
    return frozenset(words.split())
