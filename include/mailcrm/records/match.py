"""Contacts, the evidence that ties a participant to them, and the decision."""

import datetime as dt
from dataclasses import dataclass
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class ContactAddress:
    """One address of a contact."""

    address: str
    is_primary: bool


@dataclass(frozen=True, slots=True)
class Contact:
    """A person in the CRM; `domain` is the company's mail domain or ""."""

    contact_id: str
    full_name: str
    company: str
    domain: str
    addresses: tuple[ContactAddress, ...] = ()
    updated_at: dt.datetime | None = None


class Outcome(StrEnum):
    """What was decided for one participant."""

    MATCHED = "matched"
    POSSIBLE = "possible"
    AMBIGUOUS = "ambiguous"
    UNMATCHED = "unmatched"
    IGNORED = "ignored"


@dataclass(frozen=True, slots=True)
class Evidence:
    """One named reason for a candidate, with its weight (negative speaks against)."""

    name: str
    weight: float
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A contact that evidence suggests; `score` is the sum of the weights."""

    contact_id: str
    evidence: tuple[Evidence, ...]
    score: float


@dataclass(frozen=True, slots=True)
class Decision:
    """The decision for one participant, with everything that led to it.

    `contact_id` is None unless matched; `rule` names the deciding rule or the reason to ignore.
    `company_domain` is the company to which somebody belongs who is no contact, None where there
    is none.
    """

    outcome: Outcome
    contact_id: str | None
    candidates: tuple[Candidate, ...]
    rule: str
    rule_version: str
    score: float
    company_domain: str | None = None
