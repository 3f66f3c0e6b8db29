"""People's verdicts on decisions, and what deciding again changes."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

__all__ = [
    "ContactLink",
    "LinkChanges",
    "OpenReview",
    "Place",
    "Review",
    "RulesDecision",
    "Verdict",
    "VerdictKind",
]


class VerdictKind(StrEnum):
    """What a person said of a decision."""

    ACCEPTED = "accepted"
    REJECTED = "rejected"
    ASSIGNED = "assigned"


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """One participant of a message: what a decision is about."""

    message_key: str
    role: str
    position: int

    def __str__(self) -> str:
        """As the command line takes it."""
        return f"{self.message_key}/{self.role}/{self.position}"


@dataclass(frozen=True, slots=True)
class RulesDecision:
    """What the rules say of a place; `contact_id` is whom they linked, or put first, if anybody."""

    outcome: str
    contact_id: str | None
    rule: str
    score: float
    rule_version: str


@dataclass(frozen=True, slots=True)
class OpenReview:
    """A decision with all that a person needs to judge it.

    `candidates` are as in match_decisions: contact_id, score and evidence of each.
    """

    place: Place
    mailbox_id: str
    address: str
    display_name: str
    subject: str
    sent_at: dt.datetime
    decided: RulesDecision
    candidates: tuple[Mapping[str, object], ...]


@dataclass(frozen=True, slots=True)
class Verdict:
    """Who the participant is, by a person: `contact_id` None says that no contact is right."""

    place: Place
    kind: VerdictKind
    contact_id: str | None
    reviewer: str
    reason: str
    reviewed_at: dt.datetime


@dataclass(frozen=True, slots=True)
class Review:
    """A stored verdict, and what the rules had said when it was given."""

    review_id: int
    verdict: Verdict
    decided: RulesDecision


@dataclass(frozen=True, slots=True)
class ContactLink:
    """One row of crm_message_contacts; `roles` are comma-separated in header order."""

    message_key: str
    contact_id: str
    roles: str
    rule: str
    score: float


@dataclass(frozen=True, slots=True)
class LinkChanges:
    """Links of some messages after deciding again; `kept` are (message_key, contact_id)."""

    gained: tuple[ContactLink, ...] = ()
    lost: tuple[ContactLink, ...] = ()
    kept: tuple[tuple[str, str], ...] = ()
