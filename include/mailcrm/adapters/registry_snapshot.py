"""A copy of the registry as one JSON list, for people and backups; it holds no secret."""

import json
from collections.abc import Sequence

from mailcrm.adapters.files_store import FileStore
from mailcrm.records import Backfill, MailboxState
from mailcrm.records.registry import RegistryEntry

__all__ = ["SNAPSHOT_NAME", "write_snapshot"]

SNAPSHOT_NAME = "registry.json"


def write_snapshot(store: FileStore, entries: Sequence[RegistryEntry]) -> None:
    """Replace the copy in one step; one with the same content is left alone.

    An entry that is wrong is written with an `error`.

    Raises:
        SettingsError: the store cannot be written.
    """
    rows = [_row(entry) for entry in entries if entry.state is not MailboxState.REMOVED]
    rows.sort(key=lambda row: str(row["id"]))
    content = (json.dumps(rows, indent=1, sort_keys=True) + "\n").encode()
    if store.read(SNAPSHOT_NAME) != content:
        store.write(SNAPSHOT_NAME, content)


def _row(entry: RegistryEntry) -> dict[str, object]:
    row: dict[str, object] = {
        "id": entry.mailbox_id,
        "address": entry.address,
        "state": entry.state.value,
    }
    mailbox = entry.mailbox
    if mailbox is None:
        return {**row, "error": entry.error or "the entry is wrong"}
    return {
        **row,
        "display_name": mailbox.display_name,
        "folders": list(mailbox.folders),
        "schedule": mailbox.schedule,
        "ownership": mailbox.ownership.value,
        "owner_team": mailbox.shared.owner_team if mailbox.shared else None,
        "backfill": _backfill_text(mailbox.backfill),
    }


def _backfill_text(backfill: Backfill) -> str:
    if backfill.since is not None:
        return f"since {backfill.since.isoformat()}"
    return f"{backfill.days} days before it was connected"
