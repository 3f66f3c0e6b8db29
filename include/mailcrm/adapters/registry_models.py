"""The form of one registry entry, as the file and the database hold it."""

import datetime as dt
import re
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from mailcrm.adapters.addresses import check_address, check_host
from mailcrm.records import EARLIEST_DAY

__all__ = ["EntryModel"]

ID = re.compile(r"[a-z][a-z0-9_]{0,39}")
_USES = ("All", "Archive", "Drafts", "Flagged", "Important", "Junk", "Sent", "Trash")
SPECIAL_USE = frozenset(f"\\{name}" for name in _USES)
_CONTROL = re.compile(r"[\x00-\x1f\x7f\u2028\u2029]")
_SPAN = re.compile(r"([1-9][0-9]{0,5})\s*([mhd])")
_SPAN_UNITS = {"m": "minutes", "h": "hours", "d": "days"}
_PIN = re.compile(r"[0-9a-f]{64}")


def _check_id(text: str) -> str:
    if not ID.fullmatch(text):
        raise ValueError(
            "must begin with a letter a-z and hold only a-z, 0-9 and _, 40 characters at most"
        )
    return text


def _check_text(text: str) -> str:
    if _CONTROL.search(text):
        raise ValueError("must be one line without control characters")
    if not text.strip():
        raise ValueError("must not be empty")
    return text.strip()


def _check_folder(name: str) -> str:
    if _CONTROL.search(name) or not name.strip():
        raise ValueError("must be a folder's name on one line, not empty")
    if name.startswith("\\"):
        known = {use.lower(): use for use in SPECIAL_USE}
        if name.lower() not in known:
            raise ValueError(
                f"is no special-use attribute; known are {' '.join(sorted(SPECIAL_USE))}"
            )
        return known[name.lower()]
    return name


def _check_folders(names: list[str]) -> list[str]:
    if len(set(names)) != len(names):
        raise ValueError("names a folder twice")
    return names


def _check_schedule(text: str) -> str:
    from croniter import croniter
    from croniter.croniter import CroniterError

    fields = text.split()
    if len(fields) != 5:
        raise ValueError('must have the five fields of cron, such as "*/15 * * * *", or be null')
    try:
        croniter(text, dt.datetime(2026, 1, 1, tzinfo=dt.UTC)).get_next(dt.datetime)
    except (CroniterError, ValueError, KeyError):
        raise ValueError("is no cron schedule that ever comes round") from None
    return " ".join(fields)


def _parse_date(value: object) -> object:
    if value is None:
        return None
    if isinstance(value, str) and re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", value):
        try:
            day = dt.date.fromisoformat(value)
        except ValueError as error:
            raise ValueError(f"is not a date: {error}") from None
        if day < EARLIEST_DAY:
            raise ValueError(f"must be {EARLIEST_DAY} or later")
        return day
    raise ValueError("must be a date, YYYY-MM-DD")


def _parse_span(value: object) -> object:
    if value is None:
        return None
    found = _SPAN.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise ValueError("must be a time span such as 30m, 6h or 2d")
    return dt.timedelta(**{_SPAN_UNITS[found[2]]: int(found[1])})


def _check_pin(text: str) -> str:
    pin = text.replace(":", "").lower()
    if not _PIN.fullmatch(pin):
        raise ValueError("must be the certificate's SHA-256: 64 hex digits, colons allowed")
    return pin


Text = Annotated[str, AfterValidator(_check_text), Field(max_length=200)]
Address = Annotated[str, AfterValidator(check_address)]
Positive = Annotated[int, Field(ge=1)]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class EndpointModel(_Section):
    """`imap` or `smtp`."""

    host: Annotated[str, AfterValidator(check_host)]
    port: Annotated[int, Field(ge=1, le=65535)]
    encryption: Literal["tls", "starttls", "none"]


class BackfillModel(_Section):
    """`backfill`: a date, or days before the day of connecting."""

    since: Annotated[dt.date | None, BeforeValidator(_parse_date)] = None
    days: Annotated[int, Field(ge=1, le=36500)] | None = None


class SharedModel(_Section):
    """`shared`: what several owners have to agree on."""

    owner_team: Text
    record_target: Literal["contacts", "tickets"]
    display_name_of: Literal["team", "person"]
    rotation_owner: Address
    failed_send_monitor: Address


class ApprovalModel(_Section):
    """`approval`."""

    over_days: Positive | None = None
    over_messages: Positive | None = None
    reviewed_sample: Positive | None = None


class TlsModel(_Section):
    """`tls`."""

    ca_file: Text | None = None
    pin_sha256: Annotated[str, AfterValidator(_check_pin)] | None = None


class EntryModel(_Section):
    """One mailbox; see DESIGN's registry file."""

    id: Annotated[str, AfterValidator(_check_id)]
    address: Address
    display_name: Text | None = None
    imap: EndpointModel
    smtp: EndpointModel
    folders: Annotated[
        list[Annotated[str, AfterValidator(_check_folder), Field(max_length=1000)]],
        Field(min_length=1, max_length=1000),
        AfterValidator(_check_folders),
    ]
    backfill: BackfillModel = BackfillModel()
    schedule: Annotated[str, AfterValidator(_check_schedule)] | None = None
    ownership: Literal["personal", "shared"]
    own_addresses: list[Address] = []
    shared: SharedModel | None = None
    approval: ApprovalModel = ApprovalModel()
    freshness: Annotated[dt.timedelta | None, BeforeValidator(_parse_span)] = None
    idle: bool | None = None
    tls: TlsModel = TlsModel()
    auth: Literal["password", "xoauth2"] = "password"
    trusted_authserv_ids: list[Text] = []
    origin: Literal["operator", "web"] = "operator"
