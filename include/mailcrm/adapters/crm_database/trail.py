"""The audit trail in the CRM database: a chain of digests, each over the entry before it."""

import datetime as dt
import hashlib
import json
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Engine, exc, insert, select

from mailcrm.adapters.crm_database.engine import reading, retried, writing
from mailcrm.adapters.crm_database.schema import audit_events
from mailcrm.errors import StoreBusyError
from mailcrm.records.trail import Deed, Outcome, TrailEntry

__all__ = ["TrailTables"]

_FIRST = "0" * 64
_CHECKED_AT_ONCE = 1000


class TrailTables:
    """`ports.trail.Trail` on a database."""

    def __init__(self, engine: Engine) -> None:
        """Work on migrated tables."""
        self._engine = engine

    @retried
    def write_deed(self, deed: Deed, now: dt.datetime) -> int:
        """See `Trail`. Of two writers at once one begins again: `previous` is unique."""
        table = audit_events
        with writing(self._engine) as connection:
            latest = select(table.c.digest).order_by(table.c.event_id.desc()).limit(1)
            previous = connection.execute(latest).scalar() or _FIRST
            row = _row(deed, now)
            row |= {"previous": previous, "digest": _digest(row, previous)}
            try:
                made = connection.execute(insert(table).values(row)).inserted_primary_key
            except exc.IntegrityError:
                raise StoreBusyError(
                    detail="another entry was written to the audit trail"
                ) from None
        return int(made[0]) if made else 0

    def list_deeds(
        self, mailbox_id: str | None, before: int | None, limit: int
    ) -> Sequence[TrailEntry]:
        """See `Trail`."""
        table = audit_events
        statement = select(table).order_by(table.c.event_id.desc()).limit(limit)
        if mailbox_id is not None:
            statement = statement.where(table.c.mailbox_id == mailbox_id)
        if before is not None:
            statement = statement.where(table.c.event_id < before)
        with reading(self._engine) as connection:
            return [_entry(row._mapping) for row in connection.execute(statement)]

    def find_break(self) -> int | None:
        """See `Trail`."""
        table = audit_events
        previous, event_id = _FIRST, 0
        with reading(self._engine) as connection:
            while rows := _after(connection, event_id):
                for row in rows:
                    plain = _row(_entry(row).deed, row["at"])
                    fits = row["previous"] == previous
                    if not fits or row["digest"] != _digest(plain, previous):
                        return int(row[table.c.event_id.name])
                    previous, event_id = row["digest"], row["event_id"]
        return None


def _after(connection: Connection, event_id: int) -> Sequence[Any]:
    table = audit_events
    statement = (
        select(table)
        .where(table.c.event_id > event_id)
        .order_by(table.c.event_id)
        .limit(_CHECKED_AT_ONCE)
    )
    return connection.execute(statement).mappings().all()


def _row(deed: Deed, now: dt.datetime) -> dict[str, Any]:
    return {
        "at": now,
        "actor": deed.actor,
        "action": deed.action,
        "mailbox_id": deed.mailbox_id,
        "subject": deed.subject,
        "detail": dict(deed.detail),
        "outcome": deed.outcome.value,
    }


def _digest(row: dict[str, Any], previous: str) -> str:
    plain = row | {"at": row["at"].astimezone(dt.UTC).isoformat()}
    text = json.dumps([previous, plain], sort_keys=True, ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _entry(row: Any) -> TrailEntry:
    deed = Deed(
        actor=row["actor"],
        action=row["action"],
        mailbox_id=row["mailbox_id"],
        subject=row["subject"],
        detail=row["detail"],
        outcome=Outcome(row["outcome"]),
    )
    return TrailEntry(row["event_id"], row["at"], deed, row["digest"])
