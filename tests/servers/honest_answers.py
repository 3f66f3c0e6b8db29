"""What an honest IMAP server answers: sets, searches and FETCH lines over a mailbox in memory."""

import bisect
import datetime as dt
import re
from collections.abc import Sequence

from fakes.mail_reader import FakeFolder, FakeMessage

__all__ = ["expand_set", "fetch_line", "find_uids", "format_date", "list_uids", "quote"]

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_WORD = re.compile(r"BODY\.PEEK\[[^\]]*\](?:<0\.\d+>)?|[A-Z0-9.]+")
_HEADER_PART = re.compile(r"BODY\.PEEK\[(HEADER\.FIELDS \(([^)]*)\))\]")
_WHOLE_PART = re.compile(r"BODY\.PEEK\[\](?:<0\.(\d+)>)?")


def list_uids(folder: FakeFolder) -> Sequence[int]:
    """All uids, ascending; a virtual folder brings its own sequence."""
    return getattr(folder.messages, "uids", None) or sorted(folder.messages)


def expand_set(spelled: str, known: Sequence[int]) -> list[int]:
    """The numbers of a sequence set that exist; `*` is the last one (RFC 9051 §9, seq-range)."""
    last = known[-1] if known else 0
    found: set[int] = set()
    for part in spelled.split(","):
        low, _, high = part.partition(":")
        ends = [last if end == "*" else int(end) for end in (low, high or low)]
        first = bisect.bisect_left(known, min(ends))
        found.update(known[first : bisect.bisect_right(known, max(ends))])
    return sorted(found)


def find_uids(folder: FakeFolder, words: str, zone: dt.tzinfo) -> list[int]:
    """Uids that meet `UID set`, SINCE, BEFORE and NOT (…), the dates as days of the zone.

    Raises:
        ValueError: words that this server does not know.
    """
    match = re.fullmatch(r"UID (\S+)((?: (?:SINCE|BEFORE) \S+)*)(?: NOT \(([^)]*)\))?", words)
    if match is None:
        raise ValueError(words)
    uids = expand_set(match.group(1), list_uids(folder))
    wanted, unwanted = _read_days(match.group(2)), _read_days(match.group(3) or "")
    if wanted:
        uids = [u for u in uids if _fits(folder.messages[u].internaldate, wanted, zone)]
    if unwanted:
        uids = [u for u in uids if not _fits(folder.messages[u].internaldate, unwanted, zone)]
    return uids


def _read_days(words: str) -> dict[str, dt.date]:
    found = {}
    for verb, spelled in zip(words.split()[::2], words.split()[1::2], strict=True):
        day, month, year = spelled.split("-")
        found[verb] = dt.date(int(year), _MONTHS.index(month) + 1, int(day))
    return found


def _fits(moment: dt.datetime | None, days: dict[str, dt.date], zone: dt.tzinfo) -> bool:
    if moment is None:
        return True
    day = moment.astimezone(zone).date()
    return days.get("SINCE", dt.date.min) <= day and day < days.get("BEFORE", dt.date.max)


def format_date(moment: dt.datetime | None, zone: dt.tzinfo) -> bytes:
    """An INTERNALDATE in the server's zone, quoted."""
    if moment is None:
        return b"NIL"
    local = moment.astimezone(zone)
    text = f'"{local.day:2d}-{_MONTHS[local.month - 1]}-{local:%Y %H:%M:%S %z}"'
    return text.encode()


def quote(name: bytes) -> bytes:
    """A quoted string."""
    return b'"' + name.replace(b"\\", b"\\\\").replace(b'"', b'\\"') + b'"'


def fetch_line(number: int, uid: int, message: FakeMessage, items: str, zone: dt.tzinfo) -> bytes:
    """One FETCH line with exactly the items asked for, in their order.

    Raises:
        ValueError: an item that this server does not know, or one that would set \\Seen.
    """
    values = [_value(word, uid, message, zone) for word in _WORD.findall(items.upper())]
    return b"* %d FETCH (%s)\r\n" % (number, b" ".join(values))


def _value(word: str, uid: int, message: FakeMessage, zone: dt.tzinfo) -> bytes:
    if word == "UID":
        return b"UID %d" % uid
    if word == "FLAGS":
        return b"FLAGS (%s)" % " ".join(message.flags).encode()
    if word == "INTERNALDATE":
        return b"INTERNALDATE " + format_date(message.internaldate, zone)
    if word == "RFC822.SIZE":
        return b"RFC822.SIZE %d" % len(message.raw)
    if match := _WHOLE_PART.fullmatch(word):
        cap = match.group(1)
        raw = message.raw if cap is None else message.raw[: int(cap)]
        return b"BODY[]%s {%d}\r\n%s" % (b"" if cap is None else b"<0>", len(raw), raw)
    if match := _HEADER_PART.fullmatch(word):
        raw = header_fields(message.raw, match.group(2).split())
        return b"BODY[%s] {%d}\r\n%s" % (match.group(1).encode(), len(raw), raw)
    raise ValueError(word)


def header_fields(raw: bytes, names: Sequence[str]) -> bytes:
    """The named header fields, as they stand, and the empty line."""
    head = raw.partition(b"\r\n\r\n")[0]
    fields = re.split(rb"\r\n(?![ \t])", head)
    wanted = {name.upper().encode() for name in names}
    kept = [f + b"\r\n" for f in fields if f.partition(b":")[0].strip().upper() in wanted]
    return b"".join(kept) + b"\r\n"
