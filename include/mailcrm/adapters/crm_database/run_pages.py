"""One run with all that its report shows, read in one consistent look."""

from typing import Any

from sqlalchemy import Connection, Engine, func, select

from mailcrm.adapters.crm_database.engine import reading, retried
from mailcrm.adapters.crm_database.runs import count_certificate, read_run_row
from mailcrm.adapters.crm_database.schema import sync_quarantine, sync_runs
from mailcrm.records import CheckResult
from mailcrm.records.report import HeldReason, RunPage

__all__ = ["read_run_page"]

EARLIER_RUNS = 12


@retried
def read_run_page(engine: Engine, run_id: str) -> RunPage:
    """See `ports.Overview`."""
    with reading(engine) as connection:
        run = read_run_row(connection, run_id)
        # A finished run keeps its own account: later runs may take its open messages over.
        folders = run["certificate"] or count_certificate(connection, run_id).to_json()
        results = (run["checks"] or {}).get("results", [])
        return RunPage(
            **{name: run[name] for name in _PLAIN},
            folders=tuple(folders),
            decisions=run["decisions"] or {},
            checks=tuple(CheckResult(**result) for result in results),
            history=_history(connection, run),
            quarantine=_quarantine(connection, str(run["batch_id"])),
            problems=tuple(run["problems"] or ()),
            notes=tuple(run["notes"] or ()),
            versions=run["versions"] or {},
        )


_PLAIN = (
    "run_id",
    "mailbox_id",
    "batch_id",
    "kind",
    "state",
    "window_since",
    "window_until",
    "started_at",
    "finished_at",
    "released_by",
    "release_reason",
)


def _history(connection: Connection, run: Any) -> dict[str, tuple[bool, ...]]:
    runs = sync_runs
    statement = (
        select(runs.c.checks)
        .where(
            runs.c.mailbox_id == run["mailbox_id"],
            runs.c.run_id != run["run_id"],
            runs.c.started_at <= run["started_at"],
            runs.c.checks.is_not(None),
        )
        .order_by(runs.c.started_at.desc())
        .limit(EARLIER_RUNS)
    )
    found: dict[str, list[bool]] = {}
    for checks in reversed(connection.execute(statement).scalars().all()):
        for result in (checks or {}).get("results", []):
            found.setdefault(result["name"], []).append(bool(result["passed"]))
    return {name: tuple(passed) for name, passed in found.items()}


def _quarantine(connection: Connection, batch_id: str) -> tuple[HeldReason, ...]:
    table = sync_quarantine
    keys = (table.c.rule, table.c.reason, table.c.state)
    statement = (
        select(*keys, func.count()).where(table.c.batch_id == batch_id).group_by(*keys)
    ).order_by(*keys)
    return tuple(HeldReason(*row) for row in connection.execute(statement))
