"""Rows of a batch on their way from fetch to publish."""

import datetime as dt
from dataclasses import dataclass, replace
from typing import NamedTuple

from mailcrm.records.message import ParsedMessage, Participant


@dataclass(frozen=True, slots=True)
class IdentityEvidence:
    """What tells one message from another (see `mailcrm.dedupe`).

    `message_id_hash` is the SHA-256 (hex) of the canonical Message-ID, None without one;
    `fingerprint` the SHA-256 (hex) of what does not change between copies; `text_sketch` a short
    text from which two bodies can be compared; `sender` the sender's address after undoing list
    rewriting, lower-case, "" where unknown.
    """

    message_id_hash: str | None
    fingerprint: str
    text_sketch: str
    sender: str


@dataclass(frozen=True, slots=True)
class StagedMessage:
    """One fetched and parsed message, ready to be staged.

    `disposition` is publish, excluded or quarantined (duplicate is decided later, over the whole
    batch); `reason` names the rule for the latter two. `raw` is kept only where quarantined.
    """

    uid: int
    internaldate: dt.datetime | None
    received_at: dt.datetime
    flags: tuple[str, ...]
    parsed: ParsedMessage
    identity: IdentityEvidence
    direction: str
    auth_result: str | None
    disposition: str = "publish"
    rule: str | None = None
    reason: str | None = None
    raw: bytes | None = None

    def held(self, *, rule: str, reason: str, raw: bytes) -> "StagedMessage":
        """The same message, quarantined with its raw bytes.

        Of what was parsed only sizes, times and kinds stay: a text may be the very reason, and
        must not keep the row out of the database.
        """
        return replace(
            self,
            internaldate=_aware(self.internaldate),
            received_at=_aware(self.received_at) or self.received_at,
            flags=(),
            parsed=self.parsed.without_text(),
            identity=replace(self.identity, text_sketch="", sender=""),
            auth_result=None,
            disposition="quarantined",
            rule=rule,
            reason=reason,
            raw=raw,
        )


def _aware(moment: dt.datetime | None) -> dt.datetime | None:
    """A moment without a zone, taken as UTC."""
    return moment if moment is None or moment.tzinfo else moment.replace(tzinfo=dt.UTC)


@dataclass(frozen=True, slots=True)
class StagedIdentity:
    """One staged message as `dedupe` sees it; (generation_id, uid) names the row."""

    generation_id: int
    uid: int
    internaldate: dt.datetime | None
    evidence: IdentityEvidence


@dataclass(frozen=True, slots=True)
class KnownIdentity:
    """A published message as `dedupe` sees it."""

    message_key: str
    evidence: IdentityEvidence


@dataclass(frozen=True, slots=True)
class IdentityDecision:
    """Which message a staged row is.

    `is_first` is true for the one row of the batch that brings a new message in; others are
    further sightings. `is_conflict` marks a message that shares its Message-ID with a different
    one.
    """

    generation_id: int
    uid: int
    message_key: str
    is_first: bool
    is_conflict: bool


@dataclass(frozen=True, slots=True)
class BatchMessage:
    """One staged row as the match reads it.

    `subject_hash` is that of `dedupe.plan_subject`, None where the subject joins nothing;
    `subject_asks` is true for a reply that names no message. The rest is as in `MessageContext`
    and `ConversationLink`.
    """

    identity: StagedIdentity
    reference_hashes: tuple[str, ...]
    subject_hash: str | None
    subject_asks: bool
    sent_at: dt.datetime
    kind: str
    direction: str
    auth_result: str | None
    list_id: str | None
    defects: tuple[str, ...]
    participants: tuple[Participant, ...]


@dataclass(frozen=True, slots=True)
class ConversationLink:
    """What ties a new message to a conversation.

    `id_hash` is the hash of its own Message-ID, or of its message_key where it has none;
    `reference_hashes` those of References and In-Reply-To, oldest first. `subject_hash` and
    `subject_asks` are as in `BatchMessage`; `list_addresses` those of `addresses` that are a list's
    own, which everybody on it shares.
    """

    message_key: str
    id_hash: str
    reference_hashes: tuple[str, ...]
    sent_at: dt.datetime
    addresses: frozenset[str]
    subject_hash: str | None = None
    subject_asks: bool = False
    list_addresses: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class SubjectSpan:
    """When a known conversation used a subject, and whether a reply in it asks for its start."""

    subject_hash: str
    conversation_key: str
    first_at: dt.datetime
    last_at: dt.datetime
    asks: bool


@dataclass(frozen=True, slots=True)
class ConversationPlan:
    """New messages' conversations, ids that now belong to one, and conversations that merged."""

    of_message: dict[str, str]
    members: dict[str, str]
    merges: dict[str, str]


@dataclass(frozen=True, slots=True)
class MessageContext:
    """One new message as `match` sees it.

    `conversation_contacts` are contact ids already matched in the same conversation.
    `auth_result` is pass, fail or None (no trusted server said anything). `defects` are those of
    `ParsedMessage`: what was odd about the message, such as two From fields.
    """

    generation_id: int
    uid: int
    message_key: str
    kind: str
    direction: str
    auth_result: str | None
    list_id: str | None
    participants: tuple[Participant, ...]
    conversation_contacts: frozenset[str] = frozenset()
    defects: tuple[str, ...] = ()


class ContactKey(NamedTuple):
    """A key to look a contact up by; `kind` is address, canonical, name or domain.

    A tuple instead of a dataclass, because a batch makes and hashes hundreds of thousands.
    """

    kind: str
    key: str


@dataclass(frozen=True, slots=True)
class PublishCounts:
    """What one publish changed: messages new in the CRM, and further sightings."""

    published: int
    duplicate: int
    already_published: bool = False
