"""Writes to sync_quarantine, always inside the transaction of the batch that caused them."""

import datetime as dt
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, select, update

from mailcrm.adapters.crm_database.engine import insert_into
from mailcrm.adapters.crm_database.schema import (
    staged_messages,
    sync_generations,
    sync_ledger,
    sync_quarantine,
)
from mailcrm.check import CHECKS_VERSION
from mailcrm.dedupe import plan_relink_digest
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
            plan_relink_digest(row.parsed, row.internaldate),
            now,
        )


def quarantine_rows(
    connection: Connection, lease: Lease, rows: Sequence[Quarantined], now: dt.datetime
) -> None:
    """Take staged rows out of their batch: they stay accounted for, and are not published."""
    staged = staged_messages
    for row in rows:
        here = (staged.c.generation_id == row.generation_id, staged.c.uid == row.uid)
        columns = (staged.c.internaldate, staged.c.raw, staged.c.relink_digest)
        found = connection.execute(select(*columns).where(*here)).one()
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
            found.relink_digest,
            now,
        )


def resolve_quarantine(connection: Connection, batch_id: str, now: dt.datetime) -> None:
    """Mark messages that were held before and are published with this batch."""
    table, staged, generations = sync_quarantine, staged_messages, sync_generations
    ledger, old = sync_ledger, sync_generations.alias()
    mine = (
        select(staged.c.uid)
        .join(generations, generations.c.generation_id == staged.c.generation_id)
        .where(
            staged.c.batch_id == batch_id,
            staged.c.disposition.in_(("publish", "duplicate")),
            generations.c.mailbox_id == table.c.mailbox_id,
            generations.c.folder == table.c.folder,
        )
    )
    is_published = mine.where(
        generations.c.uidvalidity == table.c.uidvalidity, staged.c.uid == table.c.uid
    )
    # The same message, held in a generation that is gone.
    is_known = (
        mine.join(old, (old.c.mailbox_id == table.c.mailbox_id) & (old.c.folder == table.c.folder))
        .join(ledger, ledger.c.generation_id == old.c.generation_id)
        .where(
            old.c.uidvalidity == table.c.uidvalidity,
            generations.c.uidvalidity != table.c.uidvalidity,
            ledger.c.uid == table.c.uid,
            ledger.c.relink_digest == staged.c.relink_digest,
        )
    )
    connection.execute(
        update(table)
        .where(table.c.state == "held", is_published.exists() | is_known.exists())
        .values(state="replayed", updated_at=now)
    )


def _folder_of(connection: Connection, generation_id: int) -> tuple[str, int]:
    table = sync_generations
    row = connection.execute(
        select(table.c.folder, table.c.uidvalidity).where(table.c.generation_id == generation_id)
    ).one()
    return row.folder, row.uidvalidity


def _upsert(
    connection: Connection, values: dict[str, Any], relink_digest: str, now: dt.datetime
) -> None:
    table = sync_quarantine
    if _take_over(connection, values, relink_digest, now) == "discarded":
        return  # a person has judged it already
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


def _take_over(
    connection: Connection, values: dict[str, Any], relink_digest: str, now: dt.datetime
) -> str | None:
    """Bring along what is held of the same message under another uidvalidity of its folder.

    Numbered anew, a message stays one entry with one number, so that people are asked once, and
    what they said still holds.

    Returns:
        The state of the entry that is now at the message's place; None where there is none.
    """
    table = sync_quarantine
    here = [table.c[name] == values[name] for name in _LOCATION]
    state = connection.execute(select(table.c.state).where(*here)).scalar()
    if state is not None:
        return str(state)
    found = connection.execute(_same_elsewhere(values, relink_digest)).first()
    if found is None:
        return None
    place = {name: values[name] for name in ("uidvalidity", "uid")}
    connection.execute(
        update(table)
        .where(table.c.quarantine_id == found.quarantine_id)
        .values(**place, batch_id=values["batch_id"], updated_at=now)
    )
    return str(found.state)


def _same_elsewhere(values: dict[str, Any], relink_digest: str) -> Any:
    """The oldest open or discarded entry of a message, in another generation of its folder."""
    table, ledger, generations = sync_quarantine, sync_ledger, sync_generations
    in_folder = (
        (generations.c.mailbox_id == table.c.mailbox_id)
        & (generations.c.folder == table.c.folder)
        & (generations.c.uidvalidity == table.c.uidvalidity)
    )
    listed = (ledger.c.generation_id == generations.c.generation_id) & (ledger.c.uid == table.c.uid)
    return (
        select(table.c.quarantine_id, table.c.state)
        .join(generations, in_folder)
        .join(ledger, listed)
        .where(
            table.c.mailbox_id == values["mailbox_id"],
            table.c.folder == values["folder"],
            table.c.uidvalidity != values["uidvalidity"],
            table.c.state.in_(("held", "discarded")),
            ledger.c.relink_digest == relink_digest,
        )
        .order_by(table.c.quarantine_id)
        .limit(1)
    )
