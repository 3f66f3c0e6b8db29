"""What a task tells those who watch the system: its own cost, and how its mailbox is."""

import datetime as dt
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, TypeVar

from mailcrm.errors import MailcrmError
from mailcrm.ports import Metrics
from mailcrm.records.metrics import METRICS, Measurement
from mailcrm.services.fetch import FetchResult
from mailcrm.services.match import MatchResult
from mailcrm.services.plan import PlanResult
from mailcrm.services.wiring import Services

__all__ = ["run_measured"]

logger = logging.getLogger(__name__)
Result = TypeVar("Result")

HEALTH = {"ok": 0, "degraded": 1, "broken": 2, "paused": 3}
DAY_S = 86_400.0


def run_measured(
    services: Services,
    metrics: Metrics,
    mailbox_id: str,
    task: str,
    run: Callable[[Services], Result],
) -> Result:
    """Do one task's work and send its measurements, also where it fails.

    Args:
        services: What the work uses.
        metrics: Who collects; where nobody does, nothing is measured.
        mailbox_id: Whose work it is.
        task: The task's name, such as `fetch`.
        run: The work.

    Raises:
        Whatever `run` raises; a measurement that cannot be sent harms nothing.
    """
    if not metrics.is_on():
        return run(services)
    started = services.clock.monotonic()
    try:
        result = run(services)
    except MailcrmError as error:
        labels = {"mailbox": mailbox_id, "task": task, "error": type(error).__name__}
        _send(metrics, lambda: [Measurement(METRICS["failures"], 1, labels)])
        _send(metrics, lambda: _effects(services, mailbox_id, task, None))
        raise
    elapsed_s = services.clock.monotonic() - started
    _send(metrics, lambda: _costs(mailbox_id, task, result, elapsed_s))
    _send(metrics, lambda: _effects(services, mailbox_id, task, result))
    return result


def _send(metrics: Metrics, measure: Callable[[], Iterable[Measurement]]) -> None:
    try:
        for measurement in measure():
            metrics.send(measurement)
    except Exception as error:  # the work is done: numbers about it must not undo it
        logger.warning("metrics.not_sent reason=%s", type(error).__name__)


def _costs(mailbox_id: str, task: str, result: Any, elapsed_s: float) -> Iterator[Measurement]:
    for stage, seconds in _stages(task, result, elapsed_s).items():
        yield Measurement(METRICS["stage_s"], seconds, {"mailbox": mailbox_id, "stage": stage})
    if isinstance(result, PlanResult | FetchResult):
        for name in ("bytes_received", "commands_sent"):
            yield Measurement(METRICS[name], getattr(result, name), {"mailbox": mailbox_id})


def _stages(task: str, result: Any, elapsed_s: float) -> Mapping[str, float]:
    """Seconds by stage, as in `run --json`; both verifications are the stage `verify`."""
    if isinstance(result, FetchResult):
        return {"fetch": result.fetch_s, "parse": result.parse_s}
    if isinstance(result, MatchResult):
        return {"dedupe": result.dedupe_s, "match": result.match_s}
    return {task.partition("_")[0]: elapsed_s}


def _effects(services: Services, mailbox_id: str, task: str, result: Any) -> Iterator[Measurement]:
    """The mailbox's own numbers, after the tasks that end what changes them."""
    if task.startswith("verify"):
        yield from _health(services, mailbox_id)
    elif task == "publish" or (isinstance(result, PlanResult) and not result.slices):
        yield from _state(services, mailbox_id)


def _health(services: Services, mailbox_id: str) -> Iterator[Measurement]:
    for direction, health in services.overview.read_health(mailbox_id).items():
        labels = {"mailbox": mailbox_id, "direction": direction}
        yield Measurement(METRICS["health"], HEALTH[health], labels)


def _state(services: Services, mailbox_id: str) -> Iterator[Measurement]:
    measures = services.overview.read_measures(mailbox_id)
    status = services.overview.read_mailbox_status(mailbox_id)
    now = services.clock.now()

    def gauge(name: str, value: Any, **labels: str) -> Measurement:
        return Measurement(METRICS[name], float(value), {"mailbox": mailbox_id, **labels})

    for state, count in measures.messages.items():
        yield gauge("messages", count, state=state)
    if measures.newest_at is not None:
        yield gauge("lag_s", max(0.0, (now - measures.newest_at).total_seconds()))
    if measures.last_good_run_at is not None:
        yield gauge("last_good_run_unix_s", measures.last_good_run_at.timestamp())
    yield from _health(services, mailbox_id)
    yield gauge("coverage_days", _least_covered_days(status["coverage"]))
    yield gauge("quarantine_backlog", status["quarantined"])
    yield gauge("review_backlog", status["open_reviews"])
    yield gauge("held_batches", measures.held_batches)


def _least_covered_days(coverage: Any) -> float:
    """Days of the folder with the fewest; 0 where none was read."""
    days: dict[str, dt.timedelta] = {}
    for row in coverage:
        days[row["folder"]] = days.get(row["folder"], dt.timedelta()) + row["until"] - row["since"]
    return min((span.total_seconds() / DAY_S for span in days.values()), default=0.0)
