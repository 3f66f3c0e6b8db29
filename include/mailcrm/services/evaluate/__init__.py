"""Evaluations on messages whose truth is known; no server, no database."""

from mailcrm.services.evaluate.dedupe import DedupeScore, evaluate_dedupe
from mailcrm.services.evaluate.match import MatchScore, TierScore, evaluate_match
from mailcrm.services.evaluate.parse import ParseScore, evaluate_parse
from mailcrm.services.evaluate.reviews import ReviewScore, evaluate_reviews, run_report
from mailcrm.services.evaluate.scores import Rate, rate_of

__all__ = [
    "DedupeScore",
    "MatchScore",
    "ParseScore",
    "Rate",
    "ReviewScore",
    "TierScore",
    "evaluate_dedupe",
    "evaluate_match",
    "evaluate_parse",
    "evaluate_reviews",
    "rate_of",
    "run_report",
]
