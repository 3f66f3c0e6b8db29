"""Drift: a batch beside the mailbox's own history, and failed sends beside what was sent.

A parser, a server or a contact list that changed shows here first: the rows are sound, but there
are far more, far fewer, or other ones than this mailbox ever had.
"""

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from mailcrm.records import BatchMeasures, CheckResult

__all__ = ["ENOUGH_MESSAGES", "ENOUGH_RUNS", "FEW_RUNS", "decide_drift", "decide_failed_sends"]

FEW_RUNS = 3
"""With fewer runs than this there is no history to speak of."""
ENOUGH_RUNS = 10
"""Until so many runs are known, drift warns; then it holds the batch."""
ENOUGH_MESSAGES = 50
"""A share of fewer messages than this says little."""
ENOUGH_SENT = 20
SPREAD = 5 * 1.4826
"""Five standard deviations, by the median of the deviations, which outliers do not move.

Source: Leys et al. 2013, Journal of Experimental Social Psychology 49(4), 764-766."""
FLOOR = 0.2
VOLUME_FACTOR = 4.0


@dataclass(frozen=True, slots=True)
class _Measure:
    name: str
    part: Callable[[BatchMeasures], float]
    whole: Callable[[BatchMeasures], float]
    is_share: bool = True


_MEASURES = (
    _Measure("match_rate", lambda m: m.matched, lambda m: m.decided),
    _Measure("duplicate_rate", lambda m: m.duplicates, lambda m: m.messages),
    _Measure("without_message_id", lambda m: m.without_id, lambda m: m.messages),
    _Measure("undated", lambda m: m.undated, lambda m: m.messages),
    _Measure("volume_per_day", lambda m: m.listed, lambda m: m.days, is_share=False),
)


def decide_drift(
    measures: BatchMeasures, history: Sequence[BatchMeasures]
) -> tuple[CheckResult, ...]:
    """Compare a batch with the mailbox's earlier runs, measure by measure.

    Args:
        measures: Of the batch.
        history: Of earlier runs that can be compared, in any order.

    Returns:
        One result per measure. A measure that cannot be compared passes, and says why: too few
        runs or messages, a widened window, a folder that is new or numbered anew.
    """
    return tuple(_compare(measure, measures, history) for measure in _MEASURES)


def decide_failed_sends(measures: BatchMeasures, limit: float) -> CheckResult:
    """Whether failed deliveries are few beside what was sent; a warning, never a hold."""
    is_enough = measures.sent >= ENOUGH_SENT
    passed = not is_enough or measures.failed_sends <= limit * measures.sent
    return CheckResult(
        name="failed_send_share",
        group="sending",
        severity="warning",
        passed=passed,
        observed=f"{measures.failed_sends} of {measures.sent} sent",
        limit=f"<= {limit:.1%}, or fewer than {ENOUGH_SENT} sent",
    )


def _compare(
    measure: _Measure, measures: BatchMeasures, history: Sequence[BatchMeasures]
) -> CheckResult:
    known = [_value(measure, m) for m in history if _is_enough(measure, m)]
    severity = "batch" if len(known) >= ENOUGH_RUNS else "warning"
    why = _why_not(measure, measures, len(known))
    if why is not None:
        return CheckResult(measure.name, "drift", severity, True, f"not compared: {why}", "")
    low, high = _limits(measure, known)
    value = _value(measure, measures)
    return CheckResult(
        name=measure.name,
        group="drift",
        severity=severity,
        passed=low <= value <= high,
        observed=_shown(measure, value),
        limit=f"{_shown(measure, low)} to {_shown(measure, high)}, by {len(known)} runs",
    )


def _why_not(measure: _Measure, measures: BatchMeasures, known: int) -> str | None:
    if not measures.is_comparable:
        return "the window was widened, or a folder is new"
    if not _is_enough(measure, measures):
        return "too few messages"
    return "too few runs are known" if known < FEW_RUNS else None


def _is_enough(measure: _Measure, measures: BatchMeasures) -> bool:
    if measure.is_share:
        return measure.whole(measures) >= ENOUGH_MESSAGES
    return measure.part(measures) >= ENOUGH_MESSAGES and measure.whole(measures) > 0


def _value(measure: _Measure, measures: BatchMeasures) -> float:
    return measure.part(measures) / measure.whole(measures)


def _limits(measure: _Measure, known: Sequence[float]) -> tuple[float, float]:
    middle = statistics.median(known)
    spread = SPREAD * statistics.median(abs(value - middle) for value in known)
    if measure.is_share:
        reach = max(FLOOR, spread)
        return max(0.0, middle - reach), min(1.0, middle + reach)
    low = min(middle / VOLUME_FACTOR, middle - spread)
    return max(0.0, low), max(middle * VOLUME_FACTOR, middle + spread)


def _shown(measure: _Measure, value: float) -> str:
    return f"{value:.1%}" if measure.is_share else f"{value:.1f} a day"
