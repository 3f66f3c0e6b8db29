"""A large message without its attachments: what to ask for, and how to put it together.

What is put together has the message's own header fields and texts, byte for byte; of each
attachment only the beginning and the end, and its decoded size from where its lines break. Where
anything about a message is unusual, it is read whole instead: an outline is a shortcut, and never
a second opinion.

Source: RFC 9051 §7.5.2 (BODYSTRUCTURE), §6.4.5.1 (part numbers).
"""

import datetime as dt
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from mailcrm.adapters.imap.lines import FetchValue, read_uid
from mailcrm.adapters.imap.rows import Values, read_date, read_flags, read_size
from mailcrm.adapters.imap.words import Literal
from mailcrm.parse import list_parts, measure_lines
from mailcrm.records import FetchedMessage

__all__ = ["OUTLINE_ITEMS", "Outline", "assemble", "plan_items", "read_outline"]

OUTLINE_ITEMS: Final = b"(UID FLAGS INTERNALDATE RFC822.SIZE BODYSTRUCTURE BODY.PEEK[HEADER])"
_SAMPLE: Final = 512
_MIN_OMITTED: Final = 8 * 1024
_MAX_TEXT: Final = 512 * 1024
_MAX_PARTS: Final = 12
_MAX_DEPTH: Final = 6
_BOUNDARY: Final = re.compile(rb"[0-9A-Za-z'()+_,\-./:=? ]{1,200}(?<! )")
_TEXTS: Final = frozenset((b"text/plain", b"text/html"))


@dataclass(frozen=True, slots=True)
class Part:
    """One node of a structure; `boundary` is None for a leaf, `octets` are of its encoded body.

    Of an omitted leaf both ends are read; of an unread one nothing: HTML whose plain text is there.
    """

    number: str
    boundary: bytes | None
    children: tuple["Part", ...] = ()
    octets: int = 0
    is_omitted: bool = False
    is_unread: bool = False
    kind: str = ""

    @property
    def is_text(self) -> bool:
        """Whether it is plain text, and not empty."""
        return self.kind == "text/plain" and self.octets > 0

    def walk(self) -> Iterator["Part"]:
        """All nodes below this one, in document order."""
        for child in self.children:
            yield child
            yield from child.walk()


@dataclass(frozen=True, slots=True)
class Outline:
    """A message whose attachments need not be read."""

    uid: int
    date: dt.datetime | None
    size_bytes: int
    flags: tuple[str, ...]
    header: bytes
    root: Part

    @property
    def wanted_bytes(self) -> int:
        """What is asked for of its parts."""
        leaves = [part for part in self.root.walk() if part.boundary is None]
        sizes = (2 * _SAMPLE if leaf.is_omitted else leaf.octets for leaf in leaves)
        return sum(sizes)


def read_outline(values: Values, asked: Collection[int]) -> Outline | None:
    """None where the message has to be read whole."""
    uid, flags = read_uid(values, asked), values.get(b"FLAGS")
    header, tree = read_bytes(values.get(b"BODY[HEADER]")), values.get(b"BODYSTRUCTURE")
    if uid is None or header is None or b"INTERNALDATE" not in values:
        return None
    if not isinstance(flags, tuple) or not isinstance(tree, tuple):
        return None
    root = _read_part(tree, "", 0)
    if root is None or root.boundary is None or not header.endswith(b"\r\n\r\n"):
        return None
    parts = list(root.walk())
    if len(parts) > _MAX_PARTS or not any(part.is_omitted or part.is_unread for part in parts):
        return None
    date, size = read_date(values), read_size(values)
    return Outline(uid, date, size, read_flags(flags), header, root)


def read_bytes(value: FetchValue) -> bytes | None:
    """A string's bytes; None for NIL, a list, or a literal that was cut."""
    if isinstance(value, Literal):
        return value.data if len(value.data) == value.size_bytes else None
    return value if isinstance(value, bytes) else None


def _read_part(tree: tuple[Any, ...], number: str, depth: int) -> Part | None:
    if not tree or depth > _MAX_DEPTH:
        return None
    if not isinstance(tree[0], tuple):
        return _read_leaf(tree, number)
    count = next((n for n, one in enumerate(tree) if not isinstance(one, tuple)), len(tree))
    subtype = tree[count] if count < len(tree) else None
    parameters = tree[count + 1] if count + 1 < len(tree) else None
    boundary = _find_boundary(parameters)
    if boundary is None or not isinstance(subtype, bytes) or subtype.lower() == b"report":
        return None
    children: list[Part] = []
    for index, child in enumerate(tree[:count], 1):
        part = _read_part(child, f"{number}.{index}" if number else str(index), depth + 1)
        if part is None:
            return None
        children.append(part)
    if subtype.lower() == b"alternative" and any(child.is_text for child in children):
        # HTML alone is not read where there is plain text beside it.
        children = [replace(one, is_unread=one.kind == "text/html") for one in children]
    return Part(number, boundary, tuple(children))


def _find_boundary(parameters: Any) -> bytes | None:
    if not isinstance(parameters, tuple):
        return None
    for name, value in zip(parameters[::2], parameters[1::2], strict=False):
        if isinstance(name, bytes) and isinstance(value, bytes) and name.lower() == b"boundary":
            return value if _BOUNDARY.fullmatch(value) else None
    return None


def _read_leaf(tree: tuple[Any, ...], number: str) -> Part | None:
    """A leaf; embedded messages and very large texts are not for outlines."""
    if len(tree) < 7 or not all(isinstance(tree[n], bytes) for n in (0, 1, 5, 6)):
        return None
    kind, encoding, octets = b"%s/%s" % (tree[0], tree[1]), tree[5].lower(), tree[6]
    if not octets.isdigit() or len(octets) > 10 or kind.lower().startswith(b"message/"):
        return None
    size = int(octets)
    is_omitted = encoding == b"base64" and size > _MIN_OMITTED and kind.lower() not in _TEXTS
    if not is_omitted and size > _MAX_TEXT:
        return None
    spelled = kind.lower().decode("latin-1")
    return Part(number, None, octets=size, is_omitted=is_omitted, kind=spelled)


def plan_items(outline: Outline) -> bytes:
    """What to fetch of the message's parts."""
    words = [b"UID"]
    for part in outline.root.walk():
        number = part.number.encode()
        words.append(b"BODY.PEEK[%s.MIME]" % number)
        if part.is_omitted:
            words.append(b"BODY.PEEK[%s]<0.%d>" % (number, _SAMPLE))
            words.append(b"BODY.PEEK[%s]<%d.%d>" % (number, part.octets - _SAMPLE, _SAMPLE))
        elif part.boundary is None and not part.is_unread:
            words.append(b"BODY.PEEK[%s]" % number)
    return b"(%s)" % b" ".join(words)


def assemble(outline: Outline, values: Values) -> FetchedMessage | None:
    """Put the message together; None where a part is missing or not as its structure says."""
    omitted: list[tuple[str, int]] = []
    try:
        body = b"".join(_spell(outline.root, values, omitted))
    except _OddPartError:
        return None
    raw = outline.header + body
    # The parser has to see the same parts as the server did.
    leaves = (part for part in outline.root.walk() if part.boundary is None)
    if list_parts(raw) != tuple((leaf.number, leaf.kind) for leaf in leaves):
        return None
    return FetchedMessage(
        uid=outline.uid,
        internaldate=outline.date,
        size_bytes=outline.size_bytes,
        flags=outline.flags,
        raw=raw,
        is_whole=False,
        omitted=tuple(omitted),
    )


class _OddPartError(Exception):
    """The message has to be read whole; never leaves this module."""


def _spell(part: Part, values: Values, omitted: list[tuple[str, int]]) -> Iterator[bytes]:
    for child in part.children:
        number = child.number.encode()
        yield b"--%s\r\n" % part.boundary
        mime = _take(values, b"BODY[%s.MIME]" % number, ending=b"\r\n\r\n")
        yield mime
        if child.boundary is not None:
            yield from _spell(child, values, omitted)
        elif child.is_omitted:
            yield _read_omitted(child, values, omitted)
        elif child.is_unread:
            # With a name it is an attachment to us, and its size would be missing.
            if b"name" in mime.lower() or b"attachment" in mime.lower():
                raise _OddPartError
            omitted.append((child.number, child.octets))
        else:
            body = _take(values, b"BODY[%s]" % number)
            if len(body) != child.octets or b"\n--%s" % part.boundary in b"\n" + body:
                raise _OddPartError
            if child.is_text and any(one.is_unread for one in part.children):
                _check_ink(body, mime)
            yield body
        yield b"\r\n"
    yield b"--%s--\r\n" % part.boundary


def _check_ink(body: bytes, mime: bytes) -> None:
    """Plain text stands for HTML where the parser will find a word in it, as itself or named."""
    lowered = mime.lower()
    if not body.strip() or b"name" in lowered or b"attachment" in lowered:
        raise _OddPartError


def _read_omitted(part: Part, values: Values, omitted: list[tuple[str, int]]) -> bytes:
    number = part.number.encode()
    head = _take(values, b"BODY[%s]" % number)
    tail = _take(values, b"BODY[%s]<%d>" % (number, part.octets - _SAMPLE))
    size = measure_lines(head, tail, part.octets)
    if size is None:
        raise _OddPartError
    omitted.append((part.number, size))
    return head[: head.rfind(b"\n") + 1] + tail[tail.find(b"\n") + 1 :]


def _take(values: Mapping[bytes, FetchValue], name: bytes, ending: bytes = b"") -> bytes:
    found = read_bytes(values.get(name))
    if found is None or not found.endswith(ending):
        raise _OddPartError
    return found
