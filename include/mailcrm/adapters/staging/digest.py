"""Counts and the hash of a whole batch, on a connection that is already open."""

import hashlib
from collections.abc import Mapping
from typing import Any

from sqlalchemy import func, select

from mailcrm.adapters.crm_database.engine import any_of
from mailcrm.adapters.crm_database.schema import (
    conversation_members,
    conversation_subjects,
    crm_messages,
    message_identities,
    staged_decisions,
    staged_messages,
)
from mailcrm.adapters.staging.batch_hash import hash_batch
from mailcrm.records import Outcome

__all__ = ["count_outcomes", "hash_batch", "hash_known"]


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


def hash_known(connection: Any, batch_id: str) -> str:
    """SHA-256 (hex) over what is published that decides which messages a batch's rows are.

    That are identities with a Message-ID or a fingerprint of the batch, and the conversations of
    all ids that it names and of subjects that answers ask for, with how many messages they have.
    """
    staged, known = staged_messages, message_identities
    ids: set[str] = set()
    prints: set[str] = set()
    mine = staged.c.batch_id == batch_id
    subjects: dict[str, bool] = {}
    columns = (staged.c.message_id_hash, staged.c.fingerprint, staged.c.reference_hashes)
    rows = connection.execute(
        select(*columns, staged.c.subject_hash, staged.c.subject_asks).where(mine)
    )
    for own, fingerprint, references, subject, asks in rows.all():
        ids.update(references, [own] if own else [])
        prints.add(fingerprint)
        if subject is not None:
            subjects[subject] = subjects.get(subject, False) or asks
    found: set[tuple[str, ...]] = set()
    for column, values in ((known.c.message_id_hash, ids), (known.c.fingerprint, prints)):
        rows = connection.execute(
            select(known.c.message_key, known.c.message_id_hash, known.c.fingerprint).where(
                any_of(connection, column, values)
            )
        )
        found.update(("identity", key, own or "", text) for key, own, text in rows.all())
    return _hash_with_conversations(connection, found, ids, subjects)


def _hash_with_conversations(
    connection: Any, found: set[tuple[str, ...]], ids: set[str], subjects: Mapping[str, bool]
) -> str:
    members = conversation_members.c
    statement = select(members.id_hash, members.conversation_key).where(
        any_of(connection, members.id_hash, ids)
    )
    rows = connection.execute(statement).all()
    found.update(("member", id_hash, key) for id_hash, key in rows)
    spans = _spans(connection, subjects)
    found.update(("subject", *map(str, span)) for span in spans)
    keys = {key for _, key in rows} | {span.conversation_key for span in spans}
    found |= _sizes(connection, keys)
    return hashlib.sha256(repr(sorted(found)).encode()).hexdigest()


def _spans(connection: Any, subjects: Mapping[str, bool]) -> list[Any]:
    """Where published conversations used the subjects, if there or here an answer asks."""
    table = conversation_subjects
    rows = connection.execute(
        select(table).where(any_of(connection, table.c.subject_hash, subjects.keys()))
    )
    return [row for row in rows.all() if row.asks or subjects[row.subject_hash]]


def _sizes(connection: Any, conversations: set[str]) -> set[tuple[str, ...]]:
    key = crm_messages.c.conversation_key
    rows = connection.execute(
        select(key, func.count()).where(any_of(connection, key, conversations)).group_by(key)
    )
    return {("size", conversation, str(count)) for conversation, count in rows}
