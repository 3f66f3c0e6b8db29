"""Stage 1: what a server's answer means (accepted, refused, unreachable) and what to change."""

from mailcrm.credentials.answers import REJECTIONS, Answer, AnswerKind, RetryPlan
from mailcrm.credentials.classify import classify_answer
from mailcrm.credentials.health import BROKEN_AFTER, decide_event, decide_health
from mailcrm.credentials.symptoms import Diagnosis, classify_symptom

__all__ = [
    "BROKEN_AFTER",
    "REJECTIONS",
    "Answer",
    "AnswerKind",
    "Diagnosis",
    "RetryPlan",
    "classify_answer",
    "classify_symptom",
    "decide_event",
    "decide_health",
]
