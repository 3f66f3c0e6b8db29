"""Pages of long lists, each beginning where the last one ended: no counting, no offsets."""

import base64
import datetime as dt
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from fastapi import HTTPException

__all__ = ["Page", "cut_page", "read_cursor", "read_moment", "read_number", "write_cursor"]

T = TypeVar("T")
Key = str | int | float | None
_BROKEN = "This link is broken; begin at the first page."


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Some rows; `next_cursor` is None on the last page."""

    rows: Sequence[T]
    next_cursor: str | None


def write_cursor(*values: Key) -> str:
    """The sort key of the last row, as text for a link."""
    return base64.urlsafe_b64encode(json.dumps(values).encode()).decode().rstrip("=")


def read_cursor(text: str | None, length: int) -> tuple[Key, ...] | None:
    """The sort key back; None for the first page.

    Raises:
        HTTPException: 400, it is none of ours.
    """
    if not text:
        return None
    try:
        values = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    except (ValueError, RecursionError):
        values = None
    fits = isinstance(values, list) and len(values) == length
    if not fits or not all(isinstance(v, str | int | float | None) for v in values):
        raise HTTPException(400, _BROKEN)
    return tuple(values)


def read_moment(value: Key) -> dt.datetime:
    """A time out of a cursor.

    Raises:
        HTTPException: 400, it is none.
    """
    try:
        return dt.datetime.fromisoformat(str(value)).astimezone(dt.UTC)
    except (ValueError, OverflowError):
        raise HTTPException(400, _BROKEN) from None


def read_number(value: Key) -> int:
    """A whole number out of a cursor, that a database can hold.

    Raises:
        HTTPException: 400, it is none.
    """
    if not isinstance(value, int) or not 0 <= value < 2**63:
        raise HTTPException(400, _BROKEN)
    return value


def cut_page(rows: Sequence[T], limit: int, cursor_of: Callable[[T], str]) -> Page[T]:
    """A page of at most `limit` rows out of `limit + 1` that were asked for."""
    shown = rows[:limit]
    return Page(shown, cursor_of(shown[-1]) if len(rows) > limit else None)
