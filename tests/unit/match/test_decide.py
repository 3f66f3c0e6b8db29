"""Who took part in a message."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailcrm.match import (
    ContactIndex,
    decide_message,
    plan_companies,
    plan_contact_keys,
    plan_lookups,
)
from mailcrm.match.weights import (
    ADDRESS_EVIDENCE,
    IDENTIFYING_EVIDENCE,
    MATCH_AT,
    RULE_VERSION,
    WEIGHTS,
)
from mailcrm.parse import parse_message
from mailcrm.records import (
    Contact,
    ContactAddress,
    Decision,
    MessageContext,
    Outcome,
    Participant,
)

OWN = frozenset({"sales@us.example"})


def contact(contact_id: str, name: str, *addresses: str, domain: str = "") -> Contact:
    own = tuple(ContactAddress(a, is_primary=n == 0) for n, a in enumerate(addresses))
    return Contact(contact_id, name, "", domain, own)


ADA = contact("ada", "Ada Byron", "ada@acme.example", "ada.byron@gmail.com", domain="acme.example")
BOB = contact("bob", "Bob Stone", "bob@stone.example")
BOB_TOO = contact("bob2", "Bob Stone", "bob@quarry.example")
INFO = contact("info", "Acme Desk", "info@acme.example")
CRM = (ADA, BOB, BOB_TOO, INFO)


def index_of(*contacts: Contact, **options: frozenset[str]) -> ContactIndex:
    pairs = ((key, one) for one in contacts for key in plan_contact_keys(one))
    return ContactIndex(pairs, **options)


def context(*participants: Participant, **changes: object) -> MessageContext:
    facts: dict[str, object] = {
        "kind": "person",
        "direction": "inbound",
        "auth_result": None,
        "list_id": None,
        **changes,
    }
    return MessageContext(1, 1, "key", participants=participants, **facts)  # type: ignore[arg-type]


def sender(address: str, name: str = "") -> Participant:
    return Participant("from", 0, address, name)


def decide(address: str, name: str = "", **changes: object) -> Decision:
    return decide_message(context(sender(address, name), **changes), index_of(*CRM), OWN)[0]


def names(decision: Decision) -> set[str]:
    return {one.name for candidate in decision.candidates for one in candidate.evidence}


@pytest.mark.parametrize(
    ("address", "rule"),
    [
        ("Ada@ACME.example", "exact_address"),
        ("ada.byron@gmail.com", "secondary_address"),
        ("a.d.a.byron+pumps@googlemail.com", "canonical_address"),
    ],
)
def test_address_of_a_contact_in_any_spelling_matches(address: str, rule: str) -> None:
    decision = decide(address, "Ada Byron")
    assert (decision.outcome, decision.contact_id) == (Outcome.MATCHED, "ada")
    assert decision.rule == rule
    assert decision.rule_version == RULE_VERSION
    assert decision.score == pytest.approx(sum(e.weight for e in decision.candidates[0].evidence))


@pytest.mark.row("R179")
def test_canonical_rule_that_is_switched_off_does_not_match() -> None:
    index = index_of(ADA, canonical_rules=frozenset({"google_dots"}))
    decision = decide_message(context(sender("adabyron+x@gmail.com")), index)[0]
    assert decision.outcome is Outcome.UNMATCHED


def test_two_contacts_on_one_address_are_ambiguous() -> None:
    twin = contact("twin", "Ada B.", "ada@acme.example")
    decision = decide_message(context(sender("ada@acme.example")), index_of(ADA, twin))[0]
    assert decision.outcome is Outcome.AMBIGUOUS
    assert decision.contact_id is None
    assert [one.contact_id for one in decision.candidates] == ["ada", "twin"]


@pytest.mark.parametrize("address", ["ada@freenet.example", "ada.byron@acme.example.evil.example"])
def test_name_alone_goes_to_review(address: str) -> None:
    decision = decide(address, "Byron, Ada")
    assert decision.outcome is Outcome.POSSIBLE
    assert decision.candidates[0].contact_id == "ada"
    assert decision.rule == "unique_name"


def test_shared_name_is_ambiguous() -> None:
    decision = decide("bob@new.example", "Bob Stone")
    assert decision.outcome is Outcome.AMBIGUOUS
    assert {one.contact_id for one in decision.candidates} == {"bob", "bob2"}


def test_local_part_alone_is_unmatched() -> None:
    assert decide("ada@elsewhere.example", "A. Other").outcome is Outcome.UNMATCHED


def test_name_and_company_without_more_go_to_review() -> None:
    decision = decide("a.byron@mail.acme.example", "Ada Byron")
    assert (decision.outcome, decision.rule) == (Outcome.POSSIBLE, "unique_name_and_company")


@pytest.mark.parametrize(
    "more", [{"auth_result": "pass"}, {"conversation_contacts": frozenset({"ada"})}]
)
def test_name_and_company_with_a_third_sign_match(more: dict[str, object]) -> None:
    decision = decide("a.byron@acme.example", "Ada Byron", **more)
    assert (decision.outcome, decision.contact_id) == (Outcome.MATCHED, "ada")


def test_name_in_a_conversation_without_the_company_goes_to_review() -> None:
    nearby = frozenset({"ada"})
    decision = decide(
        "ada@private.example", "Ada Byron", conversation_contacts=nearby, auth_result="pass"
    )
    assert decision.outcome is Outcome.POSSIBLE
    assert "conversation" in names(decision)


@pytest.mark.row("R180")
def test_lookalike_domain_is_named_and_never_matches() -> None:
    decision = decide("ada@acrne.example", "Ada Byron", auth_result="pass")
    assert decision.outcome is not Outcome.MATCHED
    decision = decide("ada@acmee.example", "Ada Byron", auth_result="pass")
    assert decision.outcome is Outcome.POSSIBLE
    assert "lookalike_domain" in names(decision)


@pytest.mark.row("R180")
def test_display_name_that_holds_a_foreign_address_finds_nobody_else() -> None:
    assert decide("eve@evil.example", "ada@acme.example").outcome is Outcome.UNMATCHED
    spoofed = decide("bob@stone.example", "ada@acme.example")
    assert spoofed.outcome is Outcome.POSSIBLE
    assert "name_holds_other_address" in names(spoofed)


@pytest.mark.row("R174")
@pytest.mark.parametrize("address", ["ada@acme.example", "adabyron@gmail.com"])
def test_sender_that_fails_authentication_is_possible_at_best(address: str) -> None:
    decision = decide(address, "Ada Byron", auth_result="fail")
    assert (decision.outcome, decision.rule) == (Outcome.POSSIBLE, "auth_fail")
    assert "auth_fail" in names(decision)


@pytest.mark.row("R174")
def test_absent_verdict_is_neutral_and_shown() -> None:
    silent, vouched = decide("ada@acme.example"), decide("ada@acme.example", auth_result="pass")
    assert "auth_none" in names(silent)
    assert WEIGHTS["auth_none"] == 0
    assert silent.score < vouched.score


def test_recipient_matches_though_the_sender_fails() -> None:
    person = Participant("to", 0, "ada@acme.example", "")
    decisions = decide_message(
        context(sender("eve@evil.example"), person, auth_result="fail"), index_of(*CRM)
    )
    assert [one.outcome for one in decisions] == [Outcome.UNMATCHED, Outcome.MATCHED]


@pytest.mark.parametrize(
    ("kind", "rule"),
    [("bulk", "bulk_sender"), ("auto_reply", "auto_reply"), ("bounce", "bounce")],
)
def test_senders_that_are_machines_are_ignored(kind: str, rule: str) -> None:
    decision = decide("ada@acme.example", kind=kind)
    assert (decision.outcome, decision.rule) == (Outcome.IGNORED, rule)


def test_role_address_is_ignored_unless_a_contact_holds_it() -> None:
    assert decide("support@other.example").rule == "role_address"
    assert decide("no-reply@other.example", "Other").outcome is Outcome.IGNORED
    assert decide("info@acme.example").contact_id == "info"
    named = decide("support@acme.example", "Ada Byron", auth_result="pass")
    assert named.outcome is Outcome.POSSIBLE


def test_we_are_ignored_in_every_spelling() -> None:
    for address in ("Sales@US.example", "sales+berlin@us.example"):
        decision = decide(address, "Ada Byron")
        assert (decision.outcome, decision.rule) == (Outcome.IGNORED, "own_address")


def test_sender_without_address_is_unmatched() -> None:
    assert decide("", "").rule == "no_address"


LIST = "pumps.lists.example.org"
POST = "pumps@lists.example.org"


def via_list(*reply_to: str, name: str = "Ada Byron via pumps", **changes: object) -> Decision:
    replies = [Participant("reply_to", n, a, "") for n, a in enumerate(reply_to)]
    message = context(sender(POST, name), *replies, kind="list", list_id=LIST, **changes)
    return decide_message(message, index_of(*CRM), OWN)[0]


def test_sender_that_a_list_rewrote_is_found_in_reply_to() -> None:
    decision = via_list("ada@acme.example", POST)
    assert (decision.outcome, decision.contact_id) == (Outcome.MATCHED, "ada")
    assert decision.rule == "list_exact_address"
    assert "list_reply_to" in names(decision)


def test_pass_of_the_list_does_not_vouch_for_the_author() -> None:
    assert "auth_pass" not in names(via_list("ada@acme.example", auth_result="pass"))
    assert via_list("ada@acme.example", auth_result="fail").outcome is Outcome.POSSIBLE


def test_list_that_hides_the_author_is_ignored() -> None:
    assert via_list(POST).rule == "list_address"
    assert via_list("ada@acme.example", "bob@stone.example").outcome is Outcome.IGNORED


def test_lists_own_address_among_recipients_is_ignored() -> None:
    message = context(
        sender("ada@acme.example"),
        Participant("to", 0, "pumps@lists.example.org", "Pumps"),
        Participant("cc", 0, "pumps-owner@lists.example.org", ""),
        kind="list",
        list_id=f"Pumps and seals <{LIST}>",
    )
    outcomes = [one.outcome for one in decide_message(message, index_of(*CRM))]
    assert outcomes == [Outcome.MATCHED, Outcome.IGNORED, Outcome.IGNORED]


def test_relay_that_is_no_list_only_asks() -> None:
    message = context(
        sender("relay@evil.example", "Somebody via Relay"),
        Participant("reply_to", 0, "ada@acme.example", ""),
    )
    decision = decide_message(message, index_of(*CRM))[0]
    assert decision.outcome is Outcome.POSSIBLE
    assert decision.candidates[0].contact_id == "ada"


@pytest.mark.row("R179")
def test_other_peoples_subaddress_is_not_the_same_person() -> None:
    relay = contact("r", "Carl Reed", "devnull+carl@relay.example")
    decision = decide_message(context(sender("devnull+dora@relay.example")), index_of(relay))[0]
    assert decision.outcome is Outcome.UNMATCHED


@pytest.mark.row("R179")
def test_plus_tag_at_an_unknown_provider_needs_the_name() -> None:
    assert decide("bob+x@stone.example").outcome is Outcome.POSSIBLE
    assert decide("ada+x@acme.example", "Ada Byron").contact_id == "ada"
    assert decide("bob+x@stone.example", "Bob Stone").outcome is not Outcome.MATCHED


def test_inbox_rule_does_not_choose_between_namesakes() -> None:
    one = contact("one", "Carl Reed", "carlreed@gmail.com")
    two = contact("two", "Carl Reed", "carl@reed.example")
    decision = decide_message(
        context(sender("carl.reed@gmail.com", "Carl Reed")), index_of(one, two)
    )
    assert decision[0].outcome is Outcome.POSSIBLE


def test_name_spelled_by_the_local_part_goes_to_review() -> None:
    decision = decide("ada.byron@private.example")
    assert (decision.outcome, decision.rule) == (Outcome.POSSIBLE, "name_of_local_part")


def test_weights_never_let_a_name_with_one_support_match() -> None:
    best_name = max(WEIGHTS[n] for n in IDENTIFYING_EVIDENCE - ADDRESS_EVIDENCE - {"subaddress"})
    without_company = sum(WEIGHTS[n] for n in ("conversation", "same_local_part", "auth_pass"))
    assert best_name + without_company < MATCH_AT
    assert best_name + WEIGHTS["company_domain"] + WEIGHTS["same_local_part"] < MATCH_AT
    assert max(WEIGHTS.values()) + WEIGHTS["name_agrees"] + WEIGHTS["auth_fail"] < MATCH_AT


ADDRESSES = st.sampled_from(
    ["ada@acme.example", "a.byron@acme.example", "bob@x.example", "info@x.example", POST, "", "x"]
)
PEOPLE = st.builds(
    Participant,
    st.sampled_from(["from", "reply_to", "to", "cc"]),
    st.just(0),
    ADDRESSES,
    st.sampled_from(["Ada Byron", "Bob Stone", "", "Ada Byron via pumps", "ada@acme.example"]),
)
CONTEXTS = st.builds(
    lambda people, kind, auth, list_id, near: context(
        *people, kind=kind, auth_result=auth, list_id=list_id, conversation_contacts=near
    ),
    st.lists(PEOPLE, max_size=4),
    st.sampled_from(["person", "list", "bulk"]),
    st.sampled_from(["pass", "fail", None]),
    st.sampled_from([LIST, None]),
    st.sampled_from([frozenset(), frozenset({"ada"}), frozenset({"bob"})]),
)


@given(st.lists(CONTEXTS, max_size=6))
def test_what_an_index_remembers_never_changes_a_decision(contexts: list[MessageContext]) -> None:
    shared = index_of(*CRM)
    for one in contexts:
        assert decide_message(one, shared, OWN) == decide_message(one, index_of(*CRM), OWN)


@given(CONTEXTS, st.permutations(CRM))
def test_decision_does_not_depend_on_the_order_of_contacts(
    one: MessageContext, contacts: list[Contact]
) -> None:
    assert decide_message(one, index_of(*contacts)) == decide_message(one, index_of(*CRM))


@given(CONTEXTS)
def test_planned_lookups_are_all_that_a_decision_needs(one: MessageContext) -> None:
    wanted = plan_lookups([one], OWN)
    pairs = [(k, c) for c in CRM for k in plan_contact_keys(c) if k in wanted]
    assert decide_message(one, ContactIndex(pairs), OWN) == decide_message(one, index_of(*CRM), OWN)


@pytest.mark.row("R174")
@given(CONTEXTS)
def test_failing_sender_is_never_matched(one: MessageContext) -> None:
    for participant, decision in zip(
        one.participants, decide_message(one, index_of(*CRM), OWN), strict=True
    ):
        if one.auth_result == "fail" and participant.role in ("from", "reply_to"):
            assert decision.outcome is not Outcome.MATCHED
        assert (decision.contact_id is None) is (decision.outcome is not Outcome.MATCHED)


@pytest.mark.row("R171")
@pytest.mark.row("R177")
@pytest.mark.parametrize(
    "defect", ["multiple_from", "duplicate_from", "malformed_from", "from_missing"]
)
def test_sender_of_an_unclear_from_is_possible_at_best_and_says_why(defect: str) -> None:
    decision = decide("ada@acme.example", "Ada Byron", defects=("date_missing", defect))
    assert (decision.outcome, decision.rule) == (Outcome.POSSIBLE, "unclear_from")
    assert decision.candidates[0].contact_id == "ada"
    doubts = [e for e in decision.candidates[0].evidence if e.name == "unclear_from"]
    assert [one.detail for one in doubts] == [defect]


@pytest.mark.row("R177")
def test_recipient_beside_an_unclear_from_still_matches() -> None:
    people = (sender("ada@acme.example"), Participant("to", 0, "bob@stone.example", ""))
    odd = context(*people, defects=("multiple_from",))
    decisions = decide_message(odd, index_of(*CRM), OWN)
    assert [one.outcome for one in decisions] == [Outcome.POSSIBLE, Outcome.MATCHED]


def test_stranger_of_a_known_company_is_tied_to_the_company_and_to_nobody() -> None:
    people = [sender("new.hire@mail.acme.example", "New Hire"), sender("x@elsewhere.example")]
    message = context(*people, Participant("to", 0, "press@acme.example", ""))
    companies = plan_companies([message], OWN)
    assert companies == {"acme.example", "elsewhere.example"}
    pairs = ((key, one) for one in CRM for key in plan_contact_keys(one))
    index = ContactIndex(pairs, companies=companies & {"acme.example"})
    decisions = decide_message(message, index, OWN)
    assert [one.company_domain for one in decisions] == ["acme.example", None, "acme.example"]
    assert [one.contact_id for one in decisions] == [None, None, None]
    assert decisions[0].rule == "company_domain"


def test_free_mail_and_our_own_domain_are_no_companies() -> None:
    message = context(sender("ada@gmail.com"), Participant("to", 0, "bob@us.example", ""))
    assert plan_companies([message], OWN) == frozenset()


@pytest.mark.row("R177")
@pytest.mark.parametrize(
    "written",
    [
        "ada@acme.example)bob@evil.example",
        "ada@acme.example <bob@evil.example>",
        '"ada@acme.example" <bob@evil.example>',
        "ada@acme.example, bob@evil.example",
        "<ada@acme.example> <bob@evil.example>",
        "bob@evil.example (ada@acme.example)",
        '"ada@acme.example"@evil.example',
        "ada@acme.example@evil.example",
        "ada@acme.example\x00@evil.example",
        "=?utf-8?q?ada=40acme.example?= <bob@evil.example>",
        "=?utf-8?q?ada=40acme.example=3E=20=3C?= bob@evil.example",
        "ada@acme.example;bob@evil.example",
        "Ada Byron <ada@acme.example\r\n bob@evil.example>",
        "ada@acme.example%evil.example",
    ],
)
def test_from_that_can_be_read_as_a_contact_or_another_never_links(written: str) -> None:
    raw = f"From: {written}\r\nTo: sales@us.example\r\nSubject: x\r\n\r\ntext\r\n".encode()
    message = parse_message(raw, internaldate=None)
    odd = context(*message.participants, defects=message.defects)
    decisions = decide_message(odd, index_of(*CRM), OWN)
    assert not [one for one in decisions if one.outcome is Outcome.MATCHED]
