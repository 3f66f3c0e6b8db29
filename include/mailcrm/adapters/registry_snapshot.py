"""Writes what DAG files need to know of the mailboxes: a JSON list in `MAILCRM_HOME`."""

import contextlib
import json
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

from mailcrm.errors import SettingsError
from mailcrm.records import Backfill, MailboxState
from mailcrm.records.registry import RegistryEntry

__all__ = ["SNAPSHOT_NAME", "write_snapshot"]

SNAPSHOT_NAME = "registry.json"
_READABLE = 0o644


def write_snapshot(home: Path, entries: Sequence[RegistryEntry]) -> None:
    """Replace the snapshot in one step; a file with the same content is left alone.

    An entry that is wrong is written with an `error`, so that only its own DAG shows it.

    Raises:
        SettingsError: the folder cannot be made or written.
    """
    rows = [_row(entry) for entry in entries if entry.state is not MailboxState.REMOVED]
    rows.sort(key=lambda row: str(row["id"]))
    content = json.dumps(rows, indent=1, sort_keys=True) + "\n"
    path = home / SNAPSHOT_NAME
    try:
        home.mkdir(parents=True, exist_ok=True)
        if path.is_file() and path.read_text(encoding="utf-8") == content:
            return
        _replace(path, content)
    except OSError as error:
        raise SettingsError(
            where="MAILCRM_HOME", problem=f"{home} cannot be written: {error.strerror}"
        ) from None


def _replace(path: Path, content: str) -> None:
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        # Airflow may run under another account, and there is no secret in it.
        Path(name).chmod(_READABLE)
        Path(name).replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            Path(name).unlink()
        raise


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
