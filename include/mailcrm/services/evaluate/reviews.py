"""How right matching was, by the verdicts of people on what is stored."""

import datetime as dt
import logging
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from mailcrm.match import RULE_VERSION
from mailcrm.ports import Reviews
from mailcrm.ports.quality import QualityPages, QualityTables
from mailcrm.records.quality import QualityReport, ReviewedRule
from mailcrm.records.review import Review
from mailcrm.services.evaluate.scores import rate_of

__all__ = ["ReviewScore", "VerdictScore", "evaluate_reviews", "reviewed_rules", "run_report"]

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class VerdictScore:
    """Judged decisions: links that the rules made, and candidates that they put first."""

    automatic: int = 0
    automatic_right: int = 0
    suggested: int = 0
    suggested_right: int = 0
    unmatched: int = 0
    unmatched_right: int = 0

    def add(self, review: Review) -> None:
        """Count one verdict; right is whom the person names, or nobody where nobody was linked."""
        is_right = review.decided.contact_id == review.verdict.contact_id
        if review.decided.outcome == "matched":
            self.automatic += 1
            self.automatic_right += is_right
        elif review.decided.outcome in ("possible", "ambiguous"):
            self.suggested += 1
            self.suggested_right += is_right
        else:
            self.unmatched += 1
            self.unmatched_right += review.verdict.contact_id is None

    def as_document(self) -> dict[str, object]:
        """One part of the JSON document of `mailcrm evaluate reviews`."""
        return {
            "reviews": self.automatic + self.suggested + self.unmatched,
            "matched_right": self.automatic_right,
            "matched_wrong": self.automatic - self.automatic_right,
            "review": {"count": self.suggested, "right_among_candidates": self.suggested_right},
            "unmatched": {"count": self.unmatched, "right": self.unmatched_right},
            **rate_of(self.automatic_right, self.automatic).as_keys("precision"),
            **rate_of(self.suggested_right, self.suggested).as_keys("suggestion_precision"),
        }


@dataclass(frozen=True, slots=True)
class ReviewScore:
    """Scores of all verdicts, and by the rule and the rule version that had decided."""

    total: VerdictScore = field(default_factory=VerdictScore)
    rules: Mapping[str, VerdictScore] = field(default_factory=lambda: defaultdict(VerdictScore))
    versions: Mapping[str, VerdictScore] = field(default_factory=lambda: defaultdict(VerdictScore))

    def as_document(self) -> dict[str, object]:
        """The JSON document of `mailcrm evaluate reviews`."""
        return {
            "total": self.total.as_document(),
            "rules": {name: one.as_document() for name, one in sorted(self.rules.items())},
            "versions": {name: one.as_document() for name, one in sorted(self.versions.items())},
        }


def evaluate_reviews(reviews: Iterable[Review]) -> ReviewScore:
    """Judge the rules by people's latest verdicts.

    A later verdict on what a person had decided already says nothing of the rules and is left out.
    Precision is that of the mail at large only where links were drawn by `review sample`.
    """
    score = ReviewScore()
    for review in reviews:
        if review.decided.rule == "review":
            continue
        for part in (
            score.total,
            score.rules[review.decided.rule],
            score.versions[review.decided.rule_version],
        ):
            part.add(review)
    return score


def run_report(
    reviews: Reviews, tables: QualityTables, pages: QualityPages, path: Path, now: dt.datetime
) -> dict[str, object]:
    """Write the report page on all that is stored; what it holds, in a few numbers.

    Raises:
        SettingsError: the file cannot be written.
    """
    judged = reviews.list_reviews()
    score = evaluate_reviews(judged)
    place = tables.find_example()
    examples = reviews.read_places([place]) if place else ()
    report = QualityReport(
        made_at=now.astimezone(dt.UTC).strftime("%Y-%m-%d %H:%M UTC"),
        rule_version=RULE_VERSION,
        counts=tables.count_decisions(),
        rules=reviewed_rules(score),
        reviews=len(judged),
        example=examples[0] if examples else None,
    )
    size = pages.write_report(report, path)
    decisions = sum(one.count for one in report.counts.by_rule)
    logger.info("evaluate.report_written decisions=%d size_bytes=%d", decisions, size)
    return {
        "file": str(path),
        "size_bytes": size,
        "decisions": decisions,
        "reviews": report.reviews,
        "rule_version": RULE_VERSION,
    }


def reviewed_rules(score: ReviewScore) -> tuple[ReviewedRule, ...]:
    """Precision of the automatic links, by rule and in all, where any was judged."""
    return tuple(_rated(score))


def _rated(score: ReviewScore) -> Iterable[ReviewedRule]:
    for name, one in [*sorted(score.rules.items()), ("all rules", score.total)]:
        rate = rate_of(one.automatic_right, one.automatic)
        if rate.value is not None and rate.low is not None and rate.high is not None:
            yield ReviewedRule(
                name, one.automatic_right, one.automatic, rate.value, rate.low, rate.high
            )
