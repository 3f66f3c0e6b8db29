"""Publishing: one transaction for exactly the batch that the gate passed.

Everything is inserted set by set from the staging tables. A message that another mailbox published
in the meantime becomes a further sighting. Readers see the batch whole or not at all.
"""

import dataclasses
import datetime as dt
from typing import Any

from sqlalchemy import Connection, Engine, case, delete, func, select, tuple_, update

from mailcrm import __version__
from mailcrm.adapters.crm_database.conversations import publish_conversations
from mailcrm.adapters.crm_database.engine import retried, writing
from mailcrm.adapters.crm_database.leases import check_lease
from mailcrm.adapters.crm_database.message_rows import (
    insert_attachments,
    insert_decisions,
    insert_failures,
    insert_identities,
    insert_links,
    insert_messages,
    insert_participants,
    upsert_sightings,
)
from mailcrm.adapters.crm_database.new_messages import finding_new, new_messages
from mailcrm.adapters.crm_database.participant_keys import add_participant_keys
from mailcrm.adapters.crm_database.runs import count_certificate, finish_run, read_run_row
from mailcrm.adapters.crm_database.schema import (
    staged_attachments,
    staged_conversation_merges,
    staged_decisions,
    staged_messages,
    staged_participants,
    sync_ledger,
    sync_runs,
)
from mailcrm.adapters.crm_database.tickets import publish_shared
from mailcrm.adapters.crm_database.verdicts import publish_verdicts
from mailcrm.adapters.quarantine import resolve_quarantine
from mailcrm.adapters.staging.digest import count_outcomes, hash_batch, hash_known
from mailcrm.check import CHECKS_VERSION
from mailcrm.errors import BatchOutdatedError, ChecksFailedError, PublishConflictError
from mailcrm.match import RULE_VERSION
from mailcrm.parse import PARSER_VERSION
from mailcrm.records import CheckReport, Lease, PublishCounts, SharedChecklist

_CHILDREN = (staged_participants, staged_attachments, staged_decisions)


class PublishTables:
    """`ports.Publisher` on a database."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @retried
    def write_report(self, lease: Lease, report: CheckReport, now: dt.datetime) -> None:
        """See `ports.Publisher`."""
        checks = {
            "passed": sum(result.passed for result in report.results),
            "failed": list(report.failed),
            "held": report.held,
            "results": [dataclasses.asdict(result) for result in report.results],
        }
        with writing(self._engine) as connection:
            check_lease(connection, lease)
            values: dict[str, Any] = {"checks": checks, "batch_hash": report.batch_hash}
            if report.measures is not None:
                values["metrics"] = dataclasses.asdict(report.measures)
            values |= {"release_reason": None, "released_by": None, "released_at": None}
            values["versions"] = {
                "mailcrm": __version__,
                "parser": PARSER_VERSION,
                "matching": RULE_VERSION,
                "checks": CHECKS_VERSION,
            }
            values["decisions"] = count_outcomes(connection, lease.batch_id)
            connection.execute(
                update(sync_runs).where(sync_runs.c.run_id == lease.run_id).values(**values)
            )
            if report.held:
                finish_run(connection, lease, "held", now)

    @retried
    def publish_batch(
        self, lease: Lease, now: dt.datetime, shared: SharedChecklist | None = None
    ) -> PublishCounts:
        """See `ports.Publisher`."""
        with writing(self._engine) as connection:
            check_lease(connection, lease)
            run = read_run_row(connection, lease.run_id)
            if not _has_rows(connection, lease.batch_id):
                if run["state"] == "running":
                    finish_run(connection, lease, _end_state(connection, lease, False), now)
                return PublishCounts(published=0, duplicate=0, already_published=True)
            _check_passed(connection, lease, run)
            _check_current(connection, lease, run)
            with finding_new(connection, lease.batch_id):
                _publish_rows(connection, lease, now)
                if shared is not None:
                    publish_shared(connection, lease, shared, now)
                counts = _close_ledger(connection, lease, now)
            resolve_quarantine(connection, lease.batch_id, now)
            _empty_staging(connection, lease.batch_id)
            finish_run(connection, lease, _end_state(connection, lease, True), now)
            return counts


def _has_rows(connection: Connection, batch_id: str) -> bool:
    staged = staged_messages
    found = connection.execute(
        select(staged.c.uid).where(staged.c.batch_id == batch_id).limit(1)
    ).first()
    return found is not None


def _end_state(connection: Connection, lease: Lease, had_rows: bool) -> str:
    certificate = count_certificate(connection, lease.run_id)
    if not certificate.is_complete or read_run_row(connection, lease.run_id)["problems"]:
        return "incomplete"
    return "published" if had_rows else "nothing_new"


def _check_passed(connection: Connection, lease: Lease, run: Any) -> None:
    """Only exactly what the gate passed, or what a person released, may be published."""
    checks = run["checks"]
    if checks is None:
        raise PublishConflictError(batch_id=lease.batch_id, detail="the checks did not run on it")
    if checks["held"] and not run["release_reason"]:
        raise ChecksFailedError(batch_id=lease.batch_id, failed=", ".join(checks["failed"]))
    if run["batch_hash"] != hash_batch(connection, lease.batch_id):
        raise PublishConflictError(
            batch_id=lease.batch_id, detail="its rows changed after the checks; run again"
        )


def _check_current(connection: Connection, lease: Lease, run: Any) -> None:
    """Between match and publish another mailbox may have published the other half of a thread,
    or a different message under the same Message-ID. Publishers wait for each other here.
    """
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("SELECT pg_advisory_xact_lock(7321005)")
    if run["known_hash"] not in (None, hash_known(connection, lease.batch_id)):
        detail = f"related messages were published since: mailcrm run {lease.mailbox_id}"
        raise BatchOutdatedError(batch_id=lease.batch_id, detail=detail)


def _publish_rows(connection: Connection, lease: Lease, now: dt.datetime) -> None:
    insert_messages(connection, now)
    insert_participants(connection)
    add_participant_keys(connection, lease.batch_id)
    insert_attachments(connection)
    insert_decisions(connection)
    insert_links(connection, now)
    publish_verdicts(connection, lease.batch_id, now)
    insert_failures(connection)
    insert_identities(connection)
    upsert_sightings(connection, lease.batch_id)
    publish_conversations(connection, lease.batch_id)


def _close_ledger(connection: Connection, lease: Lease, now: dt.datetime) -> PublishCounts:
    """Give every staged uid its final state."""
    ledger, staged, new = sync_ledger, staged_messages, new_messages
    is_ours = (
        select(new.c.message_key)
        .where(
            new.c.message_key == staged.c.message_key,
            new.c.generation_id == staged.c.generation_id,
            new.c.uid == staged.c.uid,
        )
        .exists()
    )
    state = case(
        (is_ours, "published"),
        (staged.c.disposition.in_(("publish", "duplicate")), "duplicate"),
        else_=staged.c.disposition,
    )
    connection.execute(
        update(ledger)
        .where(
            ledger.c.generation_id == staged.c.generation_id,
            ledger.c.uid == staged.c.uid,
            staged.c.batch_id == lease.batch_id,
        )
        .values(
            state=state,
            message_key=staged.c.message_key,
            relink_digest=staged.c.relink_digest,
            reason=staged.c.reason,
            batch_id=lease.batch_id,
            updated_at=now,
        )
    )
    rows = connection.execute(
        select(ledger.c.state, func.count())
        .where(ledger.c.batch_id == lease.batch_id)
        .group_by(ledger.c.state)
    )
    counts = {row[0]: row[1] for row in rows}
    return PublishCounts(counts.get("published", 0), counts.get("duplicate", 0))


def _empty_staging(connection: Connection, batch_id: str) -> None:
    staged, merges = staged_messages, staged_conversation_merges
    others = select(staged.c.uid).where(staged.c.batch_id != batch_id).limit(1)
    if connection.dialect.name == "sqlite" and connection.execute(others).first() is None:
        # Without a condition SQLite drops the rows by the page.
        for table in (*_CHILDREN, staged):
            connection.execute(delete(table))
    else:
        mine = select(staged.c.generation_id, staged.c.uid).where(staged.c.batch_id == batch_id)
        for table in _CHILDREN:
            connection.execute(
                delete(table).where(tuple_(table.c.generation_id, table.c.uid).in_(mine))
            )
        connection.execute(delete(staged).where(staged.c.batch_id == batch_id))
    connection.execute(delete(merges).where(merges.c.batch_id == batch_id))
