"""What all results together decide, and that the suite is whole."""

from collections.abc import Mapping

import pytest

from mailcrm.check import COUNTS, SUBJECTS, SUITE, decide_gate
from mailcrm.records import CheckReport, CheckResult

SHARE, MINIMUM = 0.05, 3


def decide(dispositions: Mapping[str, int], *results: CheckResult) -> CheckReport:
    return CheckReport("b", "h", decide_gate(results, dispositions, SHARE, MINIMUM))


def result(severity: str, *, passed: bool, name: str = "some_check") -> CheckResult:
    return CheckResult(name, "schema", severity, passed)


@pytest.mark.parametrize(
    ("quarantined", "published", "is_held"),
    [
        (0, 0, False),
        (0, 100, False),
        (1, 0, False),  # one bad message alone is no pattern
        (2, 0, False),
        (3, 0, True),
        (3, 57, False),  # exactly the share
        (3, 56, True),
        (5, 95, False),
        (6, 94, True),
        (2, 4, False),
        (1000, 10_000, True),
    ],
)
def test_decide_gate_share_of_quarantined_holds_above_limit(
    quarantined: int, published: int, is_held: bool
) -> None:
    report = decide({"quarantined": quarantined, "publish": published})
    assert report.held is is_held
    assert report.failed == (("quarantine_share",) if is_held else ())


def test_decide_gate_all_dispositions_count_towards_the_share() -> None:
    counts = {"quarantined": 3, "publish": 20, "duplicate": 20, "excluded": 17}
    assert not decide(counts).held


def test_decide_gate_failed_batch_check_holds() -> None:
    report = decide({"publish": 1}, result("batch", passed=False))
    assert report.failed == ("some_check",)


def test_decide_gate_failed_warning_holds_nothing() -> None:
    assert not decide({"publish": 1}, result("warning", passed=False)).held


def test_decide_gate_row_fault_left_in_batch_holds() -> None:
    report = decide({"publish": 1}, result("row", passed=False, name="sender_missing"))
    assert report.failed == ("row_faults_quarantined",)
    assert report.results[-2].observed == "sender_missing"


def test_decide_gate_everything_passed_publishes() -> None:
    results = [result(severity, passed=True) for severity in ("row", "batch", "warning")]
    assert decide({"publish": 1}, *results).failed == ()


def test_suite_names_are_unique_and_say_their_limit() -> None:
    names = [rule.name for rule in SUITE]
    assert len(names) == len(set(names))
    assert all(rule.limit for rule in SUITE)
    assert not set(names) & {"row_faults_quarantined", "quarantine_share"}


def test_suite_every_group_is_there() -> None:
    groups = {rule.group for rule in SUITE}
    assert groups == {
        "schema",
        "uniqueness",
        "references",
        "ranges",
        "text",
        "decisions",
        "balance",
    }


def test_suite_rules_without_condition_name_a_counted_column() -> None:
    columns = {f"{subject}_rows" for subject in SUBJECTS}
    columns |= {name for counts in COUNTS.values() for name in counts}
    for rule in SUITE:
        named = {value for key, value in rule.kwargs.items() if key.startswith("column")}
        assert bool(rule.condition) != bool(named)
        assert named <= columns
