"""What the registry holds, also where an entry is wrong, and what an import brought."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass

from mailcrm.records.mailbox import Mailbox, MailboxState

__all__ = ["NO_TEAM", "ImportResult", "RegistryEntry"]

# No team can have this name.
NO_TEAM = "?"


@dataclass(frozen=True, slots=True)
class RegistryEntry:
    """One row of the registry.

    `mailbox` is None where the stored entry does not pass the checks any more, `error` then says
    why in one line. `health` is the last verification by direction, empty before the first.
    `owner_team` is known also where the entry is wrong: None for a personal mailbox, and
    `NO_TEAM`, to which nobody belongs, where the entry does not say who owns it.
    """

    mailbox_id: str
    address: str
    state: MailboxState
    connected_at: dt.datetime
    updated_at: dt.datetime
    mailbox: Mailbox | None
    error: str | None
    health: Mapping[str, Mapping[str, object]]
    owner_team: str | None = None


@dataclass(frozen=True, slots=True)
class ImportResult:
    """What an import of contacts read, what it changed, and how many contacts there are now."""

    contacts: int
    addresses: int
    changed: int
    total: int
