"""What the pages show of mailboxes and runs, on both databases."""

import datetime as dt
from collections.abc import Iterator

import pytest

from contract.crm_world import World, contact, mail, open_world
from mailcrm.adapters.crm_database.mailbox_pages import MailboxPageTables
from mailcrm.records import Direction, Encryption, VerifyResult, VerifyState
from mailcrm.records.review import VerdictKind
from mailcrm.services.review import run_review

ANN = contact("C-1", "Ann Smith", "ann@customer.example")


@pytest.fixture
def world(database_url: str) -> Iterator[World]:
    world = open_world(database_url)
    yield world
    world.engine.dispose()


def test_cards_count_open_reviews_of_that_mailbox_once(world: World) -> None:
    world.contacts(ANN, contact("C-2", "Ann Smith", "ann@other.example"))
    world.publish(
        mail(1, "ann@customer.example", "Ann Smith"), mail(2, "ann@third.example", "Ann Smith")
    )
    pages = MailboxPageTables(world.engine)
    open_places = world.rows(
        "SELECT message_key, role, position FROM match_decisions"
        " WHERE outcome IN ('possible', 'ambiguous')"
    )
    cards = pages.read_cards(["sales", "other"])
    assert cards["sales"].open_reviews == len(open_places)
    assert cards["other"].open_reviews == 0
    assert cards["other"].last_run is None
    assert cards["sales"].last_run is not None
    assert cards["sales"].last_run.totals["listed"] == 2
    assert [row[0] for row in cards["sales"].coverage] == ["INBOX"]


def test_runs_are_listed_page_by_page_without_gap_or_repeat(world: World) -> None:
    for number in range(1, 8):
        world.clock.moment += dt.timedelta(minutes=number % 2)  # some begin at the same moment
        world.publish(*(mail(uid, "ann@customer.example") for uid in range(1, number + 1)))
    pages = MailboxPageTables(world.engine)
    seen, before = [], None
    while rows := pages.list_runs("sales", before, 2):
        seen += [row.run_id for row in rows]
        before = (rows[-1].started_at, rows[-1].run_id)
    assert sorted(seen) == [f"r{number}" for number in range(1, 8)]
    assert seen[0] == "r7"


def test_match_summary_tells_upheld_from_overturned_links(world: World) -> None:
    world.contacts(ANN)
    world.publish(*(mail(uid, "ann@customer.example") for uid in (1, 2, 3)))
    keys = [row[0] for row in world.rows("SELECT message_key FROM crm_messages ORDER BY 1")]
    for key, kind in zip(keys, (VerdictKind.ACCEPTED, VerdictKind.REJECTED), strict=False):
        run_review(world.services, f"{key}/from/0", kind, None, "mary", "she told me")
    summary = MailboxPageTables(world.engine).read_match_summary("sales")
    assert (summary.upheld, summary.overturned) == (1, 1)
    assert MailboxPageTables(world.engine).read_match_summary("other").upheld == 0


def test_health_events_tell_when_a_direction_broke_and_recovered(world: World) -> None:
    for state in (VerifyState.MISCONFIGURED, VerifyState.OK):
        world.clock.moment += dt.timedelta(hours=1)
        found = VerifyResult(
            direction=Direction.SMTP,
            state=state,
            stage="connect",
            host="smtp.acme.example",
            port=465,
            encryption=Encryption.TLS,
            advice="No server is named so.",
        )
        world.services.registry.write_health("sales", found, world.clock.now())
    events = MailboxPageTables(world.engine).list_health_events("sales", 9)
    assert [(event.direction, event.event) for event in events] == [
        ("smtp", "recovered"),
        ("smtp", "broke"),
    ]
