"""The mailboxes as DAG files see them: a shard's JSON beside the file, never the database.

Parsing happens often and in several processes, so it needs no network, database or secret. The
bundle writes the shards when the registry has changed (`mailcrm_dags.bundle`).
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from airflow.sdk import get_parsing_context

from mailcrm.errors import SettingsError

__all__ = ["DAG_PREFIX", "MailboxEntry", "entries_to_parse", "read_entries"]

DAG_PREFIX = "mailbox__"
ID_PATTERN = re.compile(r"[a-z][a-z0-9_]{0,39}")


@dataclass(frozen=True, slots=True)
class MailboxEntry:
    """One entry of a shard; `problem` says why it cannot be run, None where it can.

    `pool` is shared by all mailboxes of a provider, `connections` is how many it allows to one
    mailbox, None where it states none. `freshness_s`: a good run is wanted at least so often.
    `watched`: new mail starts a run.
    """

    mailbox_id: str
    address: str = ""
    display_name: str = ""
    schedule: str | None = None
    folders: tuple[str, ...] = ()
    state: str = "active"
    team: str | None = None
    provider: str = ""
    pool: str = "default_pool"
    connections: int | None = None
    freshness_s: int | None = None
    watched: bool = False
    problem: str | None = None

    @property
    def dag_id(self) -> str:
        """The id of this mailbox's DAG."""
        return f"{DAG_PREFIX}{self.mailbox_id}"

    @property
    def is_active(self) -> bool:
        """Whether runs of this mailbox do anything."""
        return self.state == "active"


def entries_to_parse(path: Path) -> Iterator[MailboxEntry]:
    """The entries whose DAGs this process needs: all of the shard, or that of the running task.

    Source: Airflow's `get_parsing_context`: a worker names the DAG that it is about to run.
    """
    wanted = get_parsing_context().dag_id
    for entry in read_entries(path):
        if wanted is None or wanted == entry.dag_id:
            yield entry


def read_entries(path: Path) -> Iterator[MailboxEntry]:
    """Every entry of a shard, by position.

    Raises:
        SettingsError: the file is no JSON list, so that no entry can be told from another.
    """
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))
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
    return MailboxEntry(
        mailbox_id=mailbox_id,
        address=str(row.get("address") or ""),
        display_name=str(row.get("display_name") or ""),
        schedule=_text(row.get("schedule")),
        folders=tuple(str(folder) for folder in folders),
        state=str(row.get("state") or "active"),
        team=_text(row.get("team")),
        provider=str(row.get("provider") or ""),
        pool=str(row.get("pool") or "default_pool"),
        connections=row.get("connections"),
        freshness_s=row.get("freshness_s"),
        watched=bool(row.get("watched")),
        problem=_text(row.get("error")),
    )


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def _broken(number: int, problem: str) -> MailboxEntry:
    return MailboxEntry(f"broken_entry_{number}", problem=f"registry entry {number}: {problem}")
