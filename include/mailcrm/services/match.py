"""Task `match`: which message each staged row is, and which contacts took part."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass

from mailcrm.dedupe import decide_identities, plan_conversations
from mailcrm.match import ContactIndex, decide_message, plan_companies, plan_lookups
from mailcrm.records import Lease
from mailcrm.services.wiring import Services

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class MatchResult:
    """Decisions by outcome (all five), and the seconds of both halves."""

    outcomes: Mapping[str, int]
    dedupe_s: float
    match_s: float


def run_match(services: Services, lease: Lease) -> MatchResult:
    """Recognise duplicates, join conversations, then decide on every participant.

    Doing it again replaces what the batch's decisions were.

    Raises:
        FencedError, StoreBusyError
    """
    started = services.clock.monotonic()
    own = services.registry.read_mailbox(lease.mailbox_id).all_own_addresses()
    known_hash = services.staging.known_hash(lease.batch_id)  # before anything of it is read
    _dedupe(services, lease, own)
    deduped = services.clock.monotonic()
    _match(services, lease, own)
    services.staging.write_known_hash(lease, known_hash)
    finished = services.clock.monotonic()
    outcomes = services.staging.count_outcomes(lease.batch_id)
    logger.info(
        "match.decided mailbox=%s outcomes=%s elapsed_s=%.3f",
        lease.mailbox_id,
        dict(outcomes),
        finished - started,
    )
    return MatchResult(outcomes, deduped - started, finished - deduped)


def _dedupe(services: Services, lease: Lease, own: frozenset[str]) -> None:
    staging = services.staging
    staged = staging.read_identities(lease.batch_id)
    known = staging.read_known_identities(lease.batch_id)
    staging.write_identities(lease, decide_identities(staged, known))
    links = staging.read_conversation_links(lease.batch_id, own)
    ids = {h for link in links for h in (link.id_hash, *link.reference_hashes)}
    conversations = staging.read_conversations(ids)
    people = staging.read_conversation_people(set(conversations.values()), own)
    staging.write_conversations(lease, plan_conversations(links, conversations, people))


def _match(services: Services, lease: Lease, own: frozenset[str]) -> None:
    contexts = list(services.staging.read_contexts(lease.batch_id))
    services.contacts.refresh_contacts(services.clock.now())
    index = ContactIndex(
        services.contacts.find_contacts(plan_lookups(contexts, own)),
        companies=services.contacts.find_companies(plan_companies(contexts, own)),
    )
    services.staging.write_decisions(
        lease, ((context, decide_message(context, index, own)) for context in contexts)
    )
