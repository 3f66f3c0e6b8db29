"""A mailbox's entry as plain values, and back: checked the same way from a file or the database."""

import dataclasses
import difflib
import re
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel, ValidationError

from mailcrm.adapters.registry_models import EntryModel
from mailcrm.adapters.tls import is_loopback
from mailcrm.errors import SettingsError
from mailcrm.records import (
    Approval,
    AuthKind,
    Backfill,
    Encryption,
    Endpoint,
    Mailbox,
    Origin,
    Ownership,
    SharedChecklist,
    TlsPolicy,
)

__all__ = ["mailbox_from_entry", "mailbox_to_entry"]

_SHOWABLE_KEY = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,39}")
_SECRET_KEY = re.compile(
    r"user|login|passw|passphrase|pwd|^pass$|token|secret|credential|api_?key|oauth", re.IGNORECASE
)
_MESSAGES = {
    "missing": "is missing",
    "string_type": "must be text (put it in quotes)",
    "string_too_long": "is too long",
    "int_type": "must be a whole number",
    "bool_type": "must be true or false",
    "list_type": "must be a list",
    "too_short": "must not be empty",
    "too_long": "is too long",
    "date_type": "must be a date, YYYY-MM-DD",
    "time_delta_type": "must be a time span such as 30m, 6h or 2d",
}
_MAX_FAULTS = 10


def mailbox_from_entry(entry: object, source: str) -> Mailbox:
    """Check an entry and build the mailbox.

    Args:
        entry: What the YAML file or the database column holds.
        source: The file's name or the mailbox, for the message.

    Raises:
        SettingsError: one line with every fault found; no value of the entry is repeated in it.
    """
    if not isinstance(entry, Mapping):
        raise SettingsError(
            where=source, problem="must be one mailbox: lines such as `id: sales`, not a list"
        )
    try:
        model = EntryModel.model_validate(dict(entry))
    except ValidationError as error:
        raise _refuse(source, [*_faults(error), *_cross_faults(entry)]) from None
    mailbox = _to_mailbox(model)
    faults = [*_cross_faults(entry), *_mailbox_faults(mailbox)]
    if faults:
        raise _refuse(source, faults)
    return mailbox


def mailbox_to_entry(mailbox: Mailbox) -> dict[str, Any]:
    """The entry of a mailbox in the form of the registry file, every optional field written out.

    Its state and the day of connecting are not part of it.
    """
    fields = dataclasses.asdict(mailbox)
    for name in ("state", "connected_at"):
        del fields[name]
    since, days = mailbox.backfill.since, mailbox.backfill.days
    fields["backfill"] = {"since": since.isoformat()} if since else {"days": days}
    if mailbox.freshness is not None:
        fields["freshness"] = f"{int(mailbox.freshness.total_seconds() // 60)}m"
    return {name: _plain(value) for name, value in fields.items()}


def _plain(value: object) -> object:
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items()}
    if isinstance(value, tuple):
        return list(value)
    return value.value if isinstance(value, (Encryption, Ownership, AuthKind, Origin)) else value


def _to_mailbox(model: EntryModel) -> Mailbox:
    return Mailbox(
        id=model.id,
        address=model.address,
        display_name=model.display_name or model.address,
        imap=Endpoint(model.imap.host, model.imap.port, Encryption(model.imap.encryption)),
        smtp=Endpoint(model.smtp.host, model.smtp.port, Encryption(model.smtp.encryption)),
        folders=tuple(model.folders),
        backfill=Backfill(**model.backfill.model_dump(exclude_none=True)),
        schedule=model.schedule,
        ownership=Ownership(model.ownership),
        own_addresses=tuple(dict.fromkeys(model.own_addresses)),
        shared=None if model.shared is None else SharedChecklist(**model.shared.model_dump()),
        tls=TlsPolicy(**model.tls.model_dump()),
        auth=AuthKind(model.auth),
        trusted_authserv_ids=tuple(model.trusted_authserv_ids),
        approval=Approval(**model.approval.model_dump()),
        idle=model.idle,
        freshness=model.freshness,
        origin=Origin(model.origin),
    )


def _faults(error: ValidationError) -> Iterator[tuple[str, str]]:
    for fault in error.errors(include_url=False, include_input=False):
        path = fault["loc"]
        kind = fault["type"]
        if kind == "extra_forbidden":
            yield _unknown_key(path)
        elif kind in ("model_type", "model_attributes_type"):
            names = ", ".join(_model_at(path).model_fields)
            yield _name(path), f"must be a section with {names}"
        elif kind == "literal_error":
            yield _name(path), f"must be {fault['ctx']['expected']}"
        elif kind in ("greater_than_equal", "less_than_equal"):
            yield _name(path), fault["msg"].replace("Input should be", "must be")
        elif kind == "value_error":
            yield _name(path), str(fault["ctx"]["error"])
        else:
            yield _name(path), _MESSAGES.get(kind, "is not what belongs here")


def _unknown_key(path: tuple[int | str, ...]) -> tuple[str, str]:
    key = str(path[-1])
    if not _SHOWABLE_KEY.fullmatch(key):
        return _name(path[:-1]) or "a key", "holds a key that does not belong here"
    if _SECRET_KEY.search(key):
        return _name(path), (
            "does not belong in this file: usernames and secrets are kept in the connections "
            "mailbox_<id>_imap and mailbox_<id>_smtp"
        )
    known = list(_model_at(path[:-1]).model_fields)
    close = difflib.get_close_matches(key, known, n=1)
    hint = f"did you mean {close[0]}?" if close else f"known are {', '.join(known)}"
    return _name(path), f"is unknown; {hint}"


def _model_at(path: tuple[int | str, ...]) -> type[BaseModel]:
    model: type[BaseModel] = EntryModel
    for part in path:
        annotation = model.model_fields[str(part)].annotation
        kinds = [annotation, *getattr(annotation, "__args__", ())]
        model = next(k for k in kinds if isinstance(k, type) and issubclass(k, BaseModel))
    return model


def _name(path: tuple[int | str, ...]) -> str:
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}"
    return text.removeprefix(".")


def _cross_faults(entry: Mapping[Any, Any]) -> Iterator[tuple[str, str]]:
    ownership, shared = entry.get("ownership"), entry.get("shared")
    if ownership == Ownership.SHARED and shared is None:
        yield "shared", "is required where ownership is shared: settle who owns the address first"
    if ownership == Ownership.PERSONAL and shared is not None:
        yield "shared", "belongs only to ownership: shared"
    backfill = entry.get("backfill")
    if isinstance(backfill, Mapping) and backfill.get("since") and backfill.get("days"):
        yield "backfill", "takes since or days, not both"


def _mailbox_faults(mailbox: Mailbox) -> Iterator[tuple[str, str]]:
    for name, endpoint in (("imap", mailbox.imap), ("smtp", mailbox.smtp)):
        if endpoint.encryption is Encryption.NONE and not is_loopback(endpoint.host):
            yield (
                f"{name}.encryption",
                "none is for this machine only (localhost, 127.0.0.1, ::1): use tls or starttls",
            )


def _refuse(source: str, faults: list[tuple[str, str]]) -> SettingsError:
    texts = list(dict.fromkeys(f"{name} {text}".strip() for name, text in faults))
    more = len(texts) - _MAX_FAULTS
    if more > 0:
        texts = [*texts[:_MAX_FAULTS], f"and {more} more"]
    return SettingsError(where=source, problem="; ".join(texts))
