"""Turning staged messages into table rows."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from sqlalchemy import Connection, bindparam, delete, update

from mailcrm.adapters.crm_database.engine import chunked, insert_into
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


def write_staged(
    connection: Connection,
    lease: Lease,
    generation_id: int,
    rows: Sequence[StagedMessage],
    now: dt.datetime,
) -> None:
    """Replace what is staged of these uids, and mark their ledger rows staged."""
    uids = [row.uid for row in rows]
    for table in (staged_messages, staged_participants, staged_attachments, staged_decisions):
        for chunk in chunked(uids):
            connection.execute(
                delete(table).where(table.c.generation_id == generation_id, table.c.uid.in_(chunk))
            )
    people = [p for row in rows for p in _participant_rows(generation_id, row)]
    parts = [a for row in rows for a in _attachment_rows(generation_id, row)]
    messages = [_message_row(lease, generation_id, row) for row in rows]
    for table, values in (
        (staged_messages, messages),
        (staged_participants, people),
        (staged_attachments, parts),
    ):
        if values:
            connection.execute(insert_into(connection, table), values)
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
    if uids:
        connection.execute(
            update(ledger)
            .where(ledger.c.generation_id == generation_id, ledger.c.uid == bindparam("b_uid"))
            .values(
                state="staged",
                batch_id=lease.batch_id,
                attempts=ledger.c.attempts + 1,
                updated_at=now,
            ),
            [{"b_uid": uid} for uid in uids],
        )


def _message_row(lease: Lease, generation_id: int, row: StagedMessage) -> dict[str, Any]:
    parsed, identity = row.parsed, row.identity
    subject_hash, subject_asks = plan_subject(parsed)
    return {
        "generation_id": generation_id,
        "uid": row.uid,
        "batch_id": lease.batch_id,
        "mailbox_id": lease.mailbox_id,
        "internaldate": row.internaldate,
        "flags": " ".join(row.flags),
        "disposition": row.disposition,
        "reason": row.rule,
        "message_key": None,
        **_crm_columns(row),
        "message_id_hash": identity.message_id_hash,
        "fingerprint": identity.fingerprint,
        "relink_digest": plan_relink_digest(parsed, row.internaldate),
        "sender": identity.sender,
        "text_sketch": identity.text_sketch,
        "reference_hashes": list(conversation_ids(parsed)),
        "subject_hash": subject_hash,
        "subject_asks": subject_asks,
        "list_id": parsed.list_id,
        "bounces": [asdict(bounce) for bounce in parsed.bounces],
        "defects": list(parsed.defects),
        "partial": parsed.partial,
        "raw": row.raw,
    }


def _crm_columns(row: StagedMessage) -> dict[str, Any]:
    """The columns that staging shares with crm_messages."""
    parsed, sender = row.parsed, row.parsed.sender()
    return {
        "message_id": parsed.message_id,
        "subject": parsed.subject,
        "sent_at": parsed.sent_at,
        "sent_at_source": parsed.sent_at_source,
        "received_at": row.received_at,
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


def _participant_rows(generation_id: int, row: StagedMessage) -> list[dict[str, Any]]:
    return [
        {
            "generation_id": generation_id,
            "uid": row.uid,
            "role": p.role,
            "position": p.position,
            "address": p.address,
            "display_name": p.display_name,
        }
        for p in row.parsed.participants
    ]


def _attachment_rows(generation_id: int, row: StagedMessage) -> list[dict[str, Any]]:
    return [
        {
            "generation_id": generation_id,
            "uid": row.uid,
            "part": a.part,
            "filename": a.filename,
            "content_type": a.content_type,
            "size_bytes": a.size_bytes,
        }
        for a in row.parsed.attachments
    ]
