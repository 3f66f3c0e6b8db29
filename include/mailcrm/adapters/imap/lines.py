"""FETCH and LIST lines, one at a time: a line speaks for itself or not at all.

imapclient merges all lines of an answer by sequence number and keeps the last value, so an
unsolicited line of another message can lend it flags. Here a line counts only by its own UID.
"""

import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any, Final

from mailcrm.adapters.imap.words import Line, Literal

__all__ = ["FetchValue", "MalformedLineError", "parse_fetch_line", "parse_list_line", "read_uid"]

FetchValue = bytes | Literal | tuple[bytes, ...] | None
"""An atom or quoted string, a literal, the atoms of a flat list, or NIL."""

_MAX_DEPTH: Final = 100
_MAX_UID: Final = 4_294_967_295
_LISTING: Final = re.compile(
    rb"\((?:(?:UID (?P<uid>\d+)|RFC822\.SIZE (?P<size>\d+)"
    rb'|INTERNALDATE "(?P<date>[^"\\]*)") ?){1,3}\)'
)
# What a server says of a message whose body is the only literal: four items, each once.
_BODY: Final = re.compile(
    rb"\((?:(?:UID (?P<uid>\d+)|RFC822\.SIZE (?P<size>\d+)"
    rb'|INTERNALDATE "(?P<date>[^"\\]*)"|FLAGS \((?P<flags>[^()"\[\]{}]*)\)) ){4}BODY\[\](?:<0>)? ?'
)
_TOKEN: Final = re.compile(rb' *+(\(|\)|"(?:[^"\\]|\\.)*+"|[^\s()"]++)')
_KEY: Final = re.compile(rb" *([^\s()\"\[\]{}]+(?:\[[^\]]*\](?:<\d+>)?)?) *")
_ATOM: Final = re.compile(rb' *([^\s()"]+)')
_QUOTED: Final = re.compile(rb' *"((?:[^"\\]|\\.)*)"')
_SPACES: Final = re.compile(rb" *")


class MalformedLineError(ValueError):
    """A line that does not follow the grammar; never leaves this package."""


def parse_fetch_line(line: Line) -> Mapping[bytes, FetchValue]:
    """Read one FETCH line.

    Args:
        line: Text parts with the literals between them, without number and FETCH.

    Returns:
        The values by upper-case item name, BODY[]<0> as BODY[]. An item that came twice with
        different values is left out, since neither can be trusted.

    Raises:
        MalformedLineError: the line does not follow the grammar, or nests too deep.
    Source: RFC 9051 §7.5.2 and §9 (msg-att).
    """
    first = line[0]
    if len(line) == 1 and isinstance(first, bytes):
        match = _LISTING.fullmatch(first)
        if match is not None:
            names = {b"UID": "uid", b"RFC822.SIZE": "size", b"INTERNALDATE": "date"}
            return {k: match[n] for k, n in names.items() if match[n] is not None}
    if len(line) == 3 and (found := _read_body_line(line)) is not None:
        return found
    values: dict[bytes, FetchValue] = {}
    unstable: set[bytes] = set()
    for key, value in _items(_Scanner(line)):
        if key in values and values[key] != value:
            unstable.add(key)
        values[key] = value
    return {key: value for key, value in values.items() if key not in unstable}


def _read_body_line(line: Line) -> Mapping[bytes, FetchValue] | None:
    """The usual answer to a fetch of whole messages; None where it has to be looked at closely."""
    first, literal, last = line
    match = _BODY.fullmatch(first) if isinstance(first, bytes) else None
    if match is None or not isinstance(literal, Literal) or last != b")":
        return None
    uid, size, date, flags = match.group("uid", "size", "date", "flags")
    if uid is None or size is None or date is None or flags is None:
        return None  # an item came twice
    return {
        b"UID": uid,
        b"RFC822.SIZE": size,
        b"INTERNALDATE": date,
        b"FLAGS": tuple(flags.split()),
        b"BODY[]": literal,
    }


def read_uid(values: Mapping[bytes, FetchValue], asked: Collection[int]) -> int | None:
    """The line's own UID, None where it has none or nobody asked for it."""
    raw = values.get(b"UID")
    if not isinstance(raw, bytes) or not raw.isdigit() or len(raw) > 10:
        return None
    uid = int(raw)
    return uid if 1 <= uid <= _MAX_UID and uid in asked else None


def parse_list_line(line: Line) -> tuple[tuple[bytes, ...], bytes]:
    """Read one LIST line.

    Args:
        line: Text parts with the literals between them, without LIST.

    Returns:
        The attributes, and the folder's name unquoted: an atom, a quoted string or a literal.

    Raises:
        MalformedLineError: the line does not follow the grammar.
    Source: RFC 9051 §7.3.1 and §9 (mailbox-list).
    """
    scanner = _Scanner(line)
    flags = scanner.value()
    scanner.value()  # the delimiter
    name = scanner.value(has_nil=False)
    if not isinstance(flags, tuple) or isinstance(name, tuple) or name is None:
        raise MalformedLineError
    return flags, name.data if isinstance(name, Literal) else name


def _items(scanner: "_Scanner") -> Iterator[tuple[bytes, FetchValue]]:
    scanner.expect(b"(")
    while not scanner.skip(b")"):
        key = scanner.match(_KEY).upper()
        if key == b"BODYSTRUCTURE":
            yield key, scanner.tree()
        else:
            yield key.removesuffix(b"<0>"), scanner.value()
    scanner.expect_end()


def _plain(token: bytes | Literal) -> FetchValue:
    """What a token stands for."""
    if isinstance(token, Literal):
        return token
    if token.startswith(b'"'):
        inner = token[1:-1]
        return re.sub(rb"\\(.)", rb"\1", inner) if b"\\" in inner else inner
    return None if token.upper() == b"NIL" else token


class _Scanner:
    """A position in a line of texts and literals."""

    def __init__(self, line: Line) -> None:
        self._parts = line
        self._part = 0
        self._at = 0

    def match(self, pattern: re.Pattern[bytes]) -> bytes:
        found = self.try_match(pattern)
        if found is None:
            raise MalformedLineError
        return found

    def try_match(self, pattern: re.Pattern[bytes]) -> bytes | None:
        text = self._parts[self._part]
        if not isinstance(text, bytes):
            raise MalformedLineError
        match = pattern.match(text, self._at)
        if match is None:
            return None
        self._at = match.end()
        return match.group(1)

    def skip(self, character: bytes) -> bool:
        text = self._parts[self._part]
        at = self._after_spaces()
        if not isinstance(text, bytes) or text[at : at + 1] != character:
            return False
        self._at = at + 1
        return True

    def expect(self, character: bytes) -> None:
        if not self.skip(character):
            raise MalformedLineError

    def expect_end(self) -> None:
        is_last = self._part == len(self._parts) - 1
        text = self._parts[self._part]
        if not is_last or not isinstance(text, bytes) or self._after_spaces() != len(text):
            raise MalformedLineError

    def value(self, has_nil: bool = True) -> FetchValue:
        if (literal := self._literal()) is not None:
            return literal
        if self.skip(b"("):
            return self._list()
        quoted = self.try_match(_QUOTED)
        if quoted is not None:
            return re.sub(rb"\\(.)", rb"\1", quoted)
        atom = self.match(_ATOM)
        return None if has_nil and atom.upper() == b"NIL" else atom

    def tree(self) -> tuple[Any, ...]:
        """A list with all lists inside it, without recursion."""
        self.expect(b"(")
        stack: list[list[Any]] = [[]]
        while True:
            token = self._token()
            if token == b")":
                done = tuple(stack.pop())
                if not stack:
                    return done
                stack[-1].append(done)
            elif token == b"(":
                stack.append([])
            else:
                stack[-1].append(_plain(token))
            if len(stack) > _MAX_DEPTH:
                raise MalformedLineError

    def _token(self) -> bytes | Literal:
        """The next bracket, quoted string (with its quotes), atom or literal."""
        text = self._parts[self._part]
        match = _TOKEN.match(text, self._at) if isinstance(text, bytes) else None
        if match is not None:
            self._at = match.end()
            return match[1]
        literal = self._literal()
        if literal is None:
            raise MalformedLineError
        return literal

    def _list(self) -> tuple[bytes, ...]:
        """The atoms of the list itself; deeper ones are passed over, without recursion."""
        atoms: list[bytes] = []
        depth = 1
        while depth:
            if self.skip(b")"):
                depth -= 1
            elif self.skip(b"("):
                depth += 1
            elif self._literal() is None and self.try_match(_QUOTED) is None:
                atom = self.match(_ATOM)
                if depth == 1:
                    atoms.append(atom)
            if depth > _MAX_DEPTH:
                raise MalformedLineError
        return tuple(atoms)

    def _literal(self) -> Literal | None:
        text = self._parts[self._part]
        if not isinstance(text, bytes) or self._after_spaces() != len(text):
            return None
        if self._part + 2 >= len(self._parts):
            return None
        literal = self._parts[self._part + 1]
        if not isinstance(literal, Literal):
            raise MalformedLineError
        self._part += 2
        self._at = 0
        return literal

    def _after_spaces(self) -> int:
        text = self._parts[self._part]
        match = _SPACES.match(text, self._at) if isinstance(text, bytes) else None
        return match.end() if match else self._at
