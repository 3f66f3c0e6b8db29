"""Which message a staged row is: fingerprint, message_key, sightings, conflicts."""

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from mailcrm.dedupe.hashes import derive_key, hash_id, message_id_key
from mailcrm.dedupe.sketch import is_same_text, make_sketch
from mailcrm.dedupe.text import normalise_subject, squeeze_spaces, strip_footers
from mailcrm.records import (
    IdentityDecision,
    IdentityEvidence,
    KnownIdentity,
    ParsedMessage,
    StagedIdentity,
)
from mailcrm.records.addresses import normalise_address, view_sender

__all__ = ["decide_identities", "plan_identity", "renew_sketch"]

_MAX_EVIDENCES = 8


def plan_identity(parsed: ParsedMessage) -> IdentityEvidence:
    """Gather what tells this message from others and stays equal in its copies.

    Args:
        parsed: The message.

    Returns:
        Hash of the Message-ID (None without one); the fingerprint of sender, sent_at, subject
        without list tags, text without footers and attachments; the text's sketch; the sender
        after undoing list rewriting, "" where a list hid him.
    """
    text = _plain_text(parsed.body_text)
    sender = _sender_of(parsed)
    attached = sorted(f"{a.filename}\0{a.content_type}\0{a.size_bytes}" for a in parsed.attachments)
    fingerprint = derive_key(
        sender,
        f"{parsed.sent_at.timestamp():.0f}",
        normalise_subject(parsed.subject),
        text,
        *attached,
    )
    return IdentityEvidence(
        message_id_hash=hash_id(parsed.message_id) if parsed.message_id else None,
        fingerprint=fingerprint,
        text_sketch=make_sketch(text),
        sender=sender,
    )


def _plain_text(body_text: str) -> str:
    return squeeze_spaces(strip_footers(body_text))


def renew_sketch(evidence: IdentityEvidence, body_text: str) -> IdentityEvidence:
    """The same evidence with the sketch that today's rules make of the message's text."""
    return replace(evidence, text_sketch=make_sketch(_plain_text(body_text)))


def _sender_of(parsed: ParsedMessage) -> str:
    author = view_sender(parsed.participants, parsed.list_id).author
    return normalise_address(author.address) if author else ""


@dataclass(slots=True)
class _Message:
    """One message under construction: its key (None: new), what its copies look like, its rows."""

    key: str | None
    evidences: list[IdentityEvidence] = field(default_factory=list)
    rows: list[StagedIdentity] = field(default_factory=list)

    def has_print(self, fingerprint: str) -> bool:
        return any(one.fingerprint == fingerprint for one in self.evidences)

    def takes(self, evidence: IdentityEvidence) -> bool:
        return any(_is_copy(evidence, one) for one in self.evidences)


def decide_identities(
    staged: Sequence[StagedIdentity], known: Sequence[KnownIdentity]
) -> list[IdentityDecision]:
    """Decide for each staged row which message it is.

    Rows with one Message-ID are one message when sender and text agree (a different date alone
    is no difference); those that do not agree are conflicts and get keys of their own. Rows
    without a Message-ID are one message with what has an equal fingerprint. A known message keeps
    its key.

    Args:
        staged: The batch's rows, in any order.
        known: Published messages that share a Message-ID or a fingerprint with the batch.

    Returns:
        One decision per row, in the rows' order; the same for any order of both arguments.
    """
    published = sorted(known, key=lambda one: one.message_key)
    anonymous_keys = _first_keys(one for one in published if not one.evidence.message_id_hash)
    known_by_id: dict[str, list[KnownIdentity]] = defaultdict(list)
    for one in published:
        known_by_id[one.evidence.message_id_hash or ""].append(one)
    rows_by_id: dict[str, list[StagedIdentity]] = defaultdict(list)
    for row in sorted(staged, key=_row_order):
        rows_by_id[row.evidence.message_id_hash or ""].append(row)
    anonymous = rows_by_id.pop("", [])
    decided: dict[tuple[int, int], IdentityDecision] = {}
    print_keys = _first_keys(published) | anonymous_keys
    for id_hash, rows in sorted(rows_by_id.items()):
        messages = _group_rows(rows, known_by_id[id_hash], anonymous_keys)
        for message, key, is_conflict in _name_messages(id_hash, messages):
            _decide_rows(decided, message.rows, key, message.key is None, is_conflict)
            for row in message.rows:
                print_keys.setdefault(row.evidence.fingerprint, key)
    _decide_anonymous(decided, anonymous, print_keys)
    return [decided[row.generation_id, row.uid] for row in staged]


def _row_order(row: StagedIdentity) -> tuple[float, str, int, int]:
    moment = row.internaldate.timestamp() if row.internaldate else math.inf
    return (moment, row.evidence.fingerprint, row.generation_id, row.uid)


def _first_keys(known: Iterable[KnownIdentity]) -> dict[str, str]:
    keys: dict[str, str] = {}
    for one in known:
        keys.setdefault(one.evidence.fingerprint, one.message_key)
    return keys


def _is_copy(one: IdentityEvidence, two: IdentityEvidence) -> bool:
    if one.fingerprint == two.fingerprint:
        return True
    if one.sender and two.sender and one.sender != two.sender:
        return False
    return is_same_text(one.text_sketch, two.text_sketch)


def _group_rows(
    rows: Sequence[StagedIdentity],
    known: Sequence[KnownIdentity],
    anonymous_keys: dict[str, str],
) -> list[_Message]:
    """Split the rows of one Message-ID into messages, the known ones first."""
    messages = [_Message(one.message_key, [one.evidence]) for one in known]
    for row in rows:
        evidence = row.evidence
        home = next((m for m in messages if m.has_print(evidence.fingerprint)), None)
        if home is None and evidence.fingerprint in anonymous_keys:
            home = _Message(anonymous_keys[evidence.fingerprint])
            messages.append(home)
        home = home or next((m for m in messages if m.takes(evidence)), None)
        if home is None:
            home = _Message(None)
            messages.append(home)
        if len(home.evidences) < _MAX_EVIDENCES and not home.has_print(evidence.fingerprint):
            home.evidences.append(evidence)
        home.rows.append(row)
    return messages


def _name_messages(
    id_hash: str, messages: Sequence[_Message]
) -> Iterator[tuple[_Message, str, bool]]:
    """Give each message of one Message-ID its key, and say whether it is a conflict.

    The first one has the id's own key; a conflict's key also comes from its smallest fingerprint.
    """
    own_key = message_id_key(id_hash)
    is_taken = any(message.key == own_key for message in messages)
    for index, message in enumerate(messages):
        if message.key is not None:
            yield message, message.key, is_taken and message.key != own_key
        elif not is_taken:
            is_taken = True
            yield message, own_key, index > 0
        else:
            smallest = min(one.fingerprint for one in message.evidences)
            yield message, derive_key("conflict", id_hash, smallest), True


def _decide_anonymous(
    decided: dict[tuple[int, int], IdentityDecision],
    rows: Sequence[StagedIdentity],
    print_keys: dict[str, str],
) -> None:
    by_print: dict[str, list[StagedIdentity]] = defaultdict(list)
    for row in rows:
        by_print[row.evidence.fingerprint].append(row)
    for fingerprint, group in by_print.items():
        known_key = print_keys.get(fingerprint)
        key = known_key or derive_key("fingerprint", fingerprint)
        _decide_rows(decided, group, key, known_key is None, is_conflict=False)


def _decide_rows(
    decided: dict[tuple[int, int], IdentityDecision],
    rows: Sequence[StagedIdentity],
    key: str,
    is_new: bool,
    is_conflict: bool,
) -> None:
    for index, row in enumerate(rows):
        decided[row.generation_id, row.uid] = IdentityDecision(
            row.generation_id, row.uid, key, is_new and index == 0, is_conflict
        )
