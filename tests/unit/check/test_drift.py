"""Drift warns, then holds, and keeps quiet where nothing can be compared."""

import dataclasses

import pytest

from mailcrm.check import decide_drift, decide_failed_sends
from mailcrm.check.drift import ENOUGH_MESSAGES, ENOUGH_RUNS, FEW_RUNS
from mailcrm.records import BatchMeasures, CheckResult

USUAL = BatchMeasures(
    messages=200,
    duplicates=20,
    without_id=4,
    undated=2,
    decided=300,
    matched=180,
    listed=700,
    days=7.0,
    sent=50,
    failed_sends=1,
    is_comparable=True,
)


def like(**changes: float) -> BatchMeasures:
    return dataclasses.replace(USUAL, **changes)


def history(count: int) -> list[BatchMeasures]:
    return [like(matched=180 + i % 5, duplicates=20 + i % 3) for i in range(count)]


def failed(results: tuple[CheckResult, ...]) -> list[str]:
    return [result.name for result in results if not result.passed]


ODD = {
    "match_rate": {"matched": 30},
    "duplicate_rate": {"duplicates": 150},
    "without_message_id": {"without_id": 90},
    "undated": {"undated": 100},
    "volume_per_day": {"listed": 100},
}


@pytest.mark.parametrize(("name", "changes"), ODD.items(), ids=ODD)
@pytest.mark.parametrize("runs", [FEW_RUNS, ENOUGH_RUNS - 1, ENOUGH_RUNS, 30])
def test_drift_odd_batch_warns_until_ten_runs_are_known(
    name: str, changes: dict[str, float], runs: int
) -> None:
    results = decide_drift(like(**changes), history(runs))
    assert failed(results) == [name]
    severity = next(result.severity for result in results if result.name == name)
    assert severity == ("batch" if runs >= ENOUGH_RUNS else "warning")


def test_drift_usual_batch_passes() -> None:
    assert failed(decide_drift(USUAL, history(30))) == []


@pytest.mark.parametrize(
    ("measures", "runs"),
    [
        (like(matched=0, is_comparable=False), 30),
        (like(matched=0, decided=ENOUGH_MESSAGES - 1), 30),
        (like(matched=0), FEW_RUNS - 1),
        (like(matched=0), 0),
        (like(messages=0, duplicates=0, without_id=0, undated=0, decided=0, matched=0), 30),
        (like(days=0.0), 30),
    ],
)
def test_drift_what_cannot_be_compared_passes(measures: BatchMeasures, runs: int) -> None:
    results = decide_drift(measures, history(runs))
    assert failed(results) == []
    assert any(result.observed.startswith("not compared") for result in results)


def test_drift_one_odd_run_in_history_moves_no_limit() -> None:
    known = [*history(12), like(matched=0), like(matched=300)]
    assert failed(decide_drift(like(matched=30), known)) == ["match_rate"]


@pytest.mark.row("R109")
def test_drift_results_hold_numbers_only() -> None:
    for result in decide_drift(like(matched=30), history(12)):
        assert set(result.observed) <= set("0123456789.% aday")


def test_failed_sends_many_of_what_was_sent_warn() -> None:
    assert decide_failed_sends(USUAL, 0.1).passed
    found = decide_failed_sends(like(failed_sends=6), 0.1)
    assert (found.passed, found.severity) == (False, "warning")
    assert decide_failed_sends(like(sent=5, failed_sends=5), 0.1).passed
