"""How matching does on what is stored, for pages that show it again and again."""

import datetime as dt
from collections.abc import Collection
from dataclasses import dataclass

from mailcrm.match import RULE_VERSION
from mailcrm.records.match_pages import SenderCount
from mailcrm.records.quality import MatchCounts, ReviewedRule
from mailcrm.services.audit import count_unmatched
from mailcrm.services.evaluate.reviews import evaluate_reviews, reviewed_rules
from mailcrm.services.review_wiring import ReviewServices

__all__ = ["UNKNOWN_DAYS", "MatchQuality", "draw_chart", "measure_quality", "rate_rules"]

UNKNOWN_DAYS = 90
UNKNOWN_SENDERS = 25


@dataclass(frozen=True, slots=True)
class MatchQuality:
    """Counts of some mailboxes' decisions, and precision by people's verdicts on all of them.

    `senders` are those of the last `UNKNOWN_DAYS` of whom nobody is known, the most first.
    """

    counted_at: dt.datetime
    rule_version: str
    counts: MatchCounts
    rules: tuple[ReviewedRule, ...]
    reviews: int
    senders: tuple[SenderCount, ...]

    def totals(self) -> dict[str, int]:
        """Decisions by outcome."""
        found: dict[str, int] = {}
        for one in self.counts.by_rule:
            found[one.outcome] = found.get(one.outcome, 0) + one.count
        return found


def measure_quality(services: ReviewServices, mailbox_ids: Collection[str]) -> MatchQuality:
    """Count all stored decisions of these mailboxes; on many messages this takes seconds."""
    rules, reviews = rate_rules(services)
    return MatchQuality(
        counted_at=services.clock.now(),
        rule_version=RULE_VERSION,
        counts=services.quality.count_decisions(mailbox_ids),
        rules=rules,
        reviews=reviews,
        senders=tuple(count_unmatched(services, mailbox_ids, UNKNOWN_DAYS, UNKNOWN_SENDERS)),
    )


def rate_rules(services: ReviewServices) -> tuple[tuple[ReviewedRule, ...], int]:
    """Precision of the automatic links by people's verdicts, and how many verdicts there are."""
    judged = services.reviews.list_reviews()
    return reviewed_rules(evaluate_reviews(judged)), len(judged)


def draw_chart(
    services: ReviewServices, name: str, quality: MatchQuality, *, dark: bool
) -> str | None:
    """One chart as SVG: days, rules, scores or precision; None for another name."""
    return services.pages.draw_chart(name, quality.counts, quality.rules, dark=dark)
