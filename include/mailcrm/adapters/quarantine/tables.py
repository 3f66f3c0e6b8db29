"""Writes to sync_quarantine, always inside the transaction of the batch that caused them."""

import datetime as dt
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, select, update

from mailcrm.adapters.crm_database.engine import insert_into
from mailcrm.adapters.crm_database.schema import (
    staged_messages,
    sync_generations,
    sync_quarantine,
)
from mailcrm.check import CHECKS_VERSION
from mailcrm.parse import PARSER_VERSION
from mailcrm.records import Lease, Quarantined, StagedMessage

_LOCATION = ("mailbox_id", "folder", "uidvalidity", "uid")


def write_quarantine(
    connection: Connection,
    lease: Lease,
    generation_id: int,
    rows: Sequence[StagedMessage],
    now: dt.datetime,
) -> None:
    """Hold messages back; a location that was held before counts another attempt."""
    folder, uidvalidity = _folder_of(connection, generation_id) if rows else ("", 0)
    for row in rows:
        _upsert(
            connection,
            {
                "mailbox_id": lease.mailbox_id,
                "folder": folder,
                "uidvalidity": uidvalidity,
                "uid": row.uid,
                "rule": row.rule or "unknown",
                "reason": row.reason or "",
                "raw": row.raw,
                "batch_id": lease.batch_id,
                "internaldate": row.internaldate,
            },
            now,
        )


def quarantine_rows(
    connection: Connection, lease: Lease, rows: Sequence[Quarantined], now: dt.datetime
) -> None:
    """Take staged rows out of their batch: they stay accounted for, and are not published."""
    staged = staged_messages
    for row in rows:
        here = (staged.c.generation_id == row.generation_id, staged.c.uid == row.uid)
        found = connection.execute(select(staged.c.internaldate, staged.c.raw).where(*here)).one()
        connection.execute(
            update(staged).where(*here).values(disposition="quarantined", reason=row.rule)
        )
        folder, uidvalidity = _folder_of(connection, row.generation_id)
        _upsert(
            connection,
            {
                "mailbox_id": lease.mailbox_id,
                "folder": folder,
                "uidvalidity": uidvalidity,
                "uid": row.uid,
                "rule": row.rule,
                "reason": row.reason,
                "raw": found.raw,
                "batch_id": lease.batch_id,
                "internaldate": found.internaldate,
            },
            now,
        )


def resolve_quarantine(connection: Connection, batch_id: str, now: dt.datetime) -> None:
    """Mark messages that were held before and are published with this batch."""
    table, staged, generations = sync_quarantine, staged_messages, sync_generations
    is_published = (
        select(staged.c.uid)
        .join(generations, generations.c.generation_id == staged.c.generation_id)
        .where(
            staged.c.batch_id == batch_id,
            staged.c.disposition.in_(("publish", "duplicate")),
            generations.c.mailbox_id == table.c.mailbox_id,
            generations.c.folder == table.c.folder,
            generations.c.uidvalidity == table.c.uidvalidity,
            staged.c.uid == table.c.uid,
        )
        .exists()
    )
    connection.execute(
        update(table)
        .where(table.c.state == "held", is_published)
        .values(state="replayed", updated_at=now)
    )


def _folder_of(connection: Connection, generation_id: int) -> tuple[str, int]:
    table = sync_generations
    row = connection.execute(
        select(table.c.folder, table.c.uidvalidity).where(table.c.generation_id == generation_id)
    ).one()
    return row.folder, row.uidvalidity


def _upsert(connection: Connection, values: dict[str, Any], now: dt.datetime) -> None:
    table = sync_quarantine
    values |= {"parser_version": PARSER_VERSION, "rules_version": CHECKS_VERSION}
    changed = {k: v for k, v in values.items() if k not in _LOCATION}
    if values["raw"] is None:  # bytes that are kept already stay
        del changed["raw"]
    statement = insert_into(connection, table).values(
        **values, state="held", attempts=1, created_at=now, updated_at=now
    )
    connection.execute(
        statement.on_conflict_do_update(
            index_elements=list(_LOCATION),
            set_=changed | {"state": "held", "attempts": table.c.attempts + 1, "updated_at": now},
        )
    )
