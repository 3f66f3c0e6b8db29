"""Dates of messages, always aware UTC and within what both databases hold."""

import datetime as dt
import re
from email.utils import parsedate_tz

from mailcrm.parse.fields import HeaderBlock

_EARLIEST = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_LATEST = dt.datetime(2100, 1, 1, tzinfo=dt.UTC)
_MONTHS = {
    "jan": 1, "feb": 2, "mar": 3, "apr": 4, "may": 5, "jun": 6,
    "jul": 7, "aug": 8, "sep": 9, "oct": 10, "nov": 11, "dec": 12,
}  # fmt: skip
_COMMON = re.compile(
    r"\A(?:[A-Za-z]{3},[ \t]{0,9})?(\d{1,2})[ \t]{1,9}([A-Za-z]{3})[ \t]{1,9}(\d{4})[ \t]{1,9}"
    r"(\d{2}):(\d{2})(?::(\d{2}))?[ \t]{1,9}([+-])(\d{2})(\d{2})(?![0-9])"
)
_ISO = re.compile(
    r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(?::\d{2})?(?:\.\d{1,6})?(?:Z|[+-]\d{2}:?\d{2})?"
)
_ZONE = re.compile(r"[ \t]\(?([A-Z]{3,4})\)?[ \t]{0,9}\Z")
_ZONES_MIN = {
    "BST": 60, "CET": 60, "MET": 60, "MEZ": 60, "WEST": 60, "CEST": 120, "MEST": 120,
    "MESZ": 120, "EET": 120, "SAST": 120, "EEST": 180, "MSK": 180, "HKT": 480, "SGT": 480,
    "JST": 540, "KST": 540, "AEST": 600, "AEDT": 660, "NZST": 720, "NZDT": 780,
}  # fmt: skip
_OFFSET_LIMIT_S = 16 * 3600
_LENGTH_CAP = 200


def choose_date(
    header: HeaderBlock, internaldate: dt.datetime | None, now: dt.datetime | None
) -> tuple[dt.datetime, str, tuple[str, ...]]:
    """When the message was sent, as well as it can be known.

    Returns:
        The moment (aware UTC, 1970 to 2099), its source (date, received, internaldate, now, or
        none: then it is 1970-01-01), and defects.
    """
    defects: list[str] = []
    value = header.first("date")
    if value is not None:
        moment = parse_date(value[:_LENGTH_CAP].decode("latin-1"))
        if moment is not None:
            return moment, "date", ()
    defects.append("date_missing" if not value else "date_invalid")
    for received in header.values.get("received", [])[:5]:
        moment = parse_date(received.rpartition(b";")[2][-_LENGTH_CAP:].decode("latin-1"))
        if moment is not None:
            return moment, "received", tuple(defects)
    for source, given in (("internaldate", internaldate), ("now", now)):
        if given is not None:
            return _bounded(given), source, tuple(defects)
    return _EARLIEST, "none", tuple(defects)


def parse_date(value: str) -> dt.datetime | None:
    """A Date value as aware UTC, None where it names no moment in 1970 to 2099.

    Understands RFC 5322 with its obsolete forms, asctime and ISO 8601; no zone means UTC.
    """
    text = value.strip()[:_LENGTH_CAP]
    try:
        moment = _parse_common(text) or _parse_iso(text) or _parse_odd(text)
    except (ValueError, OverflowError, TypeError, IndexError):
        return None
    return moment if moment is not None and _EARLIEST <= moment < _LATEST else None


def _parse_common(text: str) -> dt.datetime | None:
    match = _COMMON.match(text)
    if match is None:
        return None
    month = _MONTHS.get(match[2].lower())
    if month is None:
        return None
    offset_s = int(match[8]) * 3600 + int(match[9]) * 60
    if offset_s > _OFFSET_LIMIT_S:
        raise ValueError
    second = min(int(match[6] or 0), 59)
    naive = dt.datetime(  # noqa: DTZ001 (the offset is subtracted below)
        int(match[3]), month, int(match[1]), int(match[4]), int(match[5]), second
    )
    sign = -1 if match[7] == "-" else 1
    return (naive - dt.timedelta(seconds=sign * offset_s)).replace(tzinfo=dt.UTC)


def _parse_iso(text: str) -> dt.datetime | None:
    match = _ISO.match(text)
    if match is None:
        return None
    moment = dt.datetime.fromisoformat(match[0])
    return moment.replace(tzinfo=dt.UTC) if moment.tzinfo is None else moment.astimezone(dt.UTC)


def _parse_odd(text: str) -> dt.datetime | None:
    found = parsedate_tz(text)
    if found is None:
        return None
    year, month, day, hour, minute, second = found[:6]
    offset_s = found[9]
    if not offset_s and (zone := _ZONE.search(text)):
        offset_s = _ZONES_MIN.get(zone[1], 0) * 60
    if abs(offset_s or 0) > _OFFSET_LIMIT_S:
        return None
    naive = dt.datetime(  # noqa: DTZ001 (the offset is subtracted below)
        year, month, day, hour, minute, min(second, 59)
    )
    return (naive - dt.timedelta(seconds=offset_s or 0)).replace(tzinfo=dt.UTC)


def _bounded(moment: dt.datetime) -> dt.datetime:
    aware = moment.replace(tzinfo=dt.UTC) if moment.tzinfo is None else moment
    try:
        aware = aware.astimezone(dt.UTC)
    except OverflowError:
        return _EARLIEST
    return min(max(aware, _EARLIEST), _LATEST - dt.timedelta(seconds=1))
