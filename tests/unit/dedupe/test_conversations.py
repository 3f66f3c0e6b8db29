"""Which messages belong together."""

import datetime as dt
import itertools
import random
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders import parsed
from mailcrm.dedupe import US, conversation_people, hash_id, plan_conversations, plan_subject
from mailcrm.dedupe.hashes import message_id_key
from mailcrm.records import ConversationLink, ConversationPlan, Participant, SubjectSpan

NOON = dt.datetime(2026, 11, 3, 12, 0, tzinfo=dt.UTC)
OWN = frozenset({"sales@acme.example"})


def link(name: str, *references: str, people: str = "ada") -> ConversationLink:
    id_hash = hash_id(name)
    return ConversationLink(
        message_id_key(id_hash),
        id_hash,
        tuple(hash_id(one) for one in references),
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
    conflict = ConversationLink("c" * 64, hash_id("q"), (), NOON, frozenset({"eve"}))
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


def said(
    name: str,
    people: str,
    subject: str = "Re: Pump is leaking",
    days: float = 0,
    kind: str = "person",
) -> ConversationLink:
    """A message without references, as `fetch` sees its subject."""
    sent_at = NOON + dt.timedelta(days=days)
    message = replace(parsed(name, subject=subject, sent_at=sent_at), kind=kind)
    subject_hash, asks = plan_subject(message)
    addresses = frozenset(people.split())
    return replace(
        link(name, people=people),
        sent_at=sent_at,
        subject_hash=subject_hash,
        subject_asks=asks,
        list_addresses=addresses & {"list"},
    )


def test_answer_without_references_joins_by_subject_and_person() -> None:
    question = said("q", "ada us", "[pumps] Pump is leaking")
    answer = said("a", "ada bob", days=2)
    assert merged(question, answer) == {keys(question, answer)}


@pytest.mark.parametrize(
    "answer",
    [
        said("a", "eve", days=1),  # nobody in common
        said("a", "us", days=1),  # only we
        said("a", "list eve", days=1),  # only the list's address
        said("a", "ada", days=15),  # too late
        said("a", "ada", "Pump is leaking", days=1),  # no answer
        said("a", "ada", "Fwd: Pump is leaking", days=1),
        said("a", "ada", days=1, kind="auto_reply"),
        said("a", "ada", days=1, kind="bounce"),
        said("a", "ada", days=1, kind="bulk"),
    ],
)
def test_message_that_only_shares_a_subject_stays_alone(answer: ConversationLink) -> None:
    question = said("q", "ada us list", "Pump is leaking")
    assert merged(question, answer) == {keys(question), keys(answer)}


@pytest.mark.parametrize("subject", ["", "Re:", "Re: Hello", "Re: Thank you!", "Re: Q 1"])
def test_answer_with_an_empty_or_generic_subject_stays_alone(subject: str) -> None:
    one, two = said("one", "ada", subject), said("two", "ada", subject, days=1)
    assert merged(one, two) == {keys(one), keys(two)}


def test_answer_joins_a_known_conversation_by_subject() -> None:
    answer = said("a", "ada", days=3)
    assert answer.subject_hash is not None
    span = SubjectSpan(answer.subject_hash, "known", NOON, NOON, asks=False)
    plan = plan_conversations([answer], {}, {"known": frozenset({"ada", US})}, [span])
    assert set(plan.of_message.values()) == {"known"}
    stranger = replace(answer, addresses=frozenset({"eve", US}))
    plan = plan_conversations([stranger], {}, {"known": frozenset({"ada", US})}, [span])
    assert set(plan.of_message.values()) != {"known"}


def test_later_message_finds_the_answer_that_came_before_it() -> None:
    question = said("q", "ada us", "Pump is leaking")
    assert question.subject_hash is not None
    later = NOON + dt.timedelta(days=1)
    span = SubjectSpan(question.subject_hash, "answers", later, later, asks=True)
    plan = plan_conversations([question], {}, {"answers": frozenset({"ada"})}, [span])
    assert set(plan.of_message.values()) == {"answers"}


def test_message_with_two_subjects_conversations_merges_them() -> None:
    first, second = said("a", "ada"), link("b", "x", people="ada")
    bridge = replace(said("c", "ada"), reference_hashes=(hash_id("x"),))
    assert merged(first, second, bridge) == {keys(first, second, bridge)}


def test_threads_that_lost_a_tenth_of_their_references_stay_apart_and_mostly_whole() -> None:
    chance = random.Random(7)
    thread_of: dict[str, int] = {}
    links = []
    for thread in range(300):
        people = [f"p{chance.randrange(80)}", f"q{chance.randrange(80)}"]
        subject = f"Order {chance.choice('abcdefgh')} of pump {chance.randrange(40)}"
        names: list[str] = []
        for place in range(chance.randrange(1, 8)):
            name = f"{thread}.{place}"
            is_answer = place > 0
            one = said(
                name, " ".join(people), f"Re: {subject}" if is_answer else subject,
                days=thread / 4 + place / 3,
            )  # fmt: skip
            if is_answer and chance.random() >= 0.1:
                references = tuple(hash_id(n) for n in names[-2:])
                one = replace(one, reference_hashes=references, subject_asks=False)
            names.append(name)
            thread_of[one.message_key] = thread
            links.append(one)
    found = plan_conversations(links, {}).of_message
    right = wrong = lost = 0
    for one_key, two_key in itertools.combinations(sorted(thread_of), 2):
        is_same = thread_of[one_key] == thread_of[two_key]
        is_joined = found[one_key] == found[two_key]
        right += is_same and is_joined
        wrong += is_joined and not is_same
        lost += is_same and not is_joined
    assert right / (right + wrong) >= 0.99
    assert right / (right + lost) >= 0.97


def test_crowd_with_one_subject_is_read_in_time() -> None:
    links = [said(f"m{n}", "ada", days=n / 1000) for n in range(3_000)]
    assert len(merged(*links)) == len(links)
