"""The decision for each participant of a message."""

from dataclasses import dataclass

from mailcrm.match.direction import is_own
from mailcrm.match.evidence import (
    add_evidence,
    gather_candidates,
    has_address,
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
_CLOSE = 0.1


@dataclass(frozen=True, slots=True)
class _Facts:
    """What the decision needs beside the candidates."""

    address: str
    is_sending: bool
    auth_result: str | None
    is_rewritten: bool = False


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
        ambiguous, never the first of them; a sender whom a trusted server reports as failing is
        possible at best.
    """
    view = view_sender(context.participants, context.list_id)
    return tuple(
        _decide_participant(participant, context, index, own, view)
        for participant in context.participants
    )


def _decide_participant(
    participant: Participant,
    context: MessageContext,
    index: ContactIndex,
    own: frozenset[str],
    view: SenderView,
) -> Decision:
    is_author = participant.role == "from" and participant.position == 0
    is_rewritten = is_author and view.is_rewritten
    if is_rewritten and view.author is None:
        return _ignore("list_address")
    person = view.author if is_rewritten and view.author else participant
    is_sending = participant.role in _SENDING_ROLES
    reason = _reason_to_ignore(person, context, own, is_sending)
    if reason:
        return _ignore(reason)
    candidates, is_relayed = _remembered(person, index), False
    if is_author and view.is_via and view.author and not any(map(has_address, candidates)):
        candidates = _add_relayed(candidates, view.author, index)
        is_relayed = True
    nearby = context.conversation_contacts
    if nearby:
        nearby = nearby.intersection(one.contact_id for one in candidates)
    facts = _Facts(person.address, is_sending, context.auth_result, is_rewritten)
    key = (facts, person.display_name, nearby)
    decision = None if is_relayed else index.memo.get(key)
    if not isinstance(decision, Decision):
        decision = _weigh(facts, candidates, nearby)
        if not is_relayed:
            index.memo[key] = decision
    return decision


def _ignore(reason: str) -> Decision:
    return Decision(Outcome.IGNORED, None, (), reason, RULE_VERSION, 0.0)


def _reason_to_ignore(
    person: Participant, context: MessageContext, own: frozenset[str], is_sending: bool
) -> str | None:
    plain = normalise_address(person.address)
    if is_own(plain, own):
        return "own_address"
    if is_list_address(plain, context.list_id):
        return "list_address"
    return _IGNORED_KINDS.get(context.kind) if is_sending else None


def _remembered(person: Participant, index: ContactIndex) -> tuple[Candidate, ...]:
    key = (person.address, person.display_name)
    found = index.memo.get(key)
    if not isinstance(found, tuple):
        found = gather_candidates(person.address, person.display_name, index)
        index.memo[key] = found
    return found


def _add_relayed(
    candidates: tuple[Candidate, ...], author: Participant, index: ContactIndex
) -> tuple[Candidate, ...]:
    """Beside who owns From: whom `X via Y` and Reply-To claim, at a discount."""
    relay = make_evidence("relay_reply_to")
    claimed = (add_evidence(one, relay) for one in _remembered(author, index) if has_address(one))
    return merge_candidates(candidates, claimed)


def _weigh(facts: _Facts, found: tuple[Candidate, ...], nearby: frozenset[str]) -> Decision:
    common = _common_evidence(facts)
    candidates = merge_candidates(
        add_evidence(
            one, *([make_evidence("conversation")] if one.contact_id in nearby else []), *common
        )
        for one in found
    )
    is_role = is_role_address(facts.address)
    if not candidates:
        if is_role:
            return _ignore("role_address")
        rule = "no_candidate" if facts.address else "no_address"
        return Decision(Outcome.UNMATCHED, None, (), rule, RULE_VERSION, 0.0)
    may_link = not (facts.is_sending and facts.auth_result == "fail")
    sure = [one for one in candidates if one.score >= MATCH_AT and may_link]
    by_address = [one for one in sure if has_address(one)]
    sure = by_address or ([] if is_role else sure)
    return _choose(candidates, sure)


def _common_evidence(facts: _Facts) -> list[Evidence]:
    """What holds for every candidate of a sender."""
    if not facts.is_sending:
        return []
    rewritten = [make_evidence("list_reply_to")] if facts.is_rewritten else []
    if facts.auth_result == "fail":
        return [*rewritten, make_evidence("auth_fail")]
    if facts.auth_result == "pass" and not facts.is_rewritten:
        return [make_evidence("auth_pass")]
    return [*rewritten, make_evidence("auth_none")]


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
    if "auth_fail" in names:
        return "auth_fail"
    who = [one for one in candidate.evidence if one.name in IDENTIFYING_EVIDENCE]
    strongest = max(who, key=lambda one: one.weight).name
    if "list_reply_to" in names:
        return f"list_{strongest}"
    if strongest == "unique_name" and "company_domain" in names:
        return "unique_name_and_company"
    return strongest
