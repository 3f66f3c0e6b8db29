"""What is held back: batches that the gate stopped, and messages in quarantine."""

from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import Connection, Select, func, select

from mailcrm.adapters.crm_database.schema import staged_messages, sync_quarantine, sync_runs
from mailcrm.errors import SettingsError
from mailcrm.records.quarantine_view import HeldCount, HeldLine, HeldView

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


def page_quarantine(
    connection: Connection,
    mailbox_ids: Collection[str],
    rule: str | None,
    below: int | None,
    limit: int,
) -> Sequence[HeldLine]:
    """Held messages of these mailboxes, latest first, numbered below `below`."""
    table = sync_quarantine
    statement = _lines().where(table.c.state == "held", table.c.mailbox_id.in_(mailbox_ids))
    if rule is not None:
        statement = statement.where(table.c.rule == rule)
    if below is not None:
        statement = statement.where(table.c.quarantine_id < below)
    statement = statement.order_by(table.c.quarantine_id.desc()).limit(limit)
    return [HeldLine(*row) for row in connection.execute(statement)]


def count_held(connection: Connection, mailbox_ids: Collection[str]) -> Sequence[HeldCount]:
    """Held messages by mailbox and rule, the most first."""
    table = sync_quarantine
    number = func.count()
    statement = (
        select(table.c.mailbox_id, table.c.rule, number)
        .where(table.c.state == "held", table.c.mailbox_id.in_(mailbox_ids))
        .group_by(table.c.mailbox_id, table.c.rule)
        .order_by(number.desc(), table.c.mailbox_id, table.c.rule)
    )
    return [HeldCount(*row) for row in connection.execute(statement)]


def view_quarantined(
    connection: Connection, quarantine_id: int, source_bytes: int
) -> tuple[HeldView, bytes] | None:
    """One message of any state with the beginning of its bytes; None where there is none."""
    table = sync_quarantine
    columns = (
        table.c.state,
        table.c.uidvalidity,
        table.c.batch_id,
        table.c.parser_version,
        table.c.rules_version,
        table.c.discarded_by,
        table.c.discarded_at,
        table.c.discard_reason,
    )
    beginning = func.substr(table.c.raw, 1, source_bytes, type_=table.c.raw.type)
    statement = _lines().add_columns(*columns, beginning)
    found = connection.execute(statement.where(table.c.quarantine_id == quarantine_id)).first()
    if found is None:
        return None
    *shown, raw = found
    size = len(_LINE)
    return HeldView(HeldLine(*shown[:size]), *shown[size:]), bytes(raw or b"")


_LINE = (
    sync_quarantine.c.quarantine_id,
    sync_quarantine.c.mailbox_id,
    sync_quarantine.c.folder,
    sync_quarantine.c.uid,
    sync_quarantine.c.rule,
    sync_quarantine.c.reason,
    sync_quarantine.c.attempts,
    sync_quarantine.c.internaldate,
    sync_quarantine.c.created_at,
    func.length(sync_quarantine.c.raw),
)


def _lines() -> Select[Any]:
    return select(*_LINE)


def _shown(row: dict[str, Any]) -> dict[str, Any]:
    row["mailbox"] = row.pop("mailbox_id")
    return row
