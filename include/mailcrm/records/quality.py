"""How matching does on what is stored: counts for a report, and labels from people."""

from dataclasses import dataclass

from mailcrm.records.review import OpenReview

__all__ = ["Count", "MatchCounts", "QualityReport", "ReviewedRule"]


@dataclass(frozen=True, slots=True)
class Count:
    """How many decisions share a group (a day, a rule, a step of scores) and an outcome."""

    group: str
    outcome: str
    count: int


@dataclass(frozen=True, slots=True)
class MatchCounts:
    """All stored decisions, counted in three ways.

    Days are of arrival, UTC, as 2026-11-22; steps of scores are named by their lower end, 0.05
    wide, of decisions that have a candidate.
    """

    by_day: tuple[Count, ...]
    by_rule: tuple[Count, ...]
    by_score: tuple[Count, ...]


@dataclass(frozen=True, slots=True)
class ReviewedRule:
    """What people said of one rule's automatic links; the interval is Wilson's, 95 %."""

    rule: str
    right: int
    reviewed: int
    precision: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class QualityReport:
    """Everything that the report page shows; `example` is the decision to explain, if any."""

    made_at: str
    rule_version: str
    counts: MatchCounts
    rules: tuple[ReviewedRule, ...]
    reviews: int
    example: OpenReview | None
