"""What goes over the wire in words: which commands may, and what an answer is made of."""

import re
from dataclasses import dataclass
from typing import Any, Final

from mailcrm.errors import SettingsError
from mailcrm.records.text import escape_text

__all__ = ["Line", "Literal", "Reply", "check_command"]

_VERBS: Final = frozenset(
    {
        "AUTHENTICATE",
        "CAPABILITY",
        "EXAMINE",
        "FETCH",
        "ID",
        "IDLE",
        "LIST",
        "LOGIN",
        "LOGOUT",
        "NOOP",
        "STARTTLS",
        "STATUS",
        "UID",
    }
)
_UID_VERBS: Final = frozenset({b"FETCH", b"SEARCH"})
_READS_WITHOUT_PEEK: Final = re.compile(rb"(?<!\.PEEK)\[|RFC822(?!\.(?:SIZE|HEADER)\b)", re.I)
_FORBIDDEN: Final = re.compile(rb"[\x00\r\n]")
_MAX_COMMAND_BYTES: Final = 8192


@dataclass(frozen=True, slots=True)
class Literal:
    """A literal: its bytes, cut or empty where it did not fit, and its announced size."""

    data: bytes
    size_bytes: int


Line = tuple["bytes | Literal", ...]


@dataclass(frozen=True, slots=True)
class Reply:
    """A tagged answer: status (OK, NO, BAD), response code if any, and the server's words.

    `text` is raw: escape it before it is shown.
    """

    status: str
    code: str | None
    text: str

    @property
    def is_ok(self) -> bool:
        """Whether the server did what was asked."""
        return self.status == "OK"


def check_command(name: str, args: tuple[Any, ...]) -> None:
    """Refuse what this product never sends: writing verbs, line ends inside arguments.

    Raises:
        SettingsError: names the verb, never the argument.
    """
    where = f"imap command {escape_text(name)}"
    values = [a.encode("ascii", "replace") if isinstance(a, str) else a for a in args if a]
    if name not in _VERBS or (name == "UID" and values[0] not in _UID_VERBS):
        raise SettingsError(where=where, problem="is not among the read-only commands")
    if any(_FORBIDDEN.search(value) for value in values):
        raise SettingsError(where=where, problem="a value holds a line end or NUL")
    if sum(map(len, values)) > _MAX_COMMAND_BYTES:
        raise SettingsError(where=where, problem=f"is longer than {_MAX_COMMAND_BYTES} bytes")
    fetches = name == "FETCH" or (name == "UID" and values[0] == b"FETCH")
    if fetches and _READS_WITHOUT_PEEK.search(values[-1]):
        raise SettingsError(where=where, problem="would mark messages as read")
