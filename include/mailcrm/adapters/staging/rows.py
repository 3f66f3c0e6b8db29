"""Turning staged messages into table rows."""

import datetime as dt
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any

from sqlalchemy import Connection, delete, update

from mailcrm.adapters.crm_database.bulk import insert_bulk
from mailcrm.adapters.crm_database.engine import any_of
from mailcrm.adapters.crm_database.schema import (
    staged_attachments,
    staged_decisions,
    staged_messages,
    staged_participants,
    sync_ledger,
)
from mailcrm.adapters.quarantine import write_quarantine
from mailcrm.dedupe import conversation_ids, plan_relink_digest, plan_subject
from mailcrm.records import Lease, StagedMessage

SNIPPET_CHARS = 200
_MICRO = "microseconds"
_PARTICIPANT_COLUMNS = ("generation_id", "uid", "role", "position", "address", "display_name")
_ATTACHMENT_COLUMNS = ("generation_id", "uid", "part", "filename", "content_type", "size_bytes")
_Spell = Callable[[dt.datetime | None], str | dt.datetime | None]


def write_staged(
    connection: Connection,
    lease: Lease,
    generation_id: int,
    rows: Sequence[StagedMessage],
    now: dt.datetime,
) -> None:
    """Replace what is staged of these uids, and mark their ledger rows staged."""
    uids = [row.uid for row in rows]
    if not uids:
        return
    for table in (staged_messages, staged_participants, staged_attachments, staged_decisions):
        here = (table.c.generation_id == generation_id, any_of(connection, table.c.uid, uids))
        connection.execute(delete(table).where(*here))
    spell = _spell_sqlite if connection.dialect.name == "sqlite" else _spell_postgresql
    messages = [_message_row(lease, generation_id, row, spell) for row in rows]
    insert_bulk(connection, staged_messages, list(messages[0]), [(*m.values(),) for m in messages])
    people = [p for row in rows for p in _participant_rows(generation_id, row)]
    insert_bulk(connection, staged_participants, _PARTICIPANT_COLUMNS, people)
    parts = [a for row in rows for a in _attachment_rows(generation_id, row)]
    insert_bulk(connection, staged_attachments, _ATTACHMENT_COLUMNS, parts)
    _mark_staged(connection, lease, generation_id, uids, now)
    held = [row for row in rows if row.disposition == "quarantined"]
    write_quarantine(connection, lease, generation_id, held, now)


def _mark_staged(
    connection: Connection,
    lease: Lease,
    generation_id: int,
    uids: list[int],
    now: dt.datetime,
) -> None:
    ledger = sync_ledger
    connection.execute(
        update(ledger)
        .where(ledger.c.generation_id == generation_id, any_of(connection, ledger.c.uid, uids))
        .values(
            state="staged",
            batch_id=lease.batch_id,
            attempts=ledger.c.attempts + 1,
            updated_at=now,
        )
    )


def _spell_postgresql(moment: dt.datetime | None) -> dt.datetime | None:
    """A moment as psycopg takes it."""
    return None if moment is None else _utc(moment)


def _spell_sqlite(moment: dt.datetime | None) -> str | None:
    """A moment as SQLAlchemy stores it there."""
    return None if moment is None else _utc(moment).replace(tzinfo=None).isoformat(" ", _MICRO)


def _utc(moment: dt.datetime) -> dt.datetime:
    if moment.tzinfo is None:
        raise ValueError("a naive datetime reached the database")
    return moment.astimezone(dt.UTC)


def _message_row(
    lease: Lease, generation_id: int, row: StagedMessage, spell: _Spell
) -> dict[str, Any]:
    parsed, identity = row.parsed, row.identity
    subject_hash, subject_asks = plan_subject(parsed)
    return {
        "generation_id": generation_id,
        "uid": row.uid,
        "batch_id": lease.batch_id,
        "mailbox_id": lease.mailbox_id,
        "internaldate": spell(row.internaldate),
        "flags": " ".join(row.flags),
        "disposition": row.disposition,
        "reason": row.rule,
        "message_key": None,
        **_crm_columns(row, spell),
        "message_id_hash": identity.message_id_hash,
        "fingerprint": identity.fingerprint,
        "relink_digest": plan_relink_digest(parsed, row.internaldate),
        "sender": identity.sender,
        "text_sketch": identity.text_sketch,
        "reference_hashes": _to_json(list(conversation_ids(parsed))),
        "subject_hash": subject_hash,
        "subject_asks": subject_asks,
        "list_id": parsed.list_id,
        "bounces": _to_json([asdict(bounce) for bounce in parsed.bounces]),
        "defects": _to_json(list(parsed.defects)),
        "partial": parsed.partial,
        "raw": row.raw,
    }


def _crm_columns(row: StagedMessage, spell: _Spell) -> dict[str, Any]:
    """The columns that staging shares with crm_messages."""
    parsed, sender = row.parsed, row.parsed.sender()
    return {
        "message_id": parsed.message_id,
        "subject": parsed.subject,
        "sent_at": spell(parsed.sent_at),
        "sent_at_source": parsed.sent_at_source,
        "received_at": spell(row.received_at),
        "direction": row.direction,
        "from_address": sender.address if sender else None,
        "from_name": sender.display_name if sender else "",
        "body_text": parsed.body_text,
        "snippet": " ".join(parsed.new_text.split())[:SNIPPET_CHARS],
        "size_bytes": parsed.size_bytes,
        "attachment_count": len(parsed.attachments),
        "conversation_key": None,
        "kind": parsed.kind,
        "auth_result": row.auth_result,
        "is_conflict": False,
    }


def _to_json(values: list[Any]) -> str:
    return json.dumps(values) if values else "[]"


def _participant_rows(generation_id: int, row: StagedMessage) -> list[tuple[Any, ...]]:
    return [
        (generation_id, row.uid, p.role, p.position, p.address, p.display_name)
        for p in row.parsed.participants
    ]


def _attachment_rows(generation_id: int, row: StagedMessage) -> list[tuple[Any, ...]]:
    return [
        (generation_id, row.uid, a.part, a.filename, a.content_type, a.size_bytes)
        for a in row.parsed.attachments
    ]
