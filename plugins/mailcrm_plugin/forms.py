"""The form of Connect and Edit: from its fields to a registry entry and two credentials."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Annotated

from fastapi import Depends, Request
from starlette.datastructures import FormData

from mailcrm.records import Credential, Direction, Mailbox, TokenRefresh

__all__ = ["ConnectForm", "Submitted", "carried_over", "field_ids", "fields_of"]

SHARED = ("owner_team", "record_target", "display_name_of", "rotation_owner", "failed_send_monitor")
APPROVAL = ("over_days", "over_messages", "reviewed_sample")
_DEFAULT_FOLDERS = ("INBOX", "\\Sent")
_FAULT = re.compile(
    r"\b(imap|smtp|shared|backfill|approval)\.(\w+)"
    r"|(?:^|[;:] )(id|address|display_name|schedule|folders)\b"
)


@dataclass(frozen=True, slots=True)
class ConnectForm:
    """What somebody typed; the passwords never show in a repr, and never go back to a page."""

    fields: Mapping[str, str]
    folders: tuple[str, ...]
    secrets: Mapping[str, str] = field(repr=False)

    @property
    def mailbox_id(self) -> str:
        """The id typed, or one made of the address."""
        return self.fields.get("id") or _propose_id(self.fields.get("address", ""))

    @property
    def owner_team(self) -> str | None:
        """The team of a shared mailbox."""
        is_shared = self.fields.get("ownership") == "shared"
        return self.fields.get("owner_team") if is_shared else None

    def draft(self) -> dict[str, object]:
        """The form of a registry file; what is wrong in it is found there."""
        given = self.fields
        draft: dict[str, object] = {
            "id": self.mailbox_id,
            "address": given.get("address", ""),
            "imap": self._endpoint("imap"),
            "smtp": self._endpoint("smtp"),
            "folders": list(self.folders or _DEFAULT_FOLDERS),
            "backfill": self._backfill(),
            "schedule": given.get("schedule") or None,
            "ownership": given.get("ownership") or "personal",
            "auth": given.get("auth") or "password",
            "own_addresses": given.get("own_addresses", "").replace(",", " ").split(),
            "approval": {name: _number(given[name]) for name in APPROVAL if given.get(name)},
        }
        if given.get("display_name"):
            draft["display_name"] = given["display_name"]
        if draft["ownership"] == "shared":
            draft["shared"] = {name: given.get(name, "") for name in SHARED}
        return draft

    def credential(self, direction: Direction) -> Credential | None:
        """What was typed for one direction; None where no secret was."""
        name = direction.value
        secret = self.secrets.get(f"{name}_password", "")
        refresh = self._refresh()
        if not secret and refresh is None:
            return None
        username = self.fields.get(f"{name}_username") or self.fields.get("address", "")
        return Credential(username, secret, refresh)

    def _endpoint(self, name: str) -> dict[str, object]:
        return {
            "host": self.fields.get(f"{name}_host", ""),
            "port": _number(self.fields.get(f"{name}_port", "")),
            "encryption": self.fields.get(f"{name}_encryption", ""),
        }

    def _backfill(self) -> dict[str, object]:
        since = self.fields.get("since")
        return {"since": since} if since else {"days": _number(self.fields.get("days") or "7")}

    def _refresh(self) -> TokenRefresh | None:
        given = {**self.fields, **self.secrets}
        return TokenRefresh.of(given) if given.get("auth") == "xoauth2" else None


async def _read(request: Request) -> ConnectForm:
    return _parse(await request.form())


Submitted = Annotated[ConnectForm, Depends(_read)]


def _parse(form: FormData) -> ConnectForm:
    is_secret = re.compile(r"_password$|_secret$|^refresh_token$").search
    texts = {name: str(value) for name, value in form.multi_items() if isinstance(value, str)}
    folders = tuple(str(value) for value in form.getlist("folders") if str(value).strip())
    return ConnectForm(
        fields={name: text.strip() for name, text in texts.items() if not is_secret(name)},
        folders=tuple(dict.fromkeys(folders)),
        secrets={name: text for name, text in texts.items() if is_secret(name)},
    )


def fields_of(mailbox: Mailbox) -> dict[str, str]:
    """The fields of a mailbox that is connected, for the form; without any secret."""
    found = {
        "id": mailbox.id,
        "address": mailbox.address,
        "display_name": mailbox.display_name,
        "schedule": mailbox.schedule or "",
        "ownership": mailbox.ownership.value,
        "auth": mailbox.auth.value,
        "own_addresses": " ".join(mailbox.own_addresses),
        "days": "" if mailbox.backfill.since else str(mailbox.backfill.days),
        "since": mailbox.backfill.since.isoformat() if mailbox.backfill.since else "",
    }
    for direction in Direction:
        endpoint = mailbox.endpoint(direction)
        name = direction.value
        found |= {
            f"{name}_host": endpoint.host,
            f"{name}_port": str(endpoint.port),
            f"{name}_encryption": endpoint.encryption.value,
        }
    if mailbox.shared is not None:
        found |= {name: str(getattr(mailbox.shared, name)) for name in SHARED}
    found |= {name: str(getattr(mailbox.approval, name) or "") for name in APPROVAL}
    return found


def carried_over(mailbox: Mailbox) -> dict[str, object]:
    """What the form does not ask, of a mailbox that is edited: it stays as it is."""
    tls = mailbox.tls
    found: dict[str, object] = {
        "idle": mailbox.idle,
        "trusted_authserv_ids": list(mailbox.trusted_authserv_ids),
        "tls": {"ca_file": tls.ca_file, "pin_sha256": tls.pin_sha256},
    }
    if mailbox.freshness is not None:
        found["freshness"] = f"{int(mailbox.freshness.total_seconds() // 60)}m"
    return found


def field_ids(text: str, more: Iterable[str] = ()) -> list[str]:
    """The ids of the form's fields that an advice or an error names."""
    found = list(more)
    for match in _FAULT.finditer(text):
        section, name, plain = match.groups()
        if section in ("imap", "smtp"):
            found.append(f"{section}_{name}")
        else:
            found.append(name or plain)
    return list(dict.fromkeys(found))


def _number(text: str) -> int | str:
    """The number that was typed; else the text, which is found to be wrong later."""
    return int(text) if re.fullmatch(r"[0-9]{1,9}", text) else text


def _propose_id(address: str) -> str:
    local = re.sub(r"[^a-z0-9]+", "_", address.partition("@")[0].lower()).strip("_")
    return (local if local[:1].isalpha() else f"m_{local}")[:40]
