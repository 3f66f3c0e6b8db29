"""The gate's own rules on the real rows, without the library that words them as expectations.

Great Expectations takes about half a second per batch and seconds to import, which thousands of
kills cannot pay. It decides nothing by itself: the conditions, the SQL that counts their breaches
and the verdict are ours, and are used here as they are. That both gates say the same is a test.
"""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Engine, text

from mailcrm.adapters.crm_database.engine import reading
from mailcrm.adapters.expectations import GxGate
from mailcrm.adapters.expectations.facts import Facts
from mailcrm.check import SUITE, Rule, decide_gate
from mailcrm.records import CheckReport, CheckResult, Lease, Window
from mailcrm.settings import Settings


class LightGate(GxGate):
    """`ports.Gate` by the suite's counts alone."""

    def __init__(self, engine: Engine, settings: Settings) -> None:
        super().__init__(engine, settings)
        self._share = settings.quarantine_hold_share
        self._min = settings.quarantine_hold_min

    def start_import(self) -> None:
        """There is nothing to load."""

    def check_batch(self, lease: Lease, window: Window, batch_hash: str) -> CheckReport:
        query = Facts(self._engine.dialect.name, lease, window).count_query(SUITE)
        with reading(self._engine) as connection:
            if self._engine.dialect.name == "postgresql":
                connection.execute(text("SET LOCAL jit = off"))
            counts = connection.execute(text(query)).mappings().one()
        results = [
            CheckResult(rule.name, rule.group, rule.severity, passed=_holds(rule, dict(counts)))
            for rule in SUITE
        ]
        dispositions = self._count_dispositions(lease)
        return CheckReport(
            lease.batch_id,
            batch_hash,
            decide_gate(results, dispositions, self._share, self._min),
        )


def _holds(rule: Rule, counts: Mapping[str, Any]) -> bool:
    kwargs: Mapping[str, Any] = rule.kwargs or {
        "column": rule.name,
        "min_value": 0,
        "max_value": 0,
    }
    if rule.expectation == "ExpectColumnPairValuesToBeEqual":
        return bool(counts[kwargs["column_A"]] == counts[kwargs["column_B"]])
    if rule.expectation not in ("ExpectColumnMaxToBeBetween", "ExpectColumnMinToBeBetween"):
        raise NotImplementedError(rule.expectation)
    value = counts[kwargs["column"]]
    low, high = kwargs.get("min_value"), kwargs.get("max_value")
    return (low is None or value >= low) and (high is None or value <= high)
