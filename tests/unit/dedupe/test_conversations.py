"""Which messages belong together."""

import datetime as dt
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailcrm.dedupe import US, conversation_people, hash_id, plan_conversations
from mailcrm.dedupe.hashes import message_id_key
from mailcrm.records import ConversationLink, ConversationPlan, Participant

NOON = dt.datetime(2026, 11, 3, 12, 0, tzinfo=dt.UTC)
OWN = frozenset({"sales@acme.example"})


def link(name: str, *references: str, people: str = "ada") -> ConversationLink:
    id_hash = hash_id(name)
    return ConversationLink(
        message_id_key(id_hash),
        id_hash,
        tuple(hash_id(one) for one in references),
        "Pump",
        NOON,
        frozenset(people.split()),
    )


def partition(plan: ConversationPlan) -> set[frozenset[str]]:
    groups: dict[str, set[str]] = {}
    for message_key, conversation in plan.of_message.items():
        groups.setdefault(conversation, set()).add(message_key)
    return {frozenset(one) for one in groups.values()}


def merged(*links: ConversationLink) -> set[frozenset[str]]:
    return partition(plan_conversations(links, {}))


def keys(*links: ConversationLink) -> frozenset[str]:
    return frozenset(one.message_key for one in links)


def test_replies_join_what_they_answer() -> None:
    question, answer, thanks = link("q"), link("a", "q"), link("t", "q", "a")
    assert merged(question, answer, thanks) == {keys(question, answer, thanks)}


def test_siblings_join_though_their_parent_was_never_seen() -> None:
    one, two = link("one", "unseen"), link("two", "unseen")
    assert merged(one, two) == {keys(one, two)}


@pytest.mark.row("R181")
def test_stranger_who_names_a_foreign_id_stays_alone() -> None:
    question, stranger = link("q", people="ada us"), link("s", "q", people="eve")
    assert merged(question, stranger) == {keys(question), keys(stranger)}


@pytest.mark.row("R181")
def test_stranger_stays_alone_when_the_conversation_is_known() -> None:
    known = {hash_id("q"): "known"}
    stranger, colleague = link("s", "q", people="eve"), link("c", "q", people="ada bob")
    plan = plan_conversations([stranger, colleague], known, {"known": frozenset({"ada", US})})
    assert plan.of_message[colleague.message_key] == "known"
    assert plan.of_message[stranger.message_key] != "known"
    assert plan.members.get(hash_id("q"), "known") == "known"


def test_reply_that_connects_two_known_conversations_merges_them() -> None:
    known = {hash_id("a"): "kb", hash_id("b"): "ka"}
    plan = plan_conversations([link("c", "a", "b")], known)
    assert plan.merges == {"kb": "ka"}
    assert set(plan.of_message.values()) == {"ka"}


def test_conflicting_message_never_takes_the_id_of_the_first() -> None:
    first = link("q")
    conflict = ConversationLink("c" * 64, hash_id("q"), (), "Pump", NOON, frozenset({"eve"}))
    plan = plan_conversations([conflict, first], {})
    assert plan.members[hash_id("q")] == plan.of_message[first.message_key]
    assert plan.of_message[first.message_key] != plan.of_message[conflict.message_key]


def test_own_addresses_count_only_where_we_wrote() -> None:
    inbound = (
        Participant("from", 0, "Ada@acme.example", "Ada"),
        Participant("to", 0, "Sales@ACME.example", ""),
    )
    outbound = (
        Participant("from", 0, "sales@acme.example", ""),
        Participant("to", 0, "ada@acme.example", ""),
    )
    assert conversation_people(inbound, OWN) == {"ada@acme.example"}
    assert conversation_people(outbound, OWN) == {"ada@acme.example", US}


NAMES = "abcdefgh"
LINKS = st.builds(
    lambda name, refs, people: link(name, *refs, people=" ".join(people)),
    st.sampled_from(NAMES),
    st.lists(st.sampled_from(NAMES + "xyz"), max_size=3),
    st.lists(st.sampled_from(["ada", "bob", "eve", "us"]), min_size=1, max_size=2),
)
BATCHES = st.lists(LINKS, max_size=9, unique_by=lambda one: one.message_key)


@given(BATCHES, st.randoms(use_true_random=False))
def test_conversations_do_not_depend_on_the_order(
    links: list[ConversationLink], randoms: random.Random
) -> None:
    mixed = list(links)
    randoms.shuffle(mixed)
    assert plan_conversations(mixed, {}) == plan_conversations(links, {})


@given(BATCHES, st.integers(0, 9))
def test_conversations_that_arrive_in_two_batches_are_never_larger(
    links: list[ConversationLink], cut: int
) -> None:
    whole = merged(*links)
    first = plan_conversations(links[:cut], {})
    people: dict[str, frozenset[str]] = {}
    for one in links[:cut]:
        key = first.of_message[one.message_key]
        people[key] = people.get(key, frozenset()) | one.addresses
    second = plan_conversations(links[cut:], first.members, people)
    final = {
        key: second.merges.get(conversation, conversation)
        for key, conversation in {**first.of_message, **second.of_message}.items()
    }
    for group in partition(ConversationPlan(final, {}, {})):
        assert any(group <= other for other in whole)
