"""`ports.History` on a database: what a batch is like, and what earlier ones were like."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Engine, case, func, select

from mailcrm.adapters.crm_database.engine import reading, retried
from mailcrm.adapters.crm_database.runs import read_run_row
from mailcrm.adapters.crm_database.schema import (
    staged_decisions,
    staged_messages,
    sync_run_folders,
    sync_runs,
)
from mailcrm.records import BatchMeasures, Lease

__all__ = ["HistoryTables"]

LOOKED_AT = 100
DAY_S = 86_400.0


class HistoryTables:
    """See `ports.History`."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @retried
    def measure_batch(self, lease: Lease) -> BatchMeasures:
        """See `ports.History`."""
        with reading(self._engine) as connection:
            run = read_run_row(connection, lease.run_id)
            span = run["window_until"] - run["window_since"]
            return BatchMeasures(
                **_count_messages(connection, lease.batch_id),
                **_count_decisions(connection, lease.batch_id),
                listed=_count_listed(connection, lease.run_id),
                days=span.total_seconds() / DAY_S,
                is_comparable=not (
                    _is_widened(connection, lease, run) or _has_new_folder(connection, lease)
                ),
            )

    @retried
    def read_history(self, lease: Lease, limit: int) -> Sequence[BatchMeasures]:
        """See `ports.History`."""
        runs = sync_runs
        statement = (
            select(runs.c.metrics)
            .where(
                *_earlier(lease),
                runs.c.state.in_(("published", "incomplete")),
                runs.c.metrics.is_not(None),
            )
            .order_by(runs.c.started_at.desc())
            .limit(LOOKED_AT)
        )
        with reading(self._engine) as connection:
            found = [BatchMeasures(**row) for row in connection.execute(statement).scalars() if row]
        return [measures for measures in found if measures.is_comparable][:limit]


def _earlier(lease: Lease) -> tuple[Any, ...]:
    runs = sync_runs
    return (
        runs.c.mailbox_id == lease.mailbox_id,
        runs.c.run_id != lease.run_id,
        runs.c.kind == "sync",
    )


def _tally(condition: Any) -> Any:
    return func.count(case((condition, 1)))


def _count_messages(connection: Connection, batch_id: str) -> dict[str, int]:
    staged = staged_messages
    columns = {
        "messages": func.count(),
        "duplicates": _tally(staged.c.disposition == "duplicate"),
        "without_id": _tally(staged.c.message_id.is_(None)),
        "undated": _tally(staged.c.sent_at_source != "date"),
        "sent": _tally(staged.c.direction == "outbound"),
        "failed_sends": _tally(staged.c.kind == "bounce"),
    }
    statement = select(*(column.label(name) for name, column in columns.items())).where(
        staged.c.batch_id == batch_id, staged.c.disposition.in_(("publish", "duplicate"))
    )
    return dict(connection.execute(statement).mappings().one())


def _count_decisions(connection: Connection, batch_id: str) -> dict[str, int]:
    decisions, staged = staged_decisions, staged_messages
    statement = (
        select(
            _tally(decisions.c.outcome != "ignored").label("decided"),
            _tally(decisions.c.outcome == "matched").label("matched"),
        )
        .join(
            staged,
            (staged.c.generation_id == decisions.c.generation_id)
            & (staged.c.uid == decisions.c.uid),
        )
        .where(staged.c.batch_id == batch_id, staged.c.disposition == "publish")
    )
    return dict(connection.execute(statement).mappings().one())


def _count_listed(connection: Connection, run_id: str) -> int:
    folders = sync_run_folders
    statement = select(func.sum(folders.c.listed)).where(folders.c.run_id == run_id)
    return int(connection.execute(statement).scalar() or 0)


def _is_widened(connection: Connection, lease: Lease, run: Any) -> bool:
    first = connection.execute(select(func.min(sync_runs.c.window_since)).where(*_earlier(lease)))
    since = first.scalar()
    return since is not None and run["window_since"] < since


def _has_new_folder(connection: Connection, lease: Lease) -> bool:
    """Whether a folder, or its generation, was in no earlier run; a first run has no new ones."""
    folders, runs = sync_run_folders, sync_runs
    before = (
        select(folders.c.generation_id)
        .join(runs, runs.c.run_id == folders.c.run_id)
        .where(*_earlier(lease))
    )
    if connection.execute(before.limit(1)).first() is None:
        return False
    statement = select(folders.c.generation_id).where(
        folders.c.run_id == lease.run_id, folders.c.generation_id.not_in(before)
    )
    return connection.execute(statement.limit(1)).first() is not None
