"""The product's metrics: every name that leaves it, and what it means."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

__all__ = ["METRICS", "MailboxMeasures", "Measurement", "Metric", "MetricKind"]


class MetricKind(StrEnum):
    """How values of one name are put together."""

    COUNTER = "counter"
    GAUGE = "gauge"
    TIMER = "timer"


@dataclass(frozen=True, slots=True)
class Metric:
    """One name; `labels` are those of every value, in order. Timers are in seconds."""

    name: str
    kind: MetricKind
    labels: tuple[str, ...]
    meaning: str


@dataclass(frozen=True, slots=True)
class Measurement:
    """One value of one metric, with a value for each of its labels."""

    metric: Metric
    value: float
    labels: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class MailboxMeasures:
    """What is stored of one mailbox, in numbers.

    Messages by state as in a certificate (`pending` are listed or staged ones); moments in UTC,
    None where there is none; batches that the gate holds.
    """

    messages: Mapping[str, int]
    newest_at: dt.datetime | None
    last_good_run_at: dt.datetime | None
    held_batches: int


def _gauge(name: str, meaning: str, *labels: str) -> Metric:
    return Metric(f"mailcrm.{name}", MetricKind.GAUGE, ("mailbox", *labels), meaning)


def _counter(name: str, meaning: str, *labels: str) -> Metric:
    return Metric(f"mailcrm.{name}", MetricKind.COUNTER, ("mailbox", *labels), meaning)


_ALL: Final = (
    _gauge("messages", "messages of the ledger by state, as in a certificate", "state"),
    _gauge("lag_s", "seconds between the newest published message's arrival and this run"),
    _gauge("last_good_run_unix_s", "when the last run ended that left nothing open (Unix time)"),
    _gauge("coverage_days", "days read in full, of the folder with the fewest"),
    _gauge("health", "0 ok, 1 degraded, 2 broken, 3 paused", "direction"),
    _gauge("quarantine_backlog", "messages held in quarantine"),
    _gauge("review_backlog", "decisions that wait for a person"),
    _gauge("held_batches", "batches that the gate holds"),
    _counter("bytes_received", "bytes that the mail server sent"),
    _counter("commands_sent", "IMAP commands"),
    _counter(
        "failures", "tasks that failed with an error of ours (docs/operations.md)", "task", "error"
    ),
    Metric(
        "mailcrm.stage_s",
        MetricKind.TIMER,
        ("mailbox", "stage"),
        "seconds of a stage: verify, plan, fetch, parse, dedupe, match, check, publish",
    ),
)
METRICS: Final[Mapping[str, Metric]] = {
    metric.name.removeprefix("mailcrm."): metric for metric in _ALL
}
