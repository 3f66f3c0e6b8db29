"""The set-based statements of a publish: from staging into the message tables."""

import datetime as dt
from typing import Any

from sqlalchemy import Connection, Select, Table, Text, cast, func, literal, select

from mailcrm.adapters.crm_database.bulk import insert_bulk
from mailcrm.adapters.crm_database.engine import chunked, insert_into
from mailcrm.adapters.crm_database.new_messages import new_messages
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
from mailcrm.publish import RULES, classify_failure, plan_links

staged = staged_messages
_IS_STAGED = (staged.c.generation_id == new_messages.c.generation_id) & (
    staged.c.uid == new_messages.c.uid
)


def _insert_select(connection: Connection, table: Table, names: list[str], rows: Any) -> None:
    connection.execute(
        insert_into(connection, table).from_select(names, rows).on_conflict_do_nothing()
    )


def _children(table: Table, names: list[str]) -> Select[Any]:
    """Rows of a staged child table that belong to new messages, keyed by message_key."""
    new = new_messages.c
    return select(new.message_key, *(table.c[name] for name in names)).join_from(
        new_messages,
        table,
        (table.c.generation_id == new.generation_id) & (table.c.uid == new.uid),
    )


def insert_messages(connection: Connection, now: dt.datetime) -> None:
    """New messages; one that exists already stays as it is."""
    names = [name for name, _, _ in MESSAGE_COLUMNS]
    rows = select(
        new_messages.c.message_key,
        *(staged.c[name] for name in names),
        staged.c.batch_id,
        literal(now, UtcDateTime()),
    ).join_from(new_messages, staged, _IS_STAGED)
    _insert_select(
        connection, crm_messages, ["message_key", *names, "batch_id", "published_at"], rows
    )


def insert_participants(connection: Connection) -> None:
    """The new messages' participants."""
    names = ["role", "position", "address", "display_name"]
    rows = _children(staged_participants, names)
    _insert_select(connection, crm_message_participants, ["message_key", *names], rows)


def insert_attachments(connection: Connection) -> None:
    """The new messages' attachments, as metadata."""
    names = ["part", "filename", "content_type", "size_bytes"]
    rows = _children(staged_attachments, names)
    _insert_select(connection, crm_attachments, ["message_key", *names], rows)


def insert_decisions(connection: Connection) -> None:
    """The new messages' decisions."""
    names = [c.name for c in match_decisions.c if c.name != "message_key"]
    rows = _children(staged_decisions, names)
    _insert_select(connection, match_decisions, ["message_key", *names], rows)


def insert_links(connection: Connection, now: dt.datetime) -> None:
    """Which contacts took part, as the rules decided."""
    statement = _children(staged_decisions, ["contact_id", "role", "rule", "score"]).where(
        staged_decisions.c.outcome == "matched"
    )
    links = plan_links(tuple(row) for row in connection.execute(statement))
    moment = UtcDateTime().bind_processor(connection.dialect)
    decided_at = moment(now) if moment else now
    names = ["message_key", "contact_id", "roles", "rule", "score", "decided_by", "decided_at"]
    rows = [
        (one.message_key, one.contact_id, one.roles, one.rule, one.score, RULES, decided_at)
        for one in links
    ]
    insert_bulk(connection, crm_message_contacts, names, rows, conflict="ignore")


def insert_failures(connection: Connection) -> None:
    """Failed deliveries that the new bounces report."""
    statement = (
        select(new_messages.c.message_key, staged.c.bounces)
        .join_from(new_messages, staged, _IS_STAGED)
        # Most messages report none, and kind lies behind the text.
        .where(cast(staged.c.bounces, Text) != "[]", staged.c.kind == "bounce")
    )
    found = [
        (row.message_key, bounce)
        for row in connection.execute(statement).all()
        for bounce in row.bounces
    ]
    contacts = _only_contacts(connection, {one["recipient"].lower() for _, one in found})
    names = ["message_key", "recipient", "original_message_id", "status", "diagnostic"]
    rows = [
        (
            message_key,
            *(bounce[name] for name in names[1:5]),
            classify_failure(bounce["status"]),
            contacts.get(bounce["recipient"].lower()),
        )
        for message_key, bounce in found
    ]
    names += ["class", "contact_id"]
    insert_bulk(connection, crm_delivery_failures, names, rows, conflict="ignore")


def _only_contacts(connection: Connection, addresses: set[str]) -> dict[str, str]:
    """The contact of each address that just one contact has."""
    table = crm_contact_addresses.c
    found: dict[str, str] = {}
    for chunk in chunked(sorted(addresses)):
        rows = connection.execute(
            select(table.address, func.min(table.contact_id))
            .where(table.address.in_(chunk))
            .group_by(table.address)
            .having(func.count() == 1)
        )
        found.update((address, contact_id) for address, contact_id in rows)
    return found


def insert_identities(connection: Connection) -> None:
    """What later batches compare theirs with."""
    names = [column.name for column in message_identities.c]
    rows = select(*(staged.c[name] for name in names)).join_from(new_messages, staged, _IS_STAGED)
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
