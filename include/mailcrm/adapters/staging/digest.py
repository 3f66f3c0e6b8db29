"""Counts and the hash of a whole batch, on a connection that is already open."""

import hashlib
from typing import Any

from sqlalchemy import func, select

from mailcrm.adapters.crm_database.engine import chunked
from mailcrm.adapters.crm_database.schema import (
    conversation_members,
    crm_messages,
    message_identities,
    staged_attachments,
    staged_decisions,
    staged_messages,
    staged_participants,
)
from mailcrm.records import (
    Outcome,
)


def _of_batch(statement: Any, table: Any, batch_id: str) -> Any:
    staged = staged_messages
    return statement.join(
        staged,
        (staged.c.generation_id == table.c.generation_id) & (staged.c.uid == table.c.uid),
    ).where(staged.c.batch_id == batch_id, staged.c.disposition == "publish")


def count_outcomes(connection: Any, batch_id: str) -> dict[str, int]:
    """A batch's decisions by outcome; all five are always there."""
    table = staged_decisions
    statement = _of_batch(select(table.c.outcome, func.count()), table, batch_id)
    counts = dict.fromkeys((outcome.value for outcome in Outcome), 0)
    counts.update({row[0]: row[1] for row in connection.execute(statement.group_by("outcome"))})
    return counts


def hash_batch(connection: Any, batch_id: str) -> str:
    """SHA-256 (hex) over what a batch would publish: rows, people, attachments and decisions."""
    staged, people, decisions = staged_messages, staged_participants, staged_decisions
    parts = staged_attachments
    digest = hashlib.sha256()
    columns = [c for c in staged.c if c.name not in ("raw", "batch_id")]
    key = (staged.c.generation_id, staged.c.uid)
    statements = [
        select(*columns).where(staged.c.batch_id == batch_id).order_by(*key),
        _of_batch(select(people), people, batch_id).order_by(*people.primary_key.columns),
        _of_batch(select(parts), parts, batch_id).order_by(*parts.primary_key.columns),
        _of_batch(select(decisions), decisions, batch_id).order_by(*decisions.primary_key.columns),
    ]
    for statement in statements:
        for row in connection.execute(statement):
            # Read twice from one database, a row has one form; JSON would take thrice as long.
            digest.update(repr(tuple(row)).encode(errors="backslashreplace"))
    return digest.hexdigest()


def hash_known(connection: Any, batch_id: str) -> str:
    """SHA-256 (hex) over what is published that decides which messages a batch's rows are.

    That are identities with a Message-ID or a fingerprint of the batch, and the conversations of
    all ids that it names, with how many messages they have.
    """
    staged, known, members = staged_messages, message_identities, conversation_members
    ids: set[str] = set()
    prints: set[str] = set()
    mine = staged.c.batch_id == batch_id
    columns = (staged.c.message_id_hash, staged.c.fingerprint, staged.c.reference_hashes)
    for own, fingerprint, references in connection.execute(select(*columns).where(mine)):
        ids.update(references, [own] if own else [])
        prints.add(fingerprint)
    found: set[tuple[str, ...]] = set()
    for column, values in ((known.c.message_id_hash, ids), (known.c.fingerprint, prints)):
        for chunk in chunked(sorted(values)):
            rows = connection.execute(
                select(known.c.message_key, known.c.message_id_hash, known.c.fingerprint).where(
                    column.in_(chunk)
                )
            )
            found.update(("identity", key, own or "", text) for key, own, text in rows)
    conversations: set[str] = set()
    for chunk in chunked(sorted(ids)):
        for id_hash, key in connection.execute(
            select(members.c.id_hash, members.c.conversation_key).where(
                members.c.id_hash.in_(chunk)
            )
        ):
            found.add(("member", id_hash, key))
            conversations.add(key)
    found |= _sizes(connection, conversations)
    return hashlib.sha256(repr(sorted(found)).encode()).hexdigest()


def _sizes(connection: Any, conversations: set[str]) -> set[tuple[str, ...]]:
    key = crm_messages.c.conversation_key
    found: set[tuple[str, ...]] = set()
    for chunk in chunked(sorted(conversations)):
        rows = connection.execute(select(key, func.count()).where(key.in_(chunk)).group_by(key))
        found.update(("size", conversation, str(count)) for conversation, count in rows)
    return found
