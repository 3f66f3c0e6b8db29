"""What a person decided holds, whatever runs later; on SQLite and on PostgreSQL alike."""

import datetime as dt
from collections.abc import Iterator
from dataclasses import replace

import pytest
from sqlalchemy import text

from contract.crm_world import World, contact, mail, open_world
from mailcrm.adapters.crm_database.engine import writing
from mailcrm.dedupe import plan_identity
from mailcrm.errors import SettingsError
from mailcrm.records.review import VerdictKind
from mailcrm.services.rematch import run_rematch
from mailcrm.services.review import (
    ReviewResult,
    list_open_reviews,
    run_review,
    sample_links,
    week_of,
)

ACCEPTED, REJECTED, ASSIGNED = VerdictKind.ACCEPTED, VerdictKind.REJECTED, VerdictKind.ASSIGNED
ADA = contact("C1", "Ada Byron", "ada@customer.example")
BOB = contact("C2", "Bob Stone", "bob@stone.example")
PRIVATE = "ada.b@freemail.example"


@pytest.fixture
def world(database_url: str) -> Iterator[World]:
    world = open_world(database_url)
    world.contacts(ADA, BOB)
    yield world
    world.engine.dispose()


def judge(
    world: World,
    kind: VerdictKind,
    contact_id: str | None = None,
    named: str | None = None,
    *,
    teach: bool = False,
) -> ReviewResult:
    return run_review(
        world.services, named or world.key(), kind, contact_id, "mary", "she told me", teach=teach
    )


def test_open_reviews_show_candidates_with_evidence_and_vanish_once_judged(world: World) -> None:
    world.publish(mail(1, PRIVATE, "Ada Byron"), mail(2, "ada@customer.example"))
    (case,) = list_open_reviews(world.services, "sales")
    assert (case.decided.outcome, case.address, case.mailbox_id) == ("possible", PRIVATE, "sales")
    assert case.candidates[0]["contact_id"] == "C1"
    judge(world, ACCEPTED, named=str(case.place))
    assert not list_open_reviews(world.services)


def test_accept_links_in_the_reviewers_name_and_keeps_what_the_rules_said(world: World) -> None:
    world.publish(mail(1, PRIVATE, "Ada Byron"))
    assert world.links() == []
    result = judge(world, ACCEPTED)
    assert [link.contact_id for link in result.changes.gained] == ["C1"]
    assert world.links() == [("C1", "review", "mary")]
    assert world.rows(
        "SELECT verdict, contact_id, reviewer, reason, decided_outcome, decided_rule, role"
        " FROM match_reviews"
    ) == [("accepted", "C1", "mary", "she told me", "possible", "unique_name", "from")]
    assert world.rows(
        "SELECT outcome, contact_id, rule FROM match_decisions WHERE role='from'"
    ) == [("matched", "C1", "review")]


def test_reject_removes_an_automatic_link_for_good(world: World) -> None:
    world.publish(mail(1, "ada@customer.example", "Ada Byron"))
    assert world.links() == [("C1", "exact_address", "rules")]
    judge(world, REJECTED)
    world.clock.moment += dt.timedelta(days=1)
    world.contacts(contact("C1", "Ada K. Byron", "ada@customer.example"))
    report = run_rematch(world.services)
    assert world.links() == []
    assert report.as_document()["protected"] == 1


@pytest.mark.row("R096")
def test_assigned_link_stays_through_runs_generations_and_rematches(world: World) -> None:
    row = mail(1, "ada@customer.example", "Ada Byron")
    world.publish(row)
    judge(world, ASSIGNED, "C2")
    for _ in range(5):
        world.publish(row)
    world.publish(row, uidvalidity=8)
    world.clock.moment += dt.timedelta(days=1)
    world.contacts(contact("C1", "Ada Byron", "ada@customer.example", PRIVATE))
    run_rematch(world.services)
    assert world.links() == [("C2", "review", "mary")]


@pytest.mark.row("R096")
def test_verdict_holds_for_a_message_that_was_removed_and_comes_again(world: World) -> None:
    row = mail(1, "ada@customer.example", "Ada Byron")
    world.publish(row)
    key = world.key()
    judge(world, ASSIGNED, "C2")
    with writing(world.engine) as connection:
        for table in ("message_contacts", "message_participants", "message_sightings"):
            connection.execute(text(f"DELETE FROM crm_{table}"))
        for table in ("match_decisions", "message_identities", "crm_messages"):
            connection.execute(text(f"DELETE FROM {table}"))
    world.publish(row, uidvalidity=9)
    assert world.key() == key
    assert world.links() == [("C2", "review", "mary")]


@pytest.mark.row("R096")
def test_link_made_by_hand_in_the_table_stays_through_rematches(world: World) -> None:
    world.publish(mail(1, "ada@customer.example", "Ada Byron"))
    with writing(world.engine) as connection:
        connection.execute(
            text("UPDATE crm_message_contacts SET contact_id='C2', decided_by='mary'")
        )
    world.clock.moment += dt.timedelta(days=1)
    world.contacts(contact("C1", "Ada B. Byron", "ada@customer.example"))
    report = run_rematch(world.services)
    assert world.links() == [("C2", "exact_address", "mary")]
    assert not report.gained
    assert not report.lost


def test_later_verdict_replaces_the_earlier_one(world: World) -> None:
    world.publish(mail(1, PRIVATE, "Ada Byron"))
    first = judge(world, ACCEPTED)
    judge(world, REJECTED, named=str(first.review.review_id))
    assert world.links() == []
    judge(world, ASSIGNED, "C2")
    assert world.links() == [("C2", "review", "mary")]
    assert world.rows("SELECT verdict FROM match_reviews ORDER BY review_id") == [
        ("accepted",),
        ("rejected",),
        ("assigned",),
    ]


def test_verdict_holds_for_the_address_in_every_role_of_the_message(world: World) -> None:
    world.publish(mail(1, "ada@customer.example", to=("ada@customer.example",)))
    assert world.rows("SELECT roles FROM crm_message_contacts") == [("from,to",)]
    judge(world, REJECTED)
    assert world.links() == []


def test_address_is_taught_only_on_request_and_survives_imports(world: World) -> None:
    world.publish(mail(1, PRIVATE, "Ada Byron"), mail(2, PRIVATE, "Ada Byron"))
    first, second = list_open_reviews(world.services)
    judge(world, ACCEPTED, named=str(first.place))
    assert not run_rematch(world.services).gained
    world.clock.moment += dt.timedelta(hours=2)
    judge(world, ACCEPTED, named=str(first.place), teach=True)
    report = run_rematch(world.services)
    assert [link.rule for link in report.gained.values()] == ["secondary_address"]
    assert {key for key, _ in report.gained} == {second.place.message_key}
    world.clock.moment += dt.timedelta(hours=2)
    assert world.contacts(ADA) == 0
    assert ("C1", PRIVATE) in world.rows("SELECT contact_id, address FROM crm_contact_addresses")


@pytest.mark.parametrize(
    ("named", "contact_id", "kind", "problem"),
    [
        ("4711", None, ACCEPTED, "no such decision"),
        ("0" * 64, None, ACCEPTED, "no such decision"),
        ("{key}/to/7", None, ACCEPTED, "no such decision"),
        ("{key}/nonsense/0", None, ACCEPTED, "no such decision"),
        ("{key}", "C2", ACCEPTED, "no candidate"),
        ("{key}", None, ASSIGNED, "name the contact"),
        ("{key}", "C9", ASSIGNED, "does not exist"),
    ],
)
def test_verdict_on_nothing_or_nobody_is_refused_and_stores_nothing(
    world: World, named: str, contact_id: str | None, kind: VerdictKind, problem: str
) -> None:
    world.publish(mail(1, PRIVATE, "Ada Byron"))
    with pytest.raises(SettingsError, match=problem):
        judge(world, kind, contact_id, named.format(key=world.key()))
    assert world.rows("SELECT * FROM match_reviews") == []
    assert world.links() == []


def test_ambiguous_decision_asks_which_candidate(world: World) -> None:
    world.contacts(contact("C3", "Ada Byron", "ada@elsewhere.example"))
    world.publish(mail(1, PRIVATE, "Ada Byron"))
    with pytest.raises(SettingsError, match="C1, C3"):
        judge(world, ACCEPTED)
    judge(world, ACCEPTED, "C3")
    assert world.links() == [("C3", "review", "mary")]


def test_rematch_tells_links_gained_lost_and_kept(world: World) -> None:
    world.publish(
        mail(1, "ada@customer.example"),
        mail(2, "bob@stone.example"),
        mail(3, "eve@new.example"),
        mail(4, "nobody@nowhere.example"),
    )
    world.clock.moment += dt.timedelta(days=1)
    world.contacts(
        contact("C1", "Ada Byron", "ada@customer.example", "ada@more.example"),
        contact("C2", "Bob Stone", "bob@quarry.example"),
        contact("C9", "Eve New", "eve@new.example"),
    )
    document = run_rematch(world.services, "sales").as_document()
    assert [link["contact_id"] for link in document["gained"]] == ["C9"]  # type: ignore[index]
    assert [link["contact_id"] for link in document["lost"]] == ["C2"]  # type: ignore[index]
    assert (document["kept"], document["messages"]) == (1, 3)
    assert [row[0] for row in world.links()] == ["C1", "C9"]
    again = run_rematch(world.services).as_document()
    assert (again["messages"], again["gained"], again["lost"]) == (0, [], [])


def test_rematch_of_a_new_namesake_takes_the_name_for_shared(world: World) -> None:
    world.publish(mail(1, PRIVATE, "Ada Byron"))
    world.clock.moment += dt.timedelta(days=1)
    world.contacts(contact("C3", "Ada Byron", "ada@elsewhere.example"))
    run_rematch(world.services)
    (case,) = list_open_reviews(world.services)
    assert (case.decided.outcome, case.decided.rule) == ("ambiguous", "shared_name")


def test_rematch_after_new_rules_decides_everything_again(world: World) -> None:
    world.publish(mail(1, "ada@customer.example"), mail(2, "eve@new.example"))
    with writing(world.engine) as connection:
        connection.execute(text("UPDATE match_decisions SET rule_version='2020.1'"))
        connection.execute(text("DELETE FROM crm_message_contacts"))
    report = run_rematch(world.services)
    assert len(report.messages) == 2
    assert world.links() == [("C1", "exact_address", "rules")]
    assert world.rows("SELECT DISTINCT rule_version FROM match_decisions") != [("2020.1",)]


def test_sample_is_the_same_each_time_and_holds_automatic_links_only(world: World) -> None:
    many = [mail(uid, "ada@customer.example") for uid in range(1, 9)]
    world.publish(*many, mail(9, PRIVATE, "Ada Byron"))
    name, since, until = week_of("2026-W46", world.clock.now())
    one, count = sample_links(world.services, since, until, 3, name)
    two, _ = sample_links(world.services, since, until, 3, name)
    other, _ = sample_links(world.services, since, until, 3, f"{name}x")
    assert (len(one), count) == (3, 8)
    assert one == two != other
    assert {case.decided.outcome for case in one} == {"matched"}
    _, since, until = week_of(None, world.clock.now())
    assert sample_links(world.services, since, until, 3, "") == ([], 0)


def test_stranger_is_tied_to_the_company_of_a_contact_when_published_and_decided_again(
    world: World,
) -> None:
    world.publish(mail(1, "new@customer.example"), mail(2, "x@later.example"))
    tied = "SELECT DISTINCT company_domain FROM match_decisions WHERE role='from'"
    assert sorted(world.rows(tied), key=str) == [("customer.example",), (None,)]
    assert world.links() == []
    world.clock.moment += dt.timedelta(days=1)
    world.contacts(contact("C5", "Una Late", "una@later.example"))
    with writing(world.engine) as connection:
        connection.execute(text("UPDATE match_decisions SET rule_version='2020.1'"))
    run_rematch(world.services)
    assert sorted(world.rows(tied), key=str) == [("customer.example",), ("later.example",)]


@pytest.mark.row("R182")
def test_message_id_used_again_leaves_the_first_message_as_it_was(world: World) -> None:
    world.publish(mail(1, "ada@customer.example"))
    before = world.rows("SELECT * FROM crm_messages")
    people = world.rows("SELECT * FROM crm_message_participants")
    forged = mail(2, "eve@evil.example", body="Pay to this account instead, today.")
    forged = replace(forged, parsed=replace(forged.parsed, message_id="m1@customer.example"))
    world.publish(replace(forged, identity=plan_identity(forged.parsed)))
    assert set(before) < set(world.rows("SELECT * FROM crm_messages"))
    assert set(people) < set(world.rows("SELECT * FROM crm_message_participants"))
    assert len(world.rows("SELECT 1 FROM crm_messages WHERE is_conflict")) == 1


@pytest.mark.row("R183")
def test_mail_from_strangers_makes_no_contact(world: World) -> None:
    before = world.rows("SELECT contact_id FROM crm_contacts ORDER BY 1")
    world.publish(mail(1, "eve@evil.example", "Eve Evil"), mail(2, "spam@evil.example"))
    run_rematch(world.services)
    assert world.rows("SELECT contact_id FROM crm_contacts ORDER BY 1") == before
    assert world.links() == []


def test_rematch_touches_only_who_shares_a_key_with_what_changed(world: World) -> None:
    names = [f"Person {letter * 3}" for letter in "abcdefghijklmnopqrst"]
    world.contacts(*(contact(f"P{n}", one, f"p{n}@firm{n}.example") for n, one in enumerate(names)))
    world.publish(*(mail(n + 1, f"p{n}@firm{n}.example", one) for n, one in enumerate(names)))
    world.contacts(contact("P3", names[3], "other@firm3.example"))
    document = run_rematch(world.services).as_document()
    assert document["messages"] == 1
    assert [link["contact_id"] for link in document["lost"]] == ["P3"]  # type: ignore[index]


def test_rematch_knows_contacts_that_came_right_after_the_match(world: World) -> None:
    world.publish(mail(1, "cy@flint.example", "Cy Flint"))
    world.contacts(contact("C3", "Cy Flint", "cy@flint.example"))  # by the same clock
    assert world.links() == []
    run_rematch(world.services)
    assert [row[0] for row in world.links()] == ["C3"]


def test_rematch_ties_strangers_to_a_company_that_came_and_lets_go_when_it_left(
    world: World,
) -> None:
    world.publish(mail(1, "guard@quarry.example", "Some Guard"))
    company = "SELECT company_domain FROM match_decisions WHERE role = 'from'"
    assert world.rows(company) == [(None,)]
    world.contacts(contact("C4", "Bob Stone", "bob@quarry.example"))
    run_rematch(world.services)
    assert world.rows(company) == [("quarry.example",)]
    world.contacts(contact("C3", "Cy Flint", "cy@quarry.example"))
    assert run_rematch(world.services).as_document()["messages"] == 0
    for one in ("C3", "C4"):
        world.contacts(contact(one, "Somebody Else", f"{one}@elsewhere.example"))
    run_rematch(world.services)
    assert world.rows(company) == [(None,)]


def test_rematch_after_other_rules_makes_participants_keys_anew(world: World) -> None:
    world.publish(mail(1, "ada@customer.example", "Ada Byron"))
    with writing(world.engine) as connection:
        for statement in (
            "UPDATE match_decisions SET rule_version = 'old'",
            "UPDATE rematch_marks SET rule_version = NULL",
            "DELETE FROM participant_keys",
        ):
            connection.exec_driver_sql(statement)
    assert run_rematch(world.services).as_document()["messages"] == 1
    assert run_rematch(world.services).as_document()["messages"] == 0
    world.contacts(contact("C1", "Ada Byron", "else@customer.example"))
    assert run_rematch(world.services).as_document()["messages"] == 1
