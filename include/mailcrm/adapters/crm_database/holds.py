"""What is held back: batches that the gate stopped, and messages in quarantine."""

from typing import Any

from sqlalchemy import Connection, func, select

from mailcrm.adapters.crm_database.schema import staged_messages, sync_quarantine, sync_runs
from mailcrm.errors import SettingsError

_SHOWN = [column for column in sync_quarantine.c if column.name != "raw"]


def list_held_batches(connection: Connection, mailbox_id: str | None) -> list[dict[str, Any]]:
    """Held batches that still have rows, latest first; a later run takes over a batch's rows."""
    runs, staged = sync_runs, staged_messages
    counted = (
        select(staged.c.batch_id, func.count().label("messages"))
        .group_by(staged.c.batch_id)
        .subquery()
    )
    statement = (
        select(runs, counted.c.messages)
        .join(counted, counted.c.batch_id == runs.c.batch_id)
        .where(runs.c.state == "held")
        .order_by(runs.c.started_at.desc(), runs.c.run_id)
    )
    if mailbox_id is not None:
        statement = statement.where(runs.c.mailbox_id == mailbox_id)
    return [
        {
            "batch_id": row["batch_id"],
            "mailbox": row["mailbox_id"],
            "run_id": row["run_id"],
            "window": {"since": row["window_since"], "until": row["window_until"]},
            "messages": row["messages"],
            "failed": list((row["checks"] or {}).get("failed", [])),
            "started_at": row["started_at"],
        }
        for row in connection.execute(statement).mappings()
    ]


def list_quarantine(connection: Connection, mailbox_id: str | None) -> list[dict[str, Any]]:
    """Messages that wait in quarantine, oldest first, without their bytes."""
    table = sync_quarantine
    statement = select(*_SHOWN, func.length(table.c.raw).label("raw_bytes"))
    statement = statement.where(table.c.state == "held").order_by(table.c.quarantine_id)
    if mailbox_id is not None:
        statement = statement.where(table.c.mailbox_id == mailbox_id)
    return [_shown(dict(row)) for row in connection.execute(statement).mappings()]


def read_quarantine(connection: Connection, quarantine_id: int) -> dict[str, Any]:
    """One quarantined message with its bytes (`raw`, None where it was discarded).

    Raises:
        SettingsError: there is none of that number.
    """
    table = sync_quarantine
    statement = select(*_SHOWN, table.c.raw).where(table.c.quarantine_id == quarantine_id)
    found = connection.execute(statement).mappings().one_or_none()
    if found is None:
        problem = "no such message in quarantine: mailcrm quarantine list shows them"
        raise SettingsError(where=f"quarantine {quarantine_id}", problem=problem)
    return _shown(dict(found))


def _shown(row: dict[str, Any]) -> dict[str, Any]:
    row["mailbox"] = row.pop("mailbox_id")
    return row
