"""Stage 1: what a server's answer means (accepted, refused, unreachable) and what to change."""

from mailcrm.credentials.answers import REJECTIONS, Answer, AnswerKind, RetryPlan
from mailcrm.credentials.autoconfig import parse_autoconfig
from mailcrm.credentials.classify import classify_answer
from mailcrm.credentials.health import BROKEN_AFTER, decide_event, decide_health
from mailcrm.credentials.hosts import MAIL_PORTS, TOKEN_HOSTS, choose_safe_addresses, is_loopback
from mailcrm.credentials.identity import ArrivedIdentity, compare_identity
from mailcrm.credentials.providers import (
    Proposal,
    Provider,
    find_provider,
    find_provider_of_host,
    propose_ownership,
    propose_settings,
)
from mailcrm.credentials.service_records import (
    SERVICES,
    ServiceRecord,
    propose_from_exchanges,
    propose_from_records,
)
from mailcrm.credentials.symptoms import Diagnosis, classify_symptom

__all__ = [
    "BROKEN_AFTER",
    "MAIL_PORTS",
    "REJECTIONS",
    "SERVICES",
    "TOKEN_HOSTS",
    "Answer",
    "AnswerKind",
    "ArrivedIdentity",
    "Diagnosis",
    "Proposal",
    "Provider",
    "RetryPlan",
    "ServiceRecord",
    "choose_safe_addresses",
    "classify_answer",
    "classify_symptom",
    "compare_identity",
    "decide_event",
    "decide_health",
    "find_provider",
    "find_provider_of_host",
    "is_loopback",
    "parse_autoconfig",
    "propose_from_exchanges",
    "propose_from_records",
    "propose_ownership",
    "propose_settings",
]
