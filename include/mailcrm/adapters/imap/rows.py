"""From an answer's values to our records; what does not fit what was asked is left out."""

import datetime as dt
from collections.abc import Collection, Iterable, Mapping
from typing import Any, Final, TypeVar

from mailcrm.adapters.imap.dates import parse_internaldate
from mailcrm.adapters.imap.lines import FetchValue, read_uid
from mailcrm.adapters.imap.words import Literal
from mailcrm.records import FetchedMessage, ListedMessage, SearchCriteria

__all__ = [
    "ANY_UID",
    "Values",
    "date_fits",
    "is_in_range",
    "read_date",
    "read_flags",
    "read_headers",
    "read_listing",
    "read_message",
    "read_search",
    "read_size",
    "unique_rows",
]

Values = Mapping[bytes, FetchValue]
_Row = TypeVar("_Row", ListedMessage, FetchedMessage)

_MAX_UID: Final = 4_294_967_295
ANY_UID: Final = range(1, _MAX_UID + 1)
_MAX_SIZE: Final = 2**63 - 1


def read_search(lines: list[Any]) -> list[int] | None:
    """The union of all SEARCH lines; None where there was none, or one holds something else."""
    if not lines:
        return None
    found: set[int] = set()
    for line in lines:
        text = b" ".join(part for part in line if isinstance(part, bytes))
        words = text.partition(b"(")[0].split()  # (MODSEQ n) may follow
        if not all(word.isdigit() and int(word) <= _MAX_UID for word in words):
            return None
        found.update(map(int, words))
    return sorted(found)


def is_in_range(uid: int, criteria: SearchCriteria) -> bool:
    """`n:*` means the last message even where its uid is below n."""
    return criteria.uid_low <= uid <= (criteria.uid_high or _MAX_UID)


def date_fits(date: dt.datetime | None, criteria: SearchCriteria) -> bool:
    """Whether a message belongs to the criteria's days in UTC; an unknown date always does."""
    if date is None:
        return True
    after = criteria.since is None or date.date() >= criteria.since
    return after and (criteria.before is None or date.date() < criteria.before)


def read_listing(values: Values, asked: Collection[int]) -> ListedMessage | None:
    """None where the line is about no uid of `asked` or has no INTERNALDATE, not even NIL."""
    uid = read_uid(values, asked)
    if uid is None or b"INTERNALDATE" not in values:
        return None
    date = read_date(values)
    return ListedMessage(uid, date, read_size(values))


def read_message(values: Values, asked: Collection[int], cap: int) -> FetchedMessage | None:
    """None where the line misses something that was asked for, or its body is no body."""
    uid = read_uid(values, asked)
    body = values.get(b"BODY[]")
    flags = values.get(b"FLAGS")
    if uid is None or b"INTERNALDATE" not in values or not isinstance(flags, tuple):
        return None
    if isinstance(body, Literal):
        raw, sent = body.data, body.size_bytes
    elif isinstance(body, bytes):
        raw, sent = body[:cap], len(body)
    else:
        return None
    size = read_size(values) or sent
    if (not raw and size) or len(raw) < min(sent, cap):
        return None
    is_whole = sent < cap or (sent == cap and size <= cap)
    date = read_date(values)
    return FetchedMessage(uid, date, size, read_flags(flags), raw, is_whole)


def read_headers(values: Values, asked: Collection[int]) -> FetchedMessage | None:
    """None where the line misses something that was asked for."""
    uid = read_uid(values, asked)
    flags = values.get(b"FLAGS")
    part = next((value for name, value in values.items() if name.startswith(b"BODY[HEADER")), None)
    raw = part.data if isinstance(part, Literal) else part
    if uid is None or not isinstance(flags, tuple) or not isinstance(raw, bytes):
        return None
    size = read_size(values)
    return FetchedMessage(uid, read_date(values), size, read_flags(flags), raw, is_whole=False)


def read_flags(flags: tuple[bytes, ...]) -> tuple[str, ...]:
    r"""As text; \Recent belongs to a session, not to a message."""
    texts = (flag.decode("utf-8", "backslashreplace") for flag in flags)
    return tuple(text for text in texts if text.lower() != "\\recent")


def read_size(values: Values) -> int:
    """RFC822.SIZE; 0 where it is missing or odd."""
    raw = values.get(b"RFC822.SIZE")
    if not isinstance(raw, bytes) or not raw.isdigit() or len(raw) > 19:
        return 0
    return min(int(raw), _MAX_SIZE)


def read_date(values: Values) -> dt.datetime | None:
    """The line's INTERNALDATE, aware UTC; None where it is missing or odd."""
    value = values.get(b"INTERNALDATE")
    return parse_internaldate(value) if isinstance(value, bytes) else None


def unique_rows(rows: Iterable[_Row]) -> list[_Row]:
    """One row per uid; a uid that came twice with different content is left out."""
    found: dict[int, _Row] = {}
    unstable: set[int] = set()
    for row in rows:
        if row.uid in found and found[row.uid] != row:
            unstable.add(row.uid)
        found[row.uid] = row
    return [row for uid, row in found.items() if uid not in unstable]
