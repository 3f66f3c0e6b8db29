"""What Airflow has to know of each mailbox, as plain values without any secret."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from mailcrm.credentials import find_provider_of_host
from mailcrm.records import Mailbox
from mailcrm.records.registry import RegistryEntry
from mailcrm.services.watch_choice import is_watched
from mailcrm.services.wiring import Services

__all__ = ["list_dag_entries", "read_stamp"]

# A server of nobody we know gets so many logins at a time, over all its mailboxes.
UNKNOWN_HOST_SLOTS = 8
MOST_SLOTS = 32


def read_stamp(services: Services) -> str:
    """A text that changes with every change of the registry."""
    return services.registry.read_stamp()


def list_dag_entries(services: Services) -> Sequence[Mapping[str, Any]]:
    """One mapping per mailbox that was not removed, by id; a wrong one brings its `error`.

    Nothing in it depends on the time, so that the same registry always gives the same entries.
    """
    return [_row(entry) for entry in services.registry.list_entries()]


def _row(entry: RegistryEntry) -> dict[str, Any]:
    row: dict[str, Any] = {
        "id": entry.mailbox_id,
        "address": entry.address,
        "state": entry.state.value,
    }
    mailbox = entry.mailbox
    if mailbox is None:
        return {**row, "error": entry.error or "the entry is wrong"}
    freshness = mailbox.freshness
    return {
        **row,
        **_provider(mailbox),
        "display_name": mailbox.display_name,
        "folders": list(mailbox.folders),
        "schedule": mailbox.schedule,
        "team": mailbox.shared.owner_team if mailbox.shared else None,
        "freshness_s": None if freshness is None else int(freshness.total_seconds()),
        "watched": is_watched(mailbox, entry.health),
    }


def _provider(mailbox: Mailbox) -> dict[str, Any]:
    """The provider's name for a tag, and the pool that its mailboxes share."""
    provider = find_provider_of_host(mailbox.imap.host)
    name = _slug(provider.name if provider else mailbox.imap.host)
    limit = provider.max_connections if provider else None
    slots = UNKNOWN_HOST_SLOTS if limit is None else min(2 * limit, MOST_SLOTS)
    return {"provider": name, "pool": f"imap_{name}", "pool_slots": slots, "connections": limit}


def _slug(name: str) -> str:
    return re.sub(r"[^a-z0-9.-]+", "_", name.lower()).strip("_")
