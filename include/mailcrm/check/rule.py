"""What one check is: a name, an expectation as data, and the predicate that says the same."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from mailcrm.records import StagedMessage, Window

__all__ = [
    "PUBLISHED",
    "SIGHTED",
    "Group",
    "Predicate",
    "RowFault",
    "Rule",
    "Severity",
    "Subject",
    "batch_rule",
]

Group = Literal["schema", "uniqueness", "references", "ranges", "text", "decisions", "balance"]
Severity = Literal["batch", "row", "warning"]
Subject = Literal[
    "messages",
    "participants",
    "decisions",
    "attachments",
    "merges",
    "keys",
    "identities",
    "ledger",
    "folders",
    "runs",
]
PUBLISHED = "m.disposition = 'publish'"
SIGHTED = "m.disposition IN ('publish', 'duplicate')"
Predicate = Callable[[StagedMessage, Window], bool]


@dataclass(frozen=True, slots=True)
class RowFault:
    """Why one message may not be published: the rule's name, and one line for people."""

    rule: str
    reason: str


@dataclass(frozen=True, slots=True)
class Rule:
    """One check, as data.

    `expectation` is the class of Great Expectations that carries it out, `kwargs` its arguments.
    `condition` is SQL that is true for a row that breaks the rule, in words that SQLite and
    PostgreSQL share; the adapter fills `{...}`, counts the rows of `subject` (see
    `mailcrm.check.subjects`) that break it, and expects none. A rule without a condition looks
    at the column that its `kwargs` name. `predicate` says the same of a message before it is
    staged; only row rules have one. `limit` is what passes, for the report; `reason` is what
    quarantine shows.
    """

    name: str
    group: Group
    severity: Severity
    limit: str
    reason: str = ""
    subject: Subject = "messages"
    condition: str = ""
    expectation: str = "ExpectColumnMaxToBeBetween"
    kwargs: Mapping[str, object] = field(default_factory=dict)
    predicate: Predicate | None = None


def batch_rule(
    group: Group,
    subject: Subject,
    name: str,
    limit: str,
    condition: str,
    severity: Severity = "batch",
) -> Rule:
    """A rule that no row of a subject may break; see `Rule`."""
    return Rule(
        name=name,
        group=group,
        severity=severity,
        limit=limit,
        subject=subject,
        condition=condition,
    )
