"""The decision for each participant of a message."""

from collections.abc import Sequence
from dataclasses import replace

from mailcrm.match.direction import is_own
from mailcrm.match.domains import company_domain
from mailcrm.match.evidence import (
    add_evidence,
    gather_candidates,
    has_address,
    holds_address,
    make_evidence,
    merge_candidates,
)
from mailcrm.match.index import ContactIndex
from mailcrm.match.roles import is_role_address
from mailcrm.match.weights import IDENTIFYING_EVIDENCE, MATCH_AT, REVIEW_AT, RULE_VERSION
from mailcrm.records import Candidate, Decision, Evidence, MessageContext, Outcome, Participant
from mailcrm.records.addresses import (
    SenderView,
    is_list_address,
    normalise_address,
    view_sender,
)

__all__ = ["decide_message"]

_SENDING_ROLES = frozenset({"from", "sender", "reply_to"})
_IGNORED_KINDS = {"bulk": "bulk_sender", "auto_reply": "auto_reply", "bounce": "bounce"}
# RFC 5322 §3.6.2 wants one From that can be read; who of several wrote is anybody's guess.
_UNCLEAR_FROM = frozenset({"multiple_from", "duplicate_from", "malformed_from", "from_missing"})
_CLOSE = 0.1
_NO_CONTACTS: frozenset[str] = frozenset()


def decide_message(
    context: MessageContext, index: ContactIndex, own: frozenset[str] = frozenset()
) -> tuple[Decision, ...]:
    """Decide who each participant is.

    Args:
        context: The message.
        index: All contacts under `plan_lookups` of the batch.
        own: Our addresses, lower-case.

    Returns:
        One decision per participant, in their order. Several candidates that fit equally are
        ambiguous, never the first of them; a sender whom a trusted server reports as failing, or
        whose From can be read in several ways, is possible at best.
    """
    view = view_sender(context.participants, context.list_id)
    is_plain = not (view.is_rewritten or view.is_via)
    decisions = (
        _decide_usual(participant, context, index, own)
        if is_plain or participant.role != "from" or participant.position
        else _decide_resent(participant, context, index, own, view)
        for participant in context.participants
    )
    if not index.companies:
        return tuple(decisions)
    return tuple(
        _add_company(decision, participant, index.companies)
        for decision, participant in zip(decisions, context.participants, strict=True)
    )


def _add_company(decision: Decision, person: Participant, companies: frozenset[str]) -> Decision:
    """Tie whoever is no contact to his company: the domain says nothing about the person."""
    if decision.outcome is Outcome.MATCHED:
        return decision
    if decision.outcome is Outcome.IGNORED and decision.rule != "role_address":
        return decision
    company = company_domain(normalise_address(person.address).rpartition("@")[2])
    if company not in companies:
        return decision
    rule = "company_domain" if decision.rule == "no_candidate" else decision.rule
    return replace(decision, rule=rule, company_domain=company)


def _decide_usual(
    person: Participant, context: MessageContext, index: ContactIndex, own: frozenset[str]
) -> Decision:
    """Decide on somebody who stands in the header as himself; remembered, as people recur."""
    is_sending = person.role in _SENDING_ROLES
    sending = (context.kind, context.auth_result, _unclear(context)) if is_sending else None
    key = (person.address, person.display_name, sending, context.list_id, own)
    decision = index.memo.get(key)
    if not isinstance(decision, Decision):
        reason = _reason_to_ignore(person, context, own)
        decision = _NOBODY[reason] if reason else _weigh(person, context, _find(person, index))
        index.memo[key] = decision
    nearby = _nearby(context, decision.candidates)
    return _weigh(person, context, _find(person, index), nearby) if nearby else decision


def _decide_resent(
    participant: Participant,
    context: MessageContext,
    index: ContactIndex,
    own: frozenset[str],
    view: SenderView,
) -> Decision:
    """Decide on a From that a list rewrote, or that says `X via Y`."""
    if view.author is None:
        return _NOBODY["list_address"]
    person = view.author if view.is_rewritten else participant
    reason = _reason_to_ignore(person, context, own)
    if reason:
        return _NOBODY[reason]
    candidates = _find(person, index)
    if view.is_via and not any(map(has_address, candidates)):
        # Beside who owns From: whom Reply-To claims, at a discount.
        relay = make_evidence("relay_reply_to")
        claimed = [one for one in _find(view.author, index) if has_address(one)]
        candidates = merge_candidates(candidates, (add_evidence(one, relay) for one in claimed))
    nearby = _nearby(context, candidates)
    return _weigh(person, context, candidates, nearby, view.is_rewritten)


def _nearby(context: MessageContext, candidates: Sequence[Candidate]) -> frozenset[str]:
    """Those of the candidates that the conversation knows."""
    if not (context.conversation_contacts and candidates):
        return _NO_CONTACTS
    return context.conversation_contacts.intersection(one.contact_id for one in candidates)


def _nobody(outcome: Outcome, rule: str) -> Decision:
    return Decision(outcome, None, (), rule, RULE_VERSION, 0.0)


_NOBODY = {
    "own_address": _nobody(Outcome.IGNORED, "own_address"),
    "list_address": _nobody(Outcome.IGNORED, "list_address"),
    "bulk_sender": _nobody(Outcome.IGNORED, "bulk_sender"),
    "auto_reply": _nobody(Outcome.IGNORED, "auto_reply"),
    "bounce": _nobody(Outcome.IGNORED, "bounce"),
    "role_address": _nobody(Outcome.IGNORED, "role_address"),
    "no_address": _nobody(Outcome.UNMATCHED, "no_address"),
    "no_candidate": _nobody(Outcome.UNMATCHED, "no_candidate"),
}


def _reason_to_ignore(
    person: Participant, context: MessageContext, own: frozenset[str]
) -> str | None:
    plain = normalise_address(person.address)
    if is_own(plain, own):
        return "own_address"
    if is_list_address(plain, context.list_id):
        return "list_address"
    return _IGNORED_KINDS.get(context.kind) if person.role in _SENDING_ROLES else None


def _find(person: Participant, index: ContactIndex) -> tuple[Candidate, ...]:
    key = (person.address, person.display_name)
    found = index.memo.get(key)
    if not isinstance(found, tuple):
        found = gather_candidates(person.address, person.display_name, index)
        index.memo[key] = found
    return found


def _weigh(
    person: Participant,
    context: MessageContext,
    found: tuple[Candidate, ...],
    nearby: frozenset[str] = _NO_CONTACTS,
    is_rewritten: bool = False,
) -> Decision:
    is_role = is_role_address(person.address)
    if not found:
        plain = "no_candidate" if "@" in person.address else "no_address"
        return _NOBODY["role_address" if is_role else plain]
    is_sending = person.role in _SENDING_ROLES
    common = _sender_evidence(context, is_rewritten) if is_sending else []
    near = [*common, make_evidence("conversation")]
    candidates = merge_candidates(
        add_evidence(one, *(near if one.contact_id in nearby else common)) for one in found
    )
    may_link = not (is_sending and (context.auth_result == "fail" or _unclear(context)))
    sure = [one for one in candidates if may_link and one.score >= MATCH_AT]
    by_address = [one for one in sure if has_address(one)]
    held = [one for one in by_address if holds_address(one)]
    return _choose(candidates, held or by_address or ([] if is_role else sure))


def _unclear(context: MessageContext) -> str:
    """What makes From unclear, "" where it is clear."""
    if not context.defects or _UNCLEAR_FROM.isdisjoint(context.defects):
        return ""
    return ", ".join(one for one in context.defects if one in _UNCLEAR_FROM)


def _sender_evidence(context: MessageContext, is_rewritten: bool) -> list[Evidence]:
    """What holds for every candidate of a sender; a list's own pass says nothing of the author."""
    evidence = [make_evidence("list_reply_to")] if is_rewritten else []
    unclear = _unclear(context)
    if unclear:
        evidence.append(make_evidence("unclear_from", unclear))
    if context.auth_result == "fail":
        return [*evidence, make_evidence("auth_fail")]
    is_vouched = context.auth_result == "pass" and not is_rewritten
    return [*evidence, make_evidence("auth_pass" if is_vouched else "auth_none")]


def _choose(candidates: tuple[Candidate, ...], sure: list[Candidate]) -> Decision:
    if len(sure) == 1:
        best = sure[0]
        rule = _rule_of(best)
        return Decision(
            Outcome.MATCHED, best.contact_id, candidates, rule, RULE_VERSION, best.score
        )
    best = sure[0] if sure else candidates[0]
    if best.score < REVIEW_AT:
        return Decision(
            Outcome.UNMATCHED, None, candidates, "weak_evidence", RULE_VERSION, best.score
        )
    rivals = sure or [one for one in candidates if one.score > best.score - _CLOSE]
    outcome = Outcome.AMBIGUOUS if len(rivals) > 1 else Outcome.POSSIBLE
    return Decision(outcome, None, candidates, _rule_of(best), RULE_VERSION, best.score)


def _rule_of(candidate: Candidate) -> str:
    """The name of what decided: the strongest evidence that says who it is, not what supports it,
    and what it needed beside it.
    """
    names = {one.name for one in candidate.evidence}
    for doubt in ("auth_fail", "unclear_from"):
        if doubt in names:
            return doubt
    who = [one for one in candidate.evidence if one.name in IDENTIFYING_EVIDENCE]
    strongest = max(who, key=lambda one: one.weight).name
    if "list_reply_to" in names:
        return f"list_{strongest}"
    if strongest == "unique_name" and "company_domain" in names:
        return "unique_name_and_company"
    return strongest
