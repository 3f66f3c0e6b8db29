"""Address fields (RFC 5322 §3.4 with its obsolete forms, RFC 6532), read in linear time.

Nothing here recurses, and no scan for a closing mark is repeated once it failed: 500 open
parentheses or 50,000 recipients cost what they weigh. An address is taken only where it stands as
one (CVE-2023-27043: `alice@a.example)bob@b.example` is none).
"""

import re
from dataclasses import dataclass, field

from mailcrm.parse.text import clean_line
from mailcrm.parse.words import decode_words

ADDRESS_CAP = 1_000
"""Addresses of one field that are kept."""
_LENGTH_CAP = 320
_NAME_CAP = 500

_ADDR = r"[\w.!#$%&'*+/=?^`{|}~-]++@[\w.-]++"
_SIMPLE = re.compile(
    r'(?:\A|(?<=,))[ \t]*+(?:(?:"([^"\\<>]*+)"[ \t]*+|([^"\\<>@(),:;=\[\]]*+))<('
    + _ADDR
    + r")>|("
    + _ADDR
    + r"))[ \t]*+(?:,|\Z)"
)
_QUOTED = r'"[^"\\]*+(?:\\.[^"\\]*+)*+"|'
_REST = r"[ \t\r\n]++|=\?[^?\s]{1,80}\?[bBqQ]\?[^?]*+\?=|[^\s\"(),:;<>]++|."
_TOKEN = re.compile(_QUOTED + _REST, re.S)
_TOKEN_NO_QUOTES = re.compile(_REST, re.S)
_MARK = re.compile(r"[()]|\\.")
_PARENTHESIS = re.compile(r"[()\\]")
_ESCAPE = re.compile(r"\\(.)", re.S)
_DOMAIN = re.compile(r"[^\s@<>(),;:\"\\\[\]]++|\[[^\s@<>\"\[\]]++\]")
_LOCAL = re.compile(r"[^\s@<>(),;:\"\\\[\]]++")
_LOCAL_ROUTED = re.compile(r"[^\s<>(),;:\"\\\[\]]++")
_QUOTED_LOCAL = re.compile(r'"(?:[^"\\]|\\.)*+"')
_AROUND_SIGN = re.compile(r" ?@ ?| \. ")


@dataclass(frozen=True, slots=True)
class AddressList:
    """What an address field holds: (display name, address) in order.

    `total` counts what was there, also beyond the cap; `malformed` is true where something of the
    field is neither an address nor a name of one.
    """

    entries: tuple[tuple[str, str], ...]
    total: int
    malformed: bool


def parse_addresses(value: str, cap: int = ADDRESS_CAP) -> AddressList:
    """Read an address field; never raises.

    Args:
        value: The unfolded value, encoded words still in it.
        cap: Addresses that are kept; the rest is counted by its at-signs.

    Returns:
        Names decoded ("" where none), addresses with lower-case domain.
    """
    entries: list[tuple[str, str]] = []
    position, length = 0, len(value)
    while position < length:
        match = _SIMPLE.match(value, position)
        if match is None:
            return _Scanner(cap).scan(value, position, entries)
        address = normalise_address(match[3] or match[4])
        if address is None:
            return _Scanner(cap).scan(value, position, entries)
        name = match[1] or match[2] or ""
        name = decode_words(name) if "=?" in name else name
        entries.append((clean_line(name, _NAME_CAP), address))
        position = match.end()
        if len(entries) >= cap:
            return AddressList(tuple(entries), cap + value.count("@", position), False)
    return AddressList(tuple(entries), len(entries), False)


def normalise_address(value: str) -> str | None:
    """An addr-spec in the form that is stored, None where the text is none.

    Source routes and `mailto:` are dropped, needless quotes of the local part removed, the
    domain lower-cased. A lone local part (`root`) and old routes with two
    at-signs are kept as they are; the latter are malformed (see `parse_addresses`).
    """
    text = decode_words(value.strip()) if "=?" in value else value.strip()
    if text.startswith("@") and ":" in text:
        text = text.rpartition(":")[2]
    if text[:7].lower() == "mailto:":
        text = text[7:]
    if not text or len(text) > _LENGTH_CAP:
        return None
    text = _drop_comments(text) if "(" in text else text
    local, at, domain = text.rpartition("@")
    if not at:
        return clean_line(text) if _LOCAL.fullmatch(text) else None
    if " " in text and not local.startswith('"'):
        local, domain = local.replace(" ", ""), domain.replace(" ", "")
    domain = domain.strip().lower().rstrip(".")
    if not _DOMAIN.fullmatch(domain):
        return None
    if local.startswith('"'):
        if not _QUOTED_LOCAL.fullmatch(local):
            return None
        bare = _ESCAPE.sub(r"\1", local[1:-1])
        local = bare if _LOCAL.fullmatch(bare) else local
    elif not _LOCAL_ROUTED.fullmatch(local):
        return None
    return clean_line(f"{local}@{domain}")


def _drop_comments(text: str) -> str:
    """Without comments, nested ones included; unbalanced text is returned as it is."""
    out: list[str] = []
    depth = position = 0
    for found in _MARK.finditer(text):
        mark = found[0]
        if mark == "(":
            out += [text[position : found.start()]] if not depth else []
            depth += 1
        elif mark == ")" and depth:
            depth -= 1
        position = found.end() if mark in "()" else position
    return text if depth else "".join(out) + text[position:]


@dataclass(slots=True)
class _Entry:
    """One mailbox while it is being read."""

    words: list[str] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    comments: list[str] = field(default_factory=list)
    angles: list[str] = field(default_factory=list)
    bare: bool = True

    def name(self) -> str:
        text = decode_words("".join(self.names))
        if not text.strip() and self.comments:
            text = decode_words(_ESCAPE.sub(r"\1", " ".join(self.comments)))
        return clean_line(" ".join(text.split()), _NAME_CAP)


class _Scanner:
    """Reads the entries that the fast pattern does not know."""

    def __init__(self, cap: int) -> None:
        self.cap = cap
        self.entry = _Entry()
        self.waiting: _Entry | None = None
        self.malformed = False
        self.next_close = -2
        self.comments_end = True

    def scan(self, value: str, position: int, entries: list[tuple[str, str]]) -> AddressList:
        self.entries = entries
        pattern = _TOKEN
        length = len(value)
        while position < length and len(entries) < self.cap:
            match = pattern.match(value, position)
            piece = match[0] if match else value[position]
            position += len(piece)
            if piece == '"':
                self.malformed, pattern = True, _TOKEN_NO_QUOTES
            elif piece == "(":
                position = self._comment(value, position)
            elif piece == "<":
                position = self._angle(value, position)
            elif piece in ",;":
                self._finish(piece == ";")
            elif piece == ":":
                self._group()
            else:
                self._word(piece)
        rest = value.count("@", position)
        self._finish(True)
        total = len(entries) + rest
        return AddressList(tuple(entries[: self.cap]), total, self.malformed)

    def _word(self, piece: str) -> None:
        entry = self.entry
        if piece[0] == '"' and len(piece) > 1:
            entry.bare = False
            entry.words.append(piece)
            entry.names.append(_ESCAPE.sub(r"\1", piece[1:-1]))
        elif piece in (">", ")"):
            self.malformed = True
            entry.words.append(" " if piece == ">" else piece)
        else:
            text = " " if piece.isspace() else piece
            entry.words.append(text)
            entry.names.append(text)

    def _comment(self, value: str, position: int) -> int:
        """Skip a comment, nested ones included; keep its text as a possible name."""
        if not self.comments_end:
            return position
        depth, cursor = 1, position
        while found := _PARENTHESIS.search(value, cursor):
            mark, cursor = found[0], found.end()
            if mark == "\\":
                cursor += 1
            else:
                depth += 1 if mark == "(" else -1
            if not depth:
                self.entry.comments.append(value[position : cursor - 1])
                self.entry.names.append(" ")
                return cursor
        self.comments_end, self.malformed = False, True
        return position

    def _angle(self, value: str, position: int) -> int:
        """Take what is between angle brackets; an unclosed one is only skipped."""
        if self.next_close != -1 and self.next_close < position:
            self.next_close = value.find(">", position)
        again = value.find("<", position, max(self.next_close, position))
        if self.next_close < 0 or again >= 0:
            self.malformed = True
            self.entry.words.append(" ")
            return position
        if self.entry.angles:
            self._finish(False)
        self.entry.angles.append(value[position : self.next_close])
        return self.next_close + 1

    def _group(self) -> None:
        """A group's name, or a stray `mailto:`: what came before the colon is no address."""
        self.malformed = self.malformed or "@" in "".join(self.entry.words)
        self.entry, self.waiting = _Entry(), None

    def _finish(self, last: bool) -> None:
        """End an entry at a comma, a semicolon or the field's end."""
        entry, self.entry = self.entry, _Entry()
        if not entry.angles and not "".join(entry.words).strip():
            self._give_up_waiting(last)
            return
        if entry.angles:
            self._finish_angle(entry)
        elif "@" in "".join(entry.words):
            self._give_up_waiting(True)
            self._finish_bare(entry)
        else:
            self._give_up_waiting(True)
            self.waiting = entry
        self._give_up_waiting(last)

    def _finish_angle(self, entry: _Entry) -> None:
        address = normalise_address(entry.angles[0])
        if self.waiting is not None and any(name.strip() for name in entry.names):
            entry.names = [*self.waiting.names, ", ", *entry.names]
            self.waiting = None
        self._give_up_waiting(True)
        if address is None:
            self.malformed = True
            self._finish_bare(entry)
        else:
            self._keep(entry, address)

    def _keep(self, entry: _Entry, address: str) -> None:
        if address.count("@") > 1 and not address.startswith('"'):
            self.malformed = True
        self.entries.append((entry.name(), address))

    def _finish_bare(self, entry: _Entry) -> None:
        """An entry without usable angle brackets: its words with an at-sign are addresses."""
        text = " ".join("".join(entry.words).split())
        text = _AROUND_SIGN.sub(lambda sign: sign[0].strip(), text)
        whole = normalise_address(text) if " " not in text or text.startswith('"') else None
        if whole is not None and "@" in whole:
            entry.names = []
            self._keep(entry, whole)
            return
        words = text.split(" ")
        found = [a for word in words if "@" in word and (a := normalise_address(word))]
        self.malformed = True
        entry.names = [f"{word} " for word in words if "@" not in word]
        self.entries.extend((entry.name(), address) for address in found)

    def _give_up_waiting(self, give_up: bool) -> None:
        """A phrase without address that no later part claimed: a local user, or nothing."""
        if self.waiting is None or not give_up:
            return
        entry, self.waiting = self.waiting, None
        text = "".join(entry.words).strip()
        address = normalise_address(text) if entry.bare else None
        if address is None:
            self.malformed = True
        else:
            entry.names = []
            self.entries.append((entry.name(), address))
