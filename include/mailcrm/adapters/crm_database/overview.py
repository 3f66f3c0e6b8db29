"""Read-only looks at what is stored, for `status`."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, func, select

from mailcrm.adapters.crm_database.coverage import read_intervals
from mailcrm.adapters.crm_database.engine import reading
from mailcrm.adapters.crm_database.history import HistoryTables
from mailcrm.adapters.crm_database.holds import (
    count_held,
    list_held_batches,
    list_quarantine,
    page_quarantine,
    read_quarantine,
    view_quarantined,
)
from mailcrm.adapters.crm_database.measures import read_health, read_measures
from mailcrm.adapters.crm_database.review_rows import waits_for_person
from mailcrm.adapters.crm_database.run_pages import read_run_page
from mailcrm.adapters.crm_database.runs import list_runs
from mailcrm.adapters.crm_database.schema import (
    crm_message_sightings,
    match_decisions,
    sync_quarantine,
)
from mailcrm.records.metrics import MailboxMeasures
from mailcrm.records.quarantine_view import HeldCount, HeldLine, HeldView
from mailcrm.records.report import RunPage


class OverviewTables(HistoryTables):
    """`ports.Overview` on a database."""

    def read_mailbox_status(self, mailbox_id: str) -> Mapping[str, object]:
        """See `ports.Overview`."""
        with reading(self._engine) as connection:
            runs = list_runs(connection, mailbox_id, 1)
            return {
                "coverage": _coverage(connection, mailbox_id),
                "last_run": _run(runs[0]) if runs else None,
                "open_reviews": _open_reviews(connection, mailbox_id),
                "quarantined": _quarantined(connection, mailbox_id),
            }

    def list_held_batches(self, mailbox_id: str | None) -> Sequence[Mapping[str, object]]:
        """See `ports.Overview`."""
        with reading(self._engine) as connection:
            return list_held_batches(connection, mailbox_id)

    def list_quarantine(self, mailbox_id: str | None) -> Sequence[Mapping[str, object]]:
        """See `ports.Overview`."""
        with reading(self._engine) as connection:
            return list_quarantine(connection, mailbox_id)

    def read_quarantine(self, quarantine_id: int) -> Mapping[str, object]:
        """See `ports.Overview`."""
        with reading(self._engine) as connection:
            return read_quarantine(connection, quarantine_id)

    def page_quarantine(
        self, mailbox_ids: Collection[str], rule: str | None, below: int | None, limit: int
    ) -> Sequence[HeldLine]:
        """See `ports.Overview`."""
        with reading(self._engine) as connection:
            return page_quarantine(connection, mailbox_ids, rule, below, limit)

    def count_held(self, mailbox_ids: Collection[str]) -> Sequence[HeldCount]:
        """See `ports.Overview`."""
        with reading(self._engine) as connection:
            return count_held(connection, mailbox_ids)

    def view_quarantined(
        self, quarantine_id: int, source_bytes: int
    ) -> tuple[HeldView, bytes] | None:
        """See `ports.Overview`."""
        with reading(self._engine) as connection:
            return view_quarantined(connection, quarantine_id, source_bytes)

    def read_measures(self, mailbox_id: str) -> MailboxMeasures:
        """See `ports.Overview`."""
        return read_measures(self._engine, mailbox_id)

    def read_health(self, mailbox_id: str) -> Mapping[str, str]:
        """See `ports.Overview`."""
        return read_health(self._engine, mailbox_id)

    def read_run_page(self, run_id: str) -> RunPage:
        """See `ports.Overview`."""
        return read_run_page(self._engine, run_id)


def _run(row: Mapping[str, Any]) -> dict[str, Any]:
    names = (
        "run_id",
        "batch_id",
        "state",
        "started_at",
        "finished_at",
        "certificate",
        "problems",
        "notes",
    )
    shown = {name: row[name] for name in names}
    shown["window"] = {"since": row["window_since"], "until": row["window_until"]}
    return shown


def _coverage(connection: Connection, mailbox_id: str) -> list[dict[str, Any]]:
    """Intervals of the latest generation of each folder, by folder and date."""
    names = ("folder", "generation", "since", "until")
    intervals = read_intervals(connection, [mailbox_id])
    return [{name: getattr(one, name) for name in names} for one in intervals]


def _open_reviews(connection: Connection, mailbox_id: str) -> int:
    """Possible and ambiguous decisions on this mailbox's messages that nobody has judged."""
    decisions, sightings = match_decisions, crm_message_sightings
    seen = (
        select(sightings.c.uid)
        .where(
            sightings.c.message_key == decisions.c.message_key,
            sightings.c.mailbox_id == mailbox_id,
        )
        .exists()
    )
    statement = select(func.count()).select_from(decisions).where(waits_for_person(), seen)
    return connection.execute(statement).scalar_one()


def _quarantined(connection: Connection, mailbox_id: str) -> int:
    table = sync_quarantine
    return connection.execute(
        select(func.count())
        .select_from(table)
        .where(table.c.mailbox_id == mailbox_id, table.c.state == "held")
    ).scalar_one()
