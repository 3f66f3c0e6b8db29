"""How matching does on what is stored, for pages that show it again and again."""

import datetime as dt
from collections.abc import Collection
from dataclasses import dataclass

from mailcrm.match import RULE_VERSION
from mailcrm.records.quality import MatchCounts, ReviewedRule
from mailcrm.services.evaluate.reviews import evaluate_reviews, reviewed_rules
from mailcrm.services.review_wiring import ReviewServices

__all__ = ["MatchQuality", "draw_chart", "measure_quality"]


@dataclass(frozen=True, slots=True)
class MatchQuality:
    """Counts of some mailboxes' decisions, and precision by people's verdicts on all of them."""

    counted_at: dt.datetime
    rule_version: str
    counts: MatchCounts
    rules: tuple[ReviewedRule, ...]
    reviews: int

    def totals(self) -> dict[str, int]:
        """Decisions by outcome."""
        found: dict[str, int] = {}
        for one in self.counts.by_rule:
            found[one.outcome] = found.get(one.outcome, 0) + one.count
        return found


def measure_quality(services: ReviewServices, mailbox_ids: Collection[str]) -> MatchQuality:
    """Count all stored decisions of these mailboxes; on many messages this takes seconds."""
    judged = services.reviews.list_reviews()
    return MatchQuality(
        counted_at=services.clock.now(),
        rule_version=RULE_VERSION,
        counts=services.quality.count_decisions(mailbox_ids),
        rules=reviewed_rules(evaluate_reviews(judged)),
        reviews=len(judged),
    )


def draw_chart(
    services: ReviewServices, name: str, quality: MatchQuality, *, dark: bool
) -> str | None:
    """One chart as SVG: days, rules, scores or precision; None for another name."""
    return services.pages.draw_chart(name, quality.counts, quality.rules, dark=dark)
