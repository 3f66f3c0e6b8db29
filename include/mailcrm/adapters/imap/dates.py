"""IMAP's two date forms: the INTERNALDATE that servers send, the date that SEARCH takes."""

import datetime as dt
import re
from typing import Final

__all__ = ["format_search_date", "parse_internaldate"]

_MONTHS: Final = (
    *("Jan", "Feb", "Mar", "Apr", "May", "Jun"),
    *("Jul", "Aug", "Sep", "Oct", "Nov", "Dec"),
)
_MONTH_NUMBERS: Final = {name.upper().encode(): n for n, name in enumerate(_MONTHS, start=1)}
_INTERNALDATE: Final = re.compile(
    rb" *(\d{1,2})-([A-Za-z]{3})-(\d{4}) (\d\d):(\d\d):(\d\d) ([+-])(\d\d)(\d\d) *"
)


def format_search_date(day: dt.date) -> str:
    """Spell a date for SEARCH, with English month names whatever the locale.

    Source: RFC 9051 §9 (date).
    """
    return f"{day.day}-{_MONTHS[day.month - 1]}-{day.year:04d}"


def parse_internaldate(value: bytes | None) -> dt.datetime | None:
    """Read an INTERNALDATE.

    Args:
        value: What the server sent without its quotes; None for NIL.

    Returns:
        The moment, aware UTC; a leap second counts as second 59. None where it is missing, odd
        (day 0, offset of 99 hours) or outside of the years 1 to 9999 in UTC.
    Source: RFC 9051 §9 (date-time).
    """
    match = _INTERNALDATE.fullmatch(value or b"")
    if match is None:
        return None
    day, month, year, hour, minute, second, sign, off_hours, off_minutes = match.groups()
    offset = dt.timedelta(hours=int(off_hours), minutes=int(off_minutes))
    if int(off_minutes) > 59 or month.upper() not in _MONTH_NUMBERS:
        return None
    try:
        local = dt.datetime(
            int(year),
            _MONTH_NUMBERS[month.upper()],
            int(day),
            int(hour),
            int(minute),
            59 if int(second) == 60 else int(second),
            tzinfo=dt.timezone(offset if sign == b"+" else -offset),
        )
        return local.astimezone(dt.UTC)
    except (ValueError, OverflowError):
        return None
