"""What a publish adds where several people own the mailbox: tickets, and notices for its watcher.

Both are only ever inserted. State, owner and contact of a ticket belong to people from then on.
"""

import datetime as dt
from typing import Any

from sqlalchemy import Connection, Select, func, literal, select

from mailcrm.adapters.crm_database.engine import insert_into
from mailcrm.adapters.crm_database.schema import (
    UtcDateTime,
    crm_delivery_failures,
    crm_messages,
    crm_tickets,
    failed_send_notices,
    match_decisions,
    staged_messages,
)
from mailcrm.records import Lease, SharedChecklist

__all__ = ["publish_shared"]

OPENING_KINDS = ("person", "list")
"""Bounces, bulk mail and automatic replies open nothing."""
ID_CHARS = 23
"""Of a message_key's hex digits: 92 bits, and with a mailbox_id of 40 at most 64 characters."""


def publish_shared(
    connection: Connection, lease: Lease, shared: SharedChecklist, now: dt.datetime
) -> None:
    """Open tickets for the batch's conversations, and note its failed sends.

    Call it once messages, conversations and failures are in their tables, in the same transaction.
    """
    if shared.record_target == "tickets":
        _open_tickets(connection, lease, shared.owner_team)
    _note_failures(connection, lease, shared.failed_send_monitor, now)


def _open_tickets(connection: Connection, lease: Lease, owner_team: str) -> None:
    """One ticket for each conversation in which somebody wrote to us; replies join theirs."""
    opening, decisions = _opening_messages(lease.batch_id).subquery(), match_decisions
    rows = (
        select(
            literal(f"{lease.mailbox_id}:") + func.substr(opening.c.message_key, 1, ID_CHARS),
            literal(lease.mailbox_id),
            opening.c.conversation_key,
            decisions.c.contact_id,
            opening.c.subject,
            literal("open"),
            opening.c.received_at,
            literal(owner_team),
        )
        .outerjoin(
            decisions,
            (decisions.c.message_key == opening.c.message_key)
            & (decisions.c.role == "from")
            & (decisions.c.position == 0)
            & (decisions.c.outcome == "matched"),
        )
        .where(opening.c.rank == 1)
    )
    names = [column.name for column in crm_tickets.c]
    connection.execute(
        insert_into(connection, crm_tickets).from_select(names, rows).on_conflict_do_nothing()
    )


def _opening_messages(batch_id: str) -> Select[Any]:
    """What people wrote to this mailbox in the batch; rank 1 is the earliest of a conversation.

    A message that another mailbox published before is new to this one, too.
    """
    staged, messages = staged_messages, crm_messages
    rank = func.row_number().over(
        partition_by=messages.c.conversation_key,
        order_by=(messages.c.sent_at, messages.c.message_key),
    )
    return (
        select(
            messages.c.message_key,
            messages.c.conversation_key,
            messages.c.subject,
            messages.c.received_at,
            rank.label("rank"),
        )
        .join(staged, staged.c.message_key == messages.c.message_key)
        .where(
            staged.c.batch_id == batch_id,
            staged.c.disposition.in_(("publish", "duplicate")),
            staged.c.direction == "inbound",
            staged.c.kind.in_(OPENING_KINDS),
            messages.c.conversation_key.is_not(None),
        )
    )


def _note_failures(connection: Connection, lease: Lease, monitor: str, now: dt.datetime) -> None:
    """One notice for each failed recipient that the batch brought; nobody is told here."""
    failures, messages = crm_delivery_failures, crm_messages
    rows = (
        select(
            failures.c.message_key,
            failures.c.recipient,
            literal(monitor),
            literal(lease.mailbox_id),
            literal(lease.batch_id),
            literal(now, UtcDateTime()),
        )
        .join(messages, messages.c.message_key == failures.c.message_key)
        .where(messages.c.batch_id == lease.batch_id)
    )
    names = ["message_key", "recipient", "monitor", "mailbox_id", "batch_id", "created_at"]
    insert = insert_into(connection, failed_send_notices).from_select(names, rows)
    connection.execute(insert.on_conflict_do_nothing())
