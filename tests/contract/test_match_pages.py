"""What the match pages read, and a verdict that is taken back, on both databases."""

import datetime as dt
from collections.abc import Iterator

import pytest

from contract.crm_world import World, contact, mail, open_world
from mailcrm.errors import SettingsError
from mailcrm.records.review import Place, VerdictKind
from mailcrm.services.audit import (
    count_unmatched,
    find_place,
    page_reviews,
    page_timeline,
    search_contacts,
    undo_review,
    view_case,
)
from mailcrm.services.match_quality import measure_quality
from mailcrm.services.review import list_open_reviews, run_review

ADA = contact("C1", "Ada Byron", "ada@customer.example")
BOB = contact("C2", "Bob Stone", "bob@stone.example")


@pytest.fixture
def world(database_url: str) -> Iterator[World]:
    world = open_world(database_url)
    world.contacts(ADA, BOB)
    yield world
    world.engine.dispose()


def accept(world: World, by: str = "mary") -> int:
    result = run_review(world.services, world.key(), VerdictKind.ACCEPTED, None, by, "")
    return result.review.review_id


def test_undo_puts_the_case_back_as_the_rules_had_it(world: World) -> None:
    world.publish(mail(1, "ada.b@freemail.example", "Ada Byron"))
    before = list_open_reviews(world.services)
    place, changes = undo_review(world.services, accept(world), "mary")
    assert place == before[0].place
    assert [link.contact_id for link in changes.lost] == ["C1"]
    assert world.links() == []
    assert list_open_reviews(world.services) == before


def test_undo_of_another_persons_or_a_replaced_verdict_is_refused(world: World) -> None:
    world.publish(mail(1, "ada.b@freemail.example", "Ada Byron"))
    first = accept(world)
    with pytest.raises(SettingsError, match="not given by you"):
        undo_review(world.services, first, "john")
    second = accept(world)
    with pytest.raises(SettingsError, match="replaced"):
        undo_review(world.services, first, "mary")
    undo_review(world.services, second, "mary")
    assert world.links() == [("C1", "review", "mary")]


def test_pages_of_open_reviews_join_to_the_whole_list(world: World) -> None:
    world.publish(*(mail(n, f"ada{n}@freemail.example", "Ada Byron") for n in range(1, 6)))
    whole = list(list_open_reviews(world.services))
    assert len(whole) == 5
    found = []
    after: tuple[dt.datetime, Place] | None = None
    while rows := page_reviews(world.services, ["sales"], after, 2):
        found += rows
        after = (rows[-1].sent_at, rows[-1].place)
    assert found == whole
    assert not page_reviews(world.services, ["other"], None, 2)


def test_case_timeline_and_search_show_what_is_stored(world: World) -> None:
    world.publish(mail(1, "ada@customer.example", "Ada Byron"))
    (line,) = page_timeline(world.services, "C1", ["sales"], None, 5)
    assert (line.roles, line.rule) == ("from", "exact_address")
    assert not page_timeline(world.services, "C1", ["other"], None, 5)
    assert not page_timeline(world.services, "C1", ["sales"], (line.sent_at, line.message_key), 5)
    place = find_place(world.services, line.message_key, "C1")
    assert place is not None
    view = view_case(world.services, place)
    assert view is not None
    assert [row[0] for row in view.linked] == ["C1"]
    assert view_case(world.services, Place("x", "from", 0)) is None
    for words in ("C1", "byron", "ADA@customer"):
        assert [one.contact_id for one in search_contacts(world.services, words, 5)] == ["C1"]
    assert not search_contacts(world.services, "100%", 5)


def test_unmatched_senders_and_counts_are_of_the_mailboxes_asked_for(world: World) -> None:
    world.publish(mail(1, "who@nobody.example", "Who"), mail(2, "who@nobody.example", "Who"))
    (sender,) = count_unmatched(world.services, ["sales"], 36_500, 5)
    assert (sender.address, sender.count) == ("who@nobody.example", 2)
    assert not count_unmatched(world.services, ["other"], 36_500, 5)
    assert measure_quality(world.services, ["sales"]).totals()["unmatched"] == 2
    assert measure_quality(world.services, ["other"]).totals() == {}
