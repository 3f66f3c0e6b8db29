"""Evaluations on messages whose truth is known; no server, no database."""

from mailcrm.services.evaluate.dedupe import DedupeScore, evaluate_dedupe
from mailcrm.services.evaluate.match import MatchScore, TierScore, evaluate_match
from mailcrm.services.evaluate.parse import ParseScore, evaluate_parse
from mailcrm.services.evaluate.scores import Rate, rate_of

__all__ = [
    "DedupeScore",
    "MatchScore",
    "ParseScore",
    "Rate",
    "TierScore",
    "evaluate_dedupe",
    "evaluate_match",
    "evaluate_parse",
    "rate_of",
]
