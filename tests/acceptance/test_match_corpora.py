"""Matching on public corpora whose truth is known: floors of precision and recall."""

import csv
import dataclasses
from pathlib import Path

import pytest

from fakes.evaluation_files import MemoryEvaluationFiles
from mailcrm.adapters.evaluation_files import LocalEvaluationFiles
from mailcrm.match import ContactIndex, decide_message, plan_contact_keys
from mailcrm.match.domains import company_domain
from mailcrm.match.names import name_keys
from mailcrm.records import (
    Contact,
    ContactAddress,
    MessageContext,
    Outcome,
    Participant,
)
from mailcrm.services.evaluate import MatchScore, TierScore, evaluate_match

CORPORA = Path(__file__).parents[3] / "shared" / "corpora"
GOLD = CORPORA / "gold_people"
LIST = CORPORA / "list_usrp"
FILES = LocalEvaluationFiles()

pytestmark = pytest.mark.skipif(not CORPORA.is_dir(), reason="../shared/corpora is absent")


@pytest.fixture(scope="module")
def gold() -> MatchScore:
    expected = GOLD / "expected"
    return evaluate_match(FILES, expected / "contacts.csv", expected / "truth.csv", GOLD / "raw")


def test_gold_people_automatic_links_outside_silver_are_right(gold: MatchScore) -> None:
    tiers = [score for name, score in gold.tiers.items() if name != "silver"]
    right = sum(score.matched_right for score in tiers)
    wrong = sum(score.matched_wrong for score in tiers)
    assert right / (right + wrong) >= 0.999


@pytest.mark.parametrize("tier", ["outsider_same_localpart", "outsider_same_surname", "outsider"])
def test_gold_people_outsiders_get_no_automatic_link(gold: MatchScore, tier: str) -> None:
    score = gold.tiers[tier]
    assert score.messages > 0
    assert score.matched_wrong == 0


def test_gold_people_gold_is_found_or_offered_for_review(gold: MatchScore) -> None:
    score = gold.tiers["gold"]
    assert (score.matched_right + score.review_right) / score.answerable >= 0.95


def test_gold_people_known_addresses_all_match_unless_the_sender_is_unclear(
    gold: MatchScore,
) -> None:
    # One sender of the open part has a From that can be read in several ways: to review.
    for tier, unclear in (("exact", 1), ("same_name_exact", 0)):
        score = gold.tiers[tier]
        assert score.matched_right == score.messages - unclear
        assert score.review_right == unclear


def test_gold_people_ambiguous_names_are_never_linked_and_nearly_all_reviewed(
    gold: MatchScore,
) -> None:
    score = gold.tiers["name_ambiguous"]
    assert score.matched_wrong == 0
    # One sender of the open part shares neither name nor address with any contact.
    assert score.unmatched <= 1


def test_homonyms_are_never_linked() -> None:
    contacts = FILES.read_contacts(GOLD / "expected" / "contacts.csv")
    index = ContactIndex((key, one) for one in contacts for key in plan_contact_keys(one))
    truth = FILES.read_table(GOLD / "expected" / "truth.csv", ("from_address", "tier"))
    outsiders = sorted({r["from_address"] for r in truth if r["tier"].startswith("outsider")})
    named = [one for one in contacts if name_keys(one.full_name).full]
    outcomes = set()
    for number, address in enumerate(outsiders):
        person = Participant("from", 0, address, named[number % len(named)].full_name)
        nearby = frozenset({named[number % len(named)].contact_id})
        context = MessageContext(1, 1, "k", "list", "inbound", "pass", None, (person,), nearby)
        if company_domain(address.rpartition("@")[2]) == company_domain(
            named[number % len(named)].domain
        ):
            continue  # no outsider then
        outcomes.add(decide_message(context, index)[0].outcome)
    assert outcomes == {Outcome.POSSIBLE, Outcome.AMBIGUOUS}


@pytest.fixture(scope="module")
def rewritten() -> dict[str, TierScore]:
    """Every second true sender of the list is a contact, the others are outsiders."""
    rows = FILES.read_table(LIST / "expected" / "sender_truth.csv", ("file", "true_address"))
    people = {r["true_address"].lower(): r["true_name"] for r in rows if "@" in r["true_address"]}
    known = {address: f"c{n}" for n, address in enumerate(sorted(people)) if n % 2}
    memory = MemoryEvaluationFiles(
        dict(FILES.read_messages(LIST / "raw", FILES.list_messages(LIST / "raw"))),
        [
            Contact(contact_id, people[a], "", "", (ContactAddress(a, True),))
            for a, contact_id in known.items()
        ],
        [
            {
                "file": r["file"],
                "contact_id": known.get(r["true_address"].lower(), ""),
                "tier": "rewritten" if r["munged"] == "1" else "plain",
            }
            for r in rows
        ],
    )
    return dict(evaluate_match(memory, LIST, LIST, LIST).tiers)


@pytest.mark.parametrize("tier", ["rewritten", "plain"])
def test_list_usrp_senders_behind_the_list_are_found(
    rewritten: dict[str, TierScore], tier: str
) -> None:
    score = rewritten[tier]
    assert score.answerable > 50
    assert score.matched_wrong == 0
    assert score.matched_right / score.answerable >= 0.95


@pytest.mark.parametrize(
    ("source", "floor"), [("git_authors", 0.9), ("linux_mailmap", 0.93), ("sympy_mailmap", 0.7)]
)
def test_identity_names_at_other_addresses_are_offered_for_review(
    source: str, floor: float
) -> None:
    path = CORPORA / "identity" / f"{source}.open.csv"
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    people = sorted({(r["canonical_name"], r["canonical_email"]) for r in rows})
    contacts = {
        person: Contact(f"c{n}", person[0], "", "", (ContactAddress(person[1], True),))
        for n, person in enumerate(people)
    }
    index = ContactIndex((k, one) for one in contacts.values() for k in plan_contact_keys(one))
    asked = found = 0
    blank = MessageContext(1, 1, "k", "person", "inbound", None, None, ())
    for row in rows:
        right = contacts[row["canonical_name"], row["canonical_email"]].contact_id
        person = Participant("from", 0, row["raw_email"], row["raw_name"])
        decision = decide_message(dataclasses.replace(blank, participants=(person,)), index)[0]
        if row["raw_email"].lower() == row["canonical_email"].lower():
            continue
        asked += 1
        found += any(one.contact_id == right for one in decision.candidates)
    assert found / asked >= floor
