"""Task `match`: which message each staged row is, and which contacts took part."""

import contextlib
import gc
import logging
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from mailcrm.dedupe import (
    conversation_people,
    decide_identities,
    list_addresses,
    plan_conversations,
)
from mailcrm.match import ContactIndex, decide_message, plan_companies, plan_lookups
from mailcrm.ports import Staging
from mailcrm.records import (
    BatchMessage,
    ConversationLink,
    ConversationPlan,
    IdentityDecision,
    Lease,
    MessageContext,
    Outcome,
)
from mailcrm.services.wiring import Services

__all__ = ["MatchResult", "Recognised", "recognise_batch", "run_match"]

logger = logging.getLogger(__name__)

_NOBODY: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class MatchResult:
    """Decisions by outcome (all five), and the seconds of both halves."""

    outcomes: Mapping[str, int]
    dedupe_s: float
    match_s: float


@dataclass(frozen=True, slots=True)
class Recognised:
    """Which messages a batch's rows are, their conversations, and the new ones to decide on."""

    identities: Sequence[IdentityDecision]
    conversations: ConversationPlan
    contexts: Sequence[MessageContext]


@contextlib.contextmanager
def _unhurried_collector() -> Iterator[None]:
    """Keep the collector of cycles from walking a batch's records again and again.

    They hold no cycles and live until the end; looking for some takes a third of the time.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


@_unhurried_collector()
def run_match(services: Services, lease: Lease) -> MatchResult:
    """Recognise duplicates, join conversations, then decide on every participant.

    Doing it again replaces what the batch's decisions were.

    Raises:
        FencedError, StoreBusyError
    """
    started = services.clock.monotonic()
    staging = services.staging
    own = services.registry.read_mailbox(lease.mailbox_id).all_own_addresses()
    known_hash = staging.known_hash(lease.batch_id)  # before anything of it is read
    batch = recognise_batch(staging, lease.batch_id, own)
    deduped = services.clock.monotonic()
    services.contacts.refresh_contacts(services.clock.now())
    staging.write_first_mark(lease, services.contacts.read_clock())  # before they are read
    index = ContactIndex(
        services.contacts.find_contacts(plan_lookups(batch.contexts, own)),
        companies=services.contacts.find_companies(plan_companies(batch.contexts, own)),
    )
    rows = [(context, decide_message(context, index, own)) for context in batch.contexts]
    staging.write_match(lease, batch.identities, batch.conversations, rows)
    staging.write_known_hash(lease, known_hash)
    finished = services.clock.monotonic()
    counts = Counter(decision.outcome for _, decisions in rows for decision in decisions)
    outcomes = {outcome.value: counts[outcome] for outcome in Outcome}
    logger.info(
        "match.decided mailbox=%s outcomes=%s elapsed_s=%.3f",
        lease.mailbox_id,
        outcomes,
        finished - started,
    )
    return MatchResult(outcomes, deduped - started, finished - deduped)


def recognise_batch(staging: Staging, batch_id: str, own: frozenset[str]) -> Recognised:
    """Tell which message each row of a batch is, and which conversation each new one joins.

    Args:
        staging: Where the batch is; nothing is written.
        batch_id: The batch.
        own: Our addresses, lower-case.
    """
    messages = staging.read_batch(batch_id)
    identities = decide_identities(
        [one.identity for one in messages], staging.read_known_identities(batch_id)
    )
    new = [
        (message, identity)
        for message, identity in zip(messages, identities, strict=True)
        if identity.is_first
    ]
    links = [_link(message, identity, own) for message, identity in new]
    conversations = _join(staging, links, own)
    nearby = _nearby(staging, conversations)
    contexts = [
        _context(message, identity, nearby.get(conversations.of_message[identity.message_key]))
        for message, identity in new
    ]
    return Recognised(identities, conversations, contexts)


def _join(
    staging: Staging, links: Sequence[ConversationLink], own: frozenset[str]
) -> ConversationPlan:
    ids = {one for link in links for one in (link.id_hash, *link.reference_hashes)}
    known = staging.read_conversations(ids)
    asked = {one.subject_hash for one in links if one.subject_asks}
    used = {one.subject_hash for one in links if one.subject_hash}
    spans = [
        span for span in staging.read_subject_spans(used) if span.asks or span.subject_hash in asked
    ]
    keys = {*known.values(), *(span.conversation_key for span in spans)}
    people = staging.read_conversation_people(keys, own)
    return plan_conversations(links, known, people, spans)


def _link(
    message: BatchMessage, identity: IdentityDecision, own: frozenset[str]
) -> ConversationLink:
    return ConversationLink(
        message_key=identity.message_key,
        id_hash=message.identity.evidence.message_id_hash or identity.message_key,
        reference_hashes=message.reference_hashes,
        sent_at=message.sent_at,
        addresses=conversation_people(message.participants, own),
        subject_hash=message.subject_hash,
        subject_asks=message.subject_asks,
        list_addresses=list_addresses(message.participants, message.list_id),
    )


def _nearby(staging: Staging, plan: ConversationPlan) -> Mapping[str, frozenset[str]]:
    """Contacts linked to what is published of each conversation, also under its earlier keys."""
    found = dict(staging.read_conversation_contacts({*plan.of_message.values(), *plan.merges}))
    for old, new in plan.merges.items():
        found[new] = found.get(new, _NOBODY) | found.get(old, _NOBODY)
    return found


def _context(
    message: BatchMessage, identity: IdentityDecision, nearby: frozenset[str] | None
) -> MessageContext:
    return MessageContext(
        generation_id=identity.generation_id,
        uid=identity.uid,
        message_key=identity.message_key,
        kind=message.kind,
        direction=message.direction,
        auth_result=message.auth_result,
        list_id=message.list_id,
        participants=message.participants,
        conversation_contacts=nearby or _NOBODY,
        defects=message.defects,
    )
