"""Stage 1: what a server's answer means (accepted, refused, unreachable) and what to change."""

from mailcrm.credentials.answers import Answer, AnswerKind, RetryPlan
from mailcrm.credentials.classify import classify_answer
from mailcrm.credentials.symptoms import Diagnosis, classify_symptom

__all__ = [
    "Answer",
    "AnswerKind",
    "Diagnosis",
    "RetryPlan",
    "classify_answer",
    "classify_symptom",
]
