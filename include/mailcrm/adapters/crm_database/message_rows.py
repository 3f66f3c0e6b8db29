"""The set-based statements of a publish: from staging into the message tables."""

import datetime as dt
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    Table,
    literal,
    select,
)

from mailcrm.adapters.crm_database.engine import insert_into
from mailcrm.adapters.crm_database.schema import (
    MESSAGE_COLUMNS,
    UtcDateTime,
    crm_attachments,
    crm_contact_addresses,
    crm_delivery_failures,
    crm_message_contacts,
    crm_message_participants,
    crm_message_sightings,
    crm_messages,
    match_decisions,
    message_identities,
    staged_attachments,
    staged_decisions,
    staged_messages,
    staged_participants,
    sync_generations,
)
from mailcrm.publish import classify_failure, plan_links

staged = staged_messages


def _insert_select(connection: Connection, table: Table, names: list[str], rows: Any) -> None:
    connection.execute(
        insert_into(connection, table).from_select(names, rows).on_conflict_do_nothing()
    )


def _new(batch_id: str) -> tuple[ColumnElement[bool], ...]:
    return (staged.c.batch_id == batch_id, staged.c.disposition == "publish")


def _inserted(batch_id: str) -> tuple[ColumnElement[bool], ...]:
    """Staged rows whose message this batch itself brought into the CRM."""
    ours = (
        select(crm_messages.c.message_key)
        .where(
            crm_messages.c.message_key == staged.c.message_key,
            crm_messages.c.batch_id == batch_id,
        )
        .exists()
    )
    return (*_new(batch_id), ours)


def _children(table: Table, names: list[str], batch_id: str) -> Select[Any]:
    """Rows of a staged child table that belong to new messages, keyed by message_key."""
    return (
        select(staged.c.message_key, *(table.c[name] for name in names))
        .join(
            staged,
            (staged.c.generation_id == table.c.generation_id) & (staged.c.uid == table.c.uid),
        )
        .where(*_inserted(batch_id))
    )


def insert_messages(connection: Connection, batch_id: str, now: dt.datetime) -> None:
    """New messages; one that exists already stays as it is."""
    names = [name for name, _, _ in MESSAGE_COLUMNS]
    rows = select(
        staged.c.message_key,
        *(staged.c[name] for name in names),
        staged.c.batch_id,
        literal(now, UtcDateTime()),
    ).where(*_new(batch_id))
    _insert_select(
        connection, crm_messages, ["message_key", *names, "batch_id", "published_at"], rows
    )


def insert_participants(connection: Connection, batch_id: str) -> None:
    """The new messages' participants."""
    names = ["role", "position", "address", "display_name"]
    rows = _children(staged_participants, names, batch_id)
    _insert_select(connection, crm_message_participants, ["message_key", *names], rows)


def insert_attachments(connection: Connection, batch_id: str) -> None:
    """The new messages' attachments, as metadata."""
    names = ["part", "filename", "content_type", "size_bytes"]
    rows = _children(staged_attachments, names, batch_id)
    _insert_select(connection, crm_attachments, ["message_key", *names], rows)


def insert_decisions(connection: Connection, batch_id: str) -> None:
    """The new messages' decisions."""
    names = [c.name for c in match_decisions.c if c.name != "message_key"]
    rows = _children(staged_decisions, names, batch_id)
    _insert_select(connection, match_decisions, ["message_key", *names], rows)


def insert_links(connection: Connection, batch_id: str, now: dt.datetime) -> None:
    """Which contacts took part, as the rules decided."""
    names = ["contact_id", "role", "rule", "score"]
    statement = _children(staged_decisions, names, batch_id).where(
        staged_decisions.c.outcome == "matched"
    )
    links = plan_links(tuple(row) for row in connection.execute(statement))
    if links:
        connection.execute(
            insert_into(connection, crm_message_contacts).on_conflict_do_nothing(),
            [
                {
                    "message_key": link.message_key,
                    "contact_id": link.contact_id,
                    "roles": link.roles,
                    "rule": link.rule,
                    "score": link.score,
                    "decided_by": "rules",
                    "decided_at": now,
                }
                for link in links
            ],
        )


def insert_failures(connection: Connection, batch_id: str) -> None:
    """Failed deliveries that the new bounces report."""
    statement = select(staged.c.message_key, staged.c.bounces).where(
        *_inserted(batch_id), staged.c.kind == "bounce"
    )
    rows = [
        {
            "message_key": row.message_key,
            "recipient": bounce["recipient"],
            "original_message_id": bounce["original_message_id"],
            "status": bounce["status"],
            "diagnostic": bounce["diagnostic"],
            "class": classify_failure(bounce["status"]),
            "contact_id": _only_contact(connection, bounce["recipient"]),
        }
        for row in connection.execute(statement).all()
        for bounce in row.bounces
    ]
    if rows:
        connection.execute(
            insert_into(connection, crm_delivery_failures).on_conflict_do_nothing(), rows
        )


def _only_contact(connection: Connection, address: str) -> str | None:
    table = crm_contact_addresses
    found = connection.execute(
        select(table.c.contact_id).where(table.c.address == address.lower()).limit(2)
    ).scalars()
    contacts = list(found)
    return contacts[0] if len(contacts) == 1 else None


def insert_identities(connection: Connection, batch_id: str) -> None:
    """What later batches compare theirs with."""
    names = [column.name for column in message_identities.c]
    rows = select(*(staged.c[name] for name in names)).where(*_inserted(batch_id))
    _insert_select(connection, message_identities, names, rows)


def upsert_sightings(connection: Connection, batch_id: str) -> None:
    """Where each message was seen: new ones and duplicates alike."""
    generations = sync_generations
    rows = (
        select(
            staged.c.mailbox_id,
            generations.c.folder,
            generations.c.uidvalidity,
            staged.c.uid,
            staged.c.message_key,
            staged.c.internaldate,
            staged.c.flags,
        )
        .join(generations, generations.c.generation_id == staged.c.generation_id)
        .where(staged.c.batch_id == batch_id, staged.c.disposition.in_(("publish", "duplicate")))
    )
    _insert_select(
        connection,
        crm_message_sightings,
        [c.name for c in crm_message_sightings.c],
        rows,
    )
