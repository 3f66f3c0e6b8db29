"""The suite: every check on a staged batch, in the order of the report."""

from collections.abc import Iterable, Mapping

from mailcrm.check.batch_rules import BATCH_RULES
from mailcrm.check.row_rules import ROW_RULES
from mailcrm.check.rule import Rule
from mailcrm.records import CheckResult

__all__ = ["SUITE", "decide_gate"]

_GROUPS = ("schema", "uniqueness", "references", "ranges", "text", "decisions", "balance")

SUITE: tuple[Rule, ...] = tuple(
    sorted((*ROW_RULES, *BATCH_RULES), key=lambda rule: _GROUPS.index(rule.group))
)


def decide_gate(
    results: Iterable[CheckResult],
    dispositions: Mapping[str, int],
    hold_share: float,
    hold_min: int,
) -> tuple[CheckResult, ...]:
    """Add to the suite's results what only all of them together decide.

    Args:
        results: One result for each rule of the suite.
        dispositions: The batch's staged rows by disposition.
        hold_share: A larger share of quarantined rows, 0 to 1, holds the batch.
        hold_min: Fewer quarantined rows than this never hold it.

    Returns:
        The results, then whether faulty rows are all out of the batch, and whether so many are
        that something else must be wrong.
    """
    results = tuple(results)
    faulty = [r.name for r in results if r.severity == "row" and not r.passed]
    return (
        *results,
        CheckResult(
            name="row_faults_quarantined",
            group="balance",
            severity="batch",
            passed=not faulty,
            observed=", ".join(faulty) or "none left",
            limit="no message to publish breaks a row rule",
        ),
        _check_share(dispositions, hold_share, hold_min),
    )


def _check_share(dispositions: Mapping[str, int], hold_share: float, hold_min: int) -> CheckResult:
    quarantined = dispositions.get("quarantined", 0)
    total = sum(dispositions.values())
    too_many = quarantined >= hold_min and quarantined > hold_share * total
    return CheckResult(
        name="quarantine_share",
        group="balance",
        severity="batch",
        passed=not too_many,
        observed=f"{quarantined} of {total}",
        limit=f"<= {hold_share:.1%}, or fewer than {hold_min}",
    )
