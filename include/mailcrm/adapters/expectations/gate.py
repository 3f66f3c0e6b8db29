"""`ports.Gate` by Great Expectations: the suite of `mailcrm.check`, carried out in the database."""

import logging
import time
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Engine, func, select, text
from sqlalchemy.exc import DBAPIError

from mailcrm.adapters.crm_database.engine import reading, translate
from mailcrm.adapters.crm_database.schema import staged_messages
from mailcrm.adapters.expectations.facts import Facts
from mailcrm.adapters.expectations.loading import start_import
from mailcrm.adapters.expectations.validation import validate
from mailcrm.check import ROW_RULES, SUITE, Rule, decide_gate
from mailcrm.errors import DatabaseError
from mailcrm.records import CheckReport, CheckResult, Lease, Quarantined, Window
from mailcrm.settings import Settings

__all__ = ["GxGate"]

logger = logging.getLogger(__name__)
_REASONS = {rule.name: rule.reason for rule in ROW_RULES}


class GxGate:
    """See `ports.Gate`. The library is imported at the first check, or by `start_import`."""

    def __init__(self, engine: Engine, settings: Settings) -> None:
        self._engine = engine
        self._hold_share = settings.quarantine_hold_share
        self._hold_min = settings.quarantine_hold_min

    def start_import(self) -> None:
        """See `ports.Gate`."""
        start_import()

    def check_batch(self, lease: Lease, window: Window, batch_hash: str) -> CheckReport:
        """Run every expectation on the batch's rows in the database.

        Raises:
            StoreBusyError, DatabaseError: the database is away, or a check could not be run; a
                check that did not run never passes.
        """
        started = time.monotonic()
        query = self._facts(lease, window).count_query(SUITE)
        try:
            found = validate(self._engine, query, SUITE)
        except DBAPIError as error:
            raise translate(error) from None
        self._require_all(found)
        results = [_result(rule, found[rule.name]) for rule in SUITE]
        report = CheckReport(
            batch_id=lease.batch_id,
            batch_hash=batch_hash,
            results=decide_gate(
                results, self._count_dispositions(lease), self._hold_share, self._hold_min
            ),
        )
        logger.info(
            "check.batch_checked mailbox=%s batch=%s checks=%d failed=%d elapsed_s=%.3f",
            lease.mailbox_id,
            lease.batch_id,
            len(report.results),
            len(report.failed),
            time.monotonic() - started,
        )
        return report

    def find_faults(self, lease: Lease, window: Window) -> Sequence[Quarantined]:
        """The batch's messages that break a row rule, each with the first one it breaks."""
        query = self._facts(lease, window).fault_query()
        with reading(self._engine) as connection:
            return [
                Quarantined(generation_id, uid, rule, _REASONS[rule])
                for generation_id, uid, rule in connection.execute(text(query))
            ]

    def _facts(self, lease: Lease, window: Window) -> Facts:
        return Facts(self._engine.dialect.name, lease, window)

    def _require_all(self, found: Mapping[str, Any]) -> None:
        """Raise where the library swallowed an error; its own text may quote rows."""
        broken = [
            rule.name
            for rule in SUITE
            if rule.name not in found or _has_raised(found[rule.name].exception_info)
        ]
        if broken:
            with reading(self._engine) as connection:  # raises by itself where the database is away
                connection.execute(text("SELECT 1"))
            raise DatabaseError(detail=f"checks that could not be run: {', '.join(broken)}")

    def _count_dispositions(self, lease: Lease) -> Mapping[str, int]:
        staged = staged_messages
        statement = (
            select(staged.c.disposition, func.count())
            .where(staged.c.batch_id == lease.batch_id)
            .group_by(staged.c.disposition)
        )
        with reading(self._engine) as connection:
            return {row[0]: row[1] for row in connection.execute(statement)}


def _has_raised(info: Mapping[str, Any] | None) -> bool:
    """Whether an expectation ended in an error; `info` may nest one entry for each metric."""
    if not info:
        return False
    if info.get("raised_exception"):
        return True
    return any(isinstance(value, Mapping) and _has_raised(value) for value in info.values())


def _result(rule: Rule, found: Any) -> CheckResult:
    observed = found.result.get("observed_value", found.result.get("unexpected_count"))
    return CheckResult(
        name=rule.name,
        group=rule.group,
        severity=rule.severity,
        passed=bool(found.success),
        observed=f"{observed} of {rule.subject}" if rule.condition else str(observed),
        limit=rule.limit,
    )
