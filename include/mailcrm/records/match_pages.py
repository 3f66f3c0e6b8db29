"""Decisions, contacts and conversations, as people look at them on pages."""

import datetime as dt
from dataclasses import dataclass

from mailcrm.records.review import OpenReview, Review

__all__ = ["CaseView", "ContactLine", "SenderCount", "TimelineLine"]


@dataclass(frozen=True, slots=True)
class ContactLine:
    """One contact to choose from; `address` is the primary one, "" where there is none."""

    contact_id: str
    full_name: str
    company: str
    address: str


@dataclass(frozen=True, slots=True)
class CaseView:
    """One decision with the message that it is about, and what people said of it, oldest first.

    `body_text` is plain text. `linked` are the message's links: contact, roles, rule, who decided.
    """

    case: OpenReview
    from_address: str
    from_name: str
    received_at: dt.datetime
    direction: str
    kind: str
    auth_result: str | None
    conversation_key: str | None
    body_text: str
    linked: tuple[tuple[str, str, str, str], ...]
    reviews: tuple[Review, ...]


@dataclass(frozen=True, slots=True)
class TimelineLine:
    """One message on a contact's timeline; `score` and `rule` say why it is there."""

    message_key: str
    sent_at: dt.datetime
    direction: str
    subject: str
    snippet: str
    roles: str
    rule: str
    score: float
    decided_by: str


@dataclass(frozen=True, slots=True)
class SenderCount:
    """How many messages an address sent of whom nobody is known."""

    address: str
    display_name: str
    count: int
    latest: dt.datetime
