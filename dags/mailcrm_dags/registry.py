"""The mailboxes as DAG files see them: a JSON file on disk, never the database.

Parsing happens every few seconds in several processes, so it needs no network, database or
secret. Whoever changes the registry writes the snapshot (`mailcrm mailbox add` and its like).
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from airflow.sdk import get_parsing_context

from mailcrm.errors import SettingsError
from mailcrm.settings import load_settings

__all__ = ["MailboxEntry", "entries_to_parse", "read_entries"]

SNAPSHOT_NAME = "registry.json"
ID_PATTERN = re.compile(r"[a-z][a-z0-9_]{0,39}")


@dataclass(frozen=True, slots=True)
class MailboxEntry:
    """One entry of the snapshot; `problem` says why it cannot be run, None where it can."""

    mailbox_id: str
    address: str = ""
    display_name: str = ""
    schedule: str | None = None
    folders: tuple[str, ...] = ()
    state: str = "active"
    problem: str | None = None

    @property
    def dag_id(self) -> str:
        """The id of this mailbox's DAG."""
        return f"mailbox__{self.mailbox_id}"

    @property
    def is_active(self) -> bool:
        """Whether runs of this mailbox do anything."""
        return self.state == "active"


def entries_to_parse(home: Path | None = None) -> Iterator[MailboxEntry]:
    """The entries whose DAGs this process needs: all, or only the one of the running task.

    Args:
        home: Folder of the snapshot; None reads MAILCRM_HOME.
    Source: Airflow's `get_parsing_context`: a worker names the DAG that it is about to run.
    """
    wanted = get_parsing_context().dag_id
    for entry in read_entries(home or load_settings().home):
        if wanted is None or wanted == entry.dag_id:
            yield entry


def read_entries(home: Path) -> Iterator[MailboxEntry]:
    """Every entry of the snapshot under `home`, by position; none where there is no snapshot.

    Raises:
        SettingsError: the file is no JSON list, so that no entry can be told from another.
    """
    path = home / SNAPSHOT_NAME
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return
    except ValueError as error:
        raise SettingsError(where=str(path), problem=f"is no JSON: {error}") from None
    if not isinstance(rows, list):
        raise SettingsError(where=str(path), problem="must be a list of mailboxes")
    seen: set[str] = set()
    for number, row in enumerate(rows, start=1):
        entry = _entry(row, number)
        if entry.mailbox_id in seen:
            entry = _broken(number, f"the id {entry.mailbox_id} is there twice")
        seen.add(entry.mailbox_id)
        yield entry


def _entry(row: Any, number: int) -> MailboxEntry:
    if not isinstance(row, dict):
        return _broken(number, "the entry is no mapping")
    mailbox_id = row.get("id")
    if not isinstance(mailbox_id, str) or not ID_PATTERN.fullmatch(mailbox_id):
        return _broken(number, f"the id {mailbox_id!r:.60} does not match {ID_PATTERN.pattern}")
    folders = row.get("folders") or ()
    if not isinstance(folders, list | tuple):
        return MailboxEntry(mailbox_id, problem="folders must be a list")
    schedule = row.get("schedule")
    return MailboxEntry(
        mailbox_id=mailbox_id,
        address=str(row.get("address") or ""),
        display_name=str(row.get("display_name") or ""),
        schedule=None if schedule is None else str(schedule),
        folders=tuple(str(folder) for folder in folders),
        state=str(row.get("state") or "active"),
        problem=str(row["error"]) if row.get("error") else None,
    )


def _broken(number: int, problem: str) -> MailboxEntry:
    return MailboxEntry(f"broken_entry_{number}", problem=f"registry entry {number}: {problem}")
