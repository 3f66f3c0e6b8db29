"""How well senders are matched with contacts, measured on labelled messages."""

import logging
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from mailcrm.dedupe import (
    conversation_ids,
    conversation_people,
    hash_id,
    list_addresses,
    plan_conversations,
    plan_subject,
)
from mailcrm.match import ContactIndex, decide_message, plan_contact_keys, plan_lookups
from mailcrm.ports.evaluation import EvaluationFiles
from mailcrm.records import (
    Contact,
    ConversationLink,
    Decision,
    IdentityDecision,
    MessageContext,
    Outcome,
    ParsedMessage,
)
from mailcrm.services.evaluate.messages import identify_messages, parse_folder, resolve_names
from mailcrm.services.evaluate.scores import rate_of

__all__ = ["MatchScore", "TierScore", "evaluate_match"]

logger = logging.getLogger(__name__)

_REVIEW = frozenset({Outcome.POSSIBLE, Outcome.AMBIGUOUS})


@dataclass(slots=True)
class TierScore:
    """Labelled messages of one tier, by what was decided about their sender.

    `answerable` ones have a right contact. `unmatched` includes `ignored`.
    """

    messages: int = 0
    answerable: int = 0
    matched_right: int = 0
    matched_wrong: int = 0
    review: int = 0
    review_right: int = 0
    unmatched: int = 0
    ignored: int = 0

    def add(self, contact_id: str, decision: Decision | None) -> None:
        """Count one message; an empty contact_id says that no contact is right."""
        self.messages += 1
        self.answerable += bool(contact_id)
        if decision is not None and decision.outcome is Outcome.MATCHED:
            is_right = bool(contact_id) and decision.contact_id == contact_id
            self.matched_right += is_right
            self.matched_wrong += not is_right
        elif decision is not None and decision.outcome in _REVIEW:
            self.review += 1
            self.review_right += any(c.contact_id == contact_id for c in decision.candidates)
        else:
            self.unmatched += 1
            self.ignored += decision is not None and decision.outcome is Outcome.IGNORED

    def as_document(self) -> dict[str, object]:
        """One tier of the JSON document of `mailcrm evaluate match`."""
        matched = self.matched_right + self.matched_wrong
        found = self.matched_right + self.review_right
        return {
            "messages": self.messages,
            "matched_right": self.matched_right,
            "matched_wrong": self.matched_wrong,
            "review": {"count": self.review, "right_among_candidates": self.review_right},
            "unmatched": self.unmatched,
            "ignored": self.ignored,
            **rate_of(self.matched_right, matched).as_keys("precision"),
            **rate_of(self.matched_right, self.answerable).as_keys("recall"),
            **rate_of(found, self.answerable).as_keys("recall_with_review"),
        }


@dataclass(frozen=True, slots=True)
class MatchScore:
    """Scores by tier, by deciding rule, and by the evidence of the best candidate (names joined by
    `+`, those that weigh nothing left out); `missing` files are in the truth but not there.
    """

    tiers: Mapping[str, TierScore]
    rules: Mapping[str, TierScore]
    evidence: Mapping[str, TierScore]
    total: TierScore
    missing: int

    def as_document(self) -> dict[str, object]:
        """The JSON document of `mailcrm evaluate match`."""
        return {
            "tiers": {name: score.as_document() for name, score in sorted(self.tiers.items())},
            "total": self.total.as_document(),
            "rules": {name: score.as_document() for name, score in sorted(self.rules.items())},
            "evidence": {name: one.as_document() for name, one in sorted(self.evidence.items())},
            "missing": self.missing,
        }


def evaluate_match(files: EvaluationFiles, contacts: Path, truth: Path, folder: Path) -> MatchScore:
    """Parse, dedupe and match the messages of a folder, and judge the decisions about senders.

    Args:
        files: Where everything is read from.
        contacts: CSV as for `mailcrm contacts import`; other columns are ignored.
        truth: CSV with file, contact_id (empty: no contact is right) and tier.
        folder: Folder of .eml files.

    Raises:
        SettingsError: a file cannot be read.
    """
    rows = files.read_table(truth, ("file", "contact_id", "tier"))
    people = files.read_contacts(contacts)
    parsed = parse_folder(files, folder)
    decisions = _decide_senders(parsed, people)
    names = resolve_names(list(parsed))
    score = MatchScore(
        tiers=defaultdict(TierScore),
        rules=defaultdict(TierScore),
        evidence=defaultdict(TierScore),
        total=TierScore(),
        missing=0,
    )
    missing = 0
    for row in rows:
        if row["file"] not in names:
            missing += 1
            continue
        decision = decisions[names[row["file"]]]
        rule = decision.rule if decision else "no_sender"
        evidence = score.evidence[_evidence_of(decision)]
        for tier in (score.tiers[row["tier"]], score.rules[rule], evidence, score.total):
            tier.add(row["contact_id"], decision)
    logger.info("evaluate.match_done messages=%d contacts=%d", len(parsed), len(people))
    return replace(score, missing=missing)


def _evidence_of(decision: Decision | None) -> str:
    """Names of what the best candidate has, "none" without a candidate."""
    if decision is None or not decision.candidates:
        return "none"
    return "+".join(sorted(one.name for one in decision.candidates[0].evidence if one.weight))


def _decide_senders(
    parsed: Mapping[str, ParsedMessage], contacts: Sequence[Contact]
) -> dict[str, Decision | None]:
    """The decision about each file's first From, None where it has none.

    Matched first without and then with what is known of the conversations, as messages that are
    already in the CRM would tell; a message's own participants tell nothing about itself.
    """
    contexts = _build_contexts(parsed, identify_messages(parsed))
    pairs = [(key, one) for one in contacts for key in plan_contact_keys(one)]
    wanted = plan_lookups(contexts.values())
    index = ContactIndex((key, one) for key, one in pairs if key in wanted)
    first = {name: decide_message(context, index) for name, context in contexts.items()}
    conversations = _plan_conversations(parsed, contexts)
    known: dict[str, Counter[str]] = defaultdict(Counter)
    for name, context in contexts.items():
        known[conversations[context.message_key]].update(_linked(first[name]))
    decided: dict[str, Decision | None] = {}
    for name, context in contexts.items():
        others = known[conversations[context.message_key]] - Counter(_linked(first[name]))
        final = decide_message(replace(context, conversation_contacts=frozenset(others)), index)
        place = next((i for i, p in enumerate(context.participants) if p.role == "from"), None)
        decided[name] = None if place is None else final[place]
    return decided


def _linked(decisions: Sequence[Decision]) -> frozenset[str]:
    return frozenset(one.contact_id for one in decisions if one.contact_id is not None)


def _build_contexts(
    parsed: Mapping[str, ParsedMessage], identities: Mapping[str, IdentityDecision]
) -> dict[str, MessageContext]:
    return {
        name: MessageContext(
            generation_id=identities[name].generation_id,
            uid=identities[name].uid,
            message_key=identities[name].message_key,
            kind=message.kind,
            direction="inbound",
            auth_result=None,
            list_id=message.list_id,
            participants=message.participants,
            defects=message.defects,
        )
        for name, message in parsed.items()
    }


def _plan_conversations(
    parsed: Mapping[str, ParsedMessage], contexts: Mapping[str, MessageContext]
) -> dict[str, str]:
    links: dict[str, ConversationLink] = {}
    for name, message in parsed.items():
        key = contexts[name].message_key
        subject_hash, asks = plan_subject(message)
        links[key] = ConversationLink(
            message_key=key,
            id_hash=hash_id(message.message_id or key),
            reference_hashes=conversation_ids(message),
            sent_at=message.sent_at,
            addresses=conversation_people(message.participants, frozenset()),
            subject_hash=subject_hash,
            subject_asks=asks,
            list_addresses=list_addresses(message.participants, message.list_id),
        )
    return plan_conversations(list(links.values()), {}).of_message
