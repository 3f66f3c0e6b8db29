"""Counts and the hash of a whole batch, on a connection that is already open."""

import hashlib
from typing import Any

from sqlalchemy import func, select

from mailcrm.adapters.crm_database.schema import (
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
