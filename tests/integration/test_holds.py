"""What people do with what is held back: replay, discard, release; on both databases."""

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from sqlalchemy import Engine, text

from fakes.mail_reader import FakeFolder, FakeMailbox, FakeMessage
from faults.world import NOW, letter, make_services, prepare
from mailcrm.errors import ChecksFailedError, PublishConflictError, SettingsError
from mailcrm.services.batches import release_batch
from mailcrm.services.quarantine import ReplayReport, discard_message, replay_messages
from mailcrm.services.run import RunReport, run_mailbox
from mailcrm.services.status import list_held_batches, read_status
from mailcrm.services.wiring import Services

MOMENT = NOW - dt.timedelta(days=2)


@dataclass
class World:
    """One mailbox, its engine on a database, and plain SQL."""

    mailbox: FakeMailbox
    services: Services
    engine: Engine

    def deliver(self, name: str, **changes: Any) -> int:
        raw = letter(name, MOMENT, **changes)
        uid: int = self.mailbox.folders["INBOX"].add(FakeMessage(raw, MOMENT))
        return uid

    def run(self) -> RunReport:
        return run_mailbox(self.services, "sales")

    def replay(self, **options: Any) -> ReplayReport:
        reports = replay_messages(self.services, **options)
        assert len(reports) == 1
        return reports[0]

    def change(self, statement: str) -> None:
        with self.engine.begin() as connection:
            connection.execute(text(statement))

    def rows(self, statement: str) -> list[tuple[Any, ...]]:
        with self.engine.connect() as connection:
            return [tuple(row) for row in connection.execute(text(statement))]

    def mend_bytes(self, name: str = "held") -> None:
        """As if today's parser could read what an older one could not."""
        with self.engine.begin() as connection:
            raw = letter(name, MOMENT)
            connection.execute(text("UPDATE sync_quarantine SET raw = :raw"), {"raw": raw})


@pytest.fixture
def world(database_url: str) -> Iterator[World]:
    prepare(database_url)
    mailbox = FakeMailbox()
    mailbox.create_folder("Archive")
    mailbox.create_folder("Sent", "\\sent")
    services, engine = make_services(database_url, mailbox, quarantine_hold_min=3)
    found = World(mailbox, services, engine)
    for name in ("one", "two"):
        found.deliver(name)
    yield found
    engine.dispose()


QUARANTINE = "SELECT state, attempts, rule FROM sync_quarantine"


@pytest.mark.row("R106")
def test_replay_what_passes_now_is_published_and_closed(world: World) -> None:
    world.deliver("held", sender="")
    assert world.run().failure is None
    world.mend_bytes()
    coverage = world.rows("SELECT * FROM sync_coverage")
    report = world.replay()
    assert (report.published, report.failed, report.failure) == (1, [], None)
    assert world.rows("SELECT state FROM sync_quarantine") == [("replayed",)]
    assert world.rows("SELECT DISTINCT state FROM sync_ledger") == [("published",)]
    assert len(world.rows("SELECT * FROM crm_messages")) == 3
    assert world.rows("SELECT * FROM sync_coverage") == coverage
    stored = world.rows("SELECT kind, state FROM sync_runs ORDER BY started_at")
    assert stored == [("sync", "published"), ("replay", "published")]
    assert world.run().failure is None
    assert len(world.rows("SELECT * FROM crm_messages")) == 3


@pytest.mark.row("R106", "R098")
def test_replay_what_fails_again_counts_an_attempt_without_a_batch(world: World) -> None:
    release_batch(world.services, hold(world), "ann", "four at once would hold a batch again")
    world.change("UPDATE sync_quarantine SET parser_version = 'old', rules_version = 'old'")
    report = world.replay(rule="sender_missing")
    assert [rule for _, rule in report.failed] == ["sender_missing"] * 4
    assert report.run_id is None
    assert world.rows("SELECT DISTINCT state, attempts FROM sync_quarantine") == [("held", 2)]
    assert "old" not in world.rows("SELECT parser_version, rules_version FROM sync_quarantine")[0]


def test_replay_one_number_leaves_the_others_alone(world: World) -> None:
    world.deliver("held", sender="")
    world.deliver("held too", sender="")
    world.run()
    (first,), (second,) = world.rows("SELECT quarantine_id FROM sync_quarantine ORDER BY 1")
    report = world.replay(quarantine_id=first)
    assert [number for number, _ in report.failed] == [first]
    attempts = dict(world.rows("SELECT quarantine_id, attempts FROM sync_quarantine"))
    assert attempts == {first: 2, second: 1}
    with pytest.raises(SettingsError, match="no such message is held"):
        replay_messages(world.services, quarantine_id=999)


def test_replay_copy_of_a_published_message_becomes_a_sighting(world: World) -> None:
    world.deliver("held", sender="")
    world.run()
    world.mend_bytes("one")
    report = world.replay(mailbox_id="sales")
    assert (report.published, report.duplicate) == (0, 1)
    assert len(world.rows("SELECT * FROM crm_messages")) == 2
    assert len(world.rows("SELECT * FROM crm_message_sightings")) == 3


def test_replay_bytes_that_were_not_kept_are_read_by_the_next_run(world: World) -> None:
    uid = world.deliver("held", sender="")
    world.run()
    world.change("UPDATE sync_quarantine SET raw = NULL")
    report = world.replay()
    assert len(report.without_bytes) == 1
    assert report.failure is None
    world.run()
    message = world.mailbox.folders["INBOX"].messages[uid]
    assert [bytes(row[0]) for row in world.rows("SELECT raw FROM sync_quarantine")] == [message.raw]


def test_discard_stays_counted_and_says_who_when_and_why(world: World) -> None:
    world.deliver("held", sender="")
    report = world.run()
    assert report.summary is not None
    ((number,),) = world.rows("SELECT quarantine_id FROM sync_quarantine")
    discard_message(world.services, number, "ann", "spam")
    row = world.rows(
        "SELECT state, raw, discarded_by, discard_reason, discarded_at IS NULL FROM sync_quarantine"
    )
    assert [(*found[:4], bool(found[4])) for found in row] == [
        ("discarded", None, "ann", "spam", False)
    ]
    certificate = world.services.ledger.certificate(report.run_id)
    assert certificate.total("quarantined") == 1
    assert certificate.balanced
    assert replay_messages(world.services) == []
    with pytest.raises(SettingsError, match="is discarded already"):
        discard_message(world.services, number, "ann", "again")
    assert world.run().failure is None
    assert world.rows("SELECT state FROM sync_quarantine") == [("discarded",)]


def hold(world: World) -> str:
    """A run whose batch is held, because most of it is unfit; the batch's id."""
    for number in range(4):
        world.deliver(f"bad-{number}", sender="", body=f"Text number {number} of nobody.")
    report = world.run()
    assert isinstance(report.failure, ChecksFailedError)
    assert world.rows("SELECT * FROM crm_messages") == []
    assert report.summary is not None
    return report.summary.batch_id


@pytest.mark.row("R107")
def test_batch_held_is_shown_in_status(world: World) -> None:
    batch_id = hold(world)
    status = read_status(world.services, "sales")["mailboxes"][0]
    assert [row["batch_id"] for row in status["held_batches"]] == [batch_id]
    assert status["held_batches"][0]["failed"] == ["quarantine_share"]


@pytest.mark.row("R107", "R108")
def test_release_publishes_exactly_the_held_batch_and_is_recorded(world: World) -> None:
    batch_id = hold(world)
    summary = release_batch(world.services, batch_id, "ann", "a campaign, looked at all four")
    assert summary.state == "published"
    assert summary.certificate.total("published") == 2
    assert summary.certificate.total("quarantined") == 4
    row = world.rows("SELECT release_reason, released_by, released_at IS NULL FROM sync_runs")
    assert [(*found[:2], bool(found[2])) for found in row] == [
        ("a campaign, looked at all four", "ann", False)
    ]
    assert list_held_batches(world.services) == []
    with pytest.raises(SettingsError, match="is not held; its run is published"):
        release_batch(world.services, batch_id, "ann", "again")
    with pytest.raises(SettingsError, match="no such batch"):
        release_batch(world.services, "0" * 32, "ann", "typo")


@pytest.mark.row("R108")
def test_release_batch_that_changed_since_is_refused(world: World) -> None:
    batch_id = hold(world)
    world.change("UPDATE staged_messages SET subject = 'another'")
    with pytest.raises(PublishConflictError, match="mailcrm run sales"):
        release_batch(world.services, batch_id, "ann", "looks fine")
    assert world.rows("SELECT * FROM crm_messages") == []
    assert world.rows("SELECT state, release_reason FROM sync_runs") == [("held", None)]


def test_release_after_a_later_run_took_the_batch_over_is_refused(world: World) -> None:
    batch_id = hold(world)
    later = world.run()
    assert later.summary is not None
    assert later.summary.state == "held"
    with pytest.raises(PublishConflictError, match="later run"):
        release_batch(world.services, batch_id, "ann", "looks fine")
    assert release_batch(world.services, later.summary.batch_id, "ann", "fine").state == "published"


def test_discard_message_of_an_open_batch_waits_for_the_batch(world: World) -> None:
    hold(world)
    with pytest.raises(SettingsError, match="its batch is not published yet"):
        discard_message(world.services, 1, "ann", "spam")
    report = world.replay()
    assert len(report.unsettled) == 4
    assert report.failed == []


def renumber(world: World) -> None:
    """The server rebuilds the folder: another uidvalidity, other uids."""
    old = world.mailbox.folders["INBOX"]
    fresh = FakeFolder(uidvalidity=old.uidvalidity + 100, uidnext=501)
    for message in old.messages.values():
        fresh.add(message)
    world.mailbox.folders["INBOX"] = fresh


def test_held_message_of_a_renumbered_folder_stays_one_entry(world: World) -> None:
    world.deliver("held", sender="")
    world.run()
    before = world.rows("SELECT quarantine_id, uid FROM sync_quarantine")
    renumber(world)
    assert world.run().failure is None
    ((number, uid, validity, state, attempts),) = world.rows(
        "SELECT quarantine_id, uid, uidvalidity, state, attempts FROM sync_quarantine"
    )
    assert [number] == [old for old, _ in before]
    assert (uid, state, attempts) == (503, "held", 2)
    assert validity == world.mailbox.folders["INBOX"].uidvalidity
    world.mend_bytes()
    assert world.replay().published == 1
    assert world.rows("SELECT state FROM sync_quarantine") == [("replayed",)]


def test_discarded_message_of_a_renumbered_folder_asks_nobody_again(world: World) -> None:
    world.deliver("held", sender="")
    world.run()
    ((number,),) = world.rows("SELECT quarantine_id FROM sync_quarantine")
    discard_message(world.services, number, "ann", "spam")
    renumber(world)
    report = world.run()
    assert report.failure is None
    assert report.summary is not None
    assert report.summary.certificate.total("quarantined") == 1
    kept = world.rows("SELECT quarantine_id, uid, state, discard_reason FROM sync_quarantine")
    assert kept == [(number, 503, "discarded", "spam")]


def test_two_held_copies_of_a_renumbered_folder_stay_two_entries(world: World) -> None:
    for _ in range(2):
        world.deliver("held", sender="")
    world.run()
    renumber(world)
    assert world.run().failure is None
    kept = world.rows("SELECT uid, state FROM sync_quarantine ORDER BY quarantine_id")
    assert kept == [(503, "held"), (504, "held")]


def test_held_message_that_passes_after_a_renumbering_is_closed(world: World) -> None:
    """The rules were changed meanwhile: what was held for one reads well now."""
    world.run()
    uid = world.deliver("late")
    world.run()
    with world.engine.begin() as connection:
        columns = "mailbox_id, folder, uidvalidity, uid, rule, reason, state, attempts"
        connection.execute(
            text(
                f"INSERT INTO sync_quarantine ({columns}, created_at, updated_at) SELECT"
                " 'sales', 'INBOX', uidvalidity, :uid, 'old', 'old', 'held', 1, first_seen_at,"
                " first_seen_at FROM sync_generations WHERE folder = 'INBOX'"
            ),
            {"uid": uid},
        )
        change = "UPDATE sync_ledger SET state = 'quarantined', message_key = NULL WHERE uid = :uid"
        connection.execute(text(change), {"uid": uid})
    renumber(world)
    assert world.run().failure is None
    assert world.rows("SELECT uid, state FROM sync_quarantine") == [(uid, "replayed")]


@pytest.mark.row("R097")
def test_held_bytes_are_those_of_the_server_and_are_judged_the_same_again(world: World) -> None:
    """The bytes are never altered, so whatever was derived from them can be derived again."""
    raw = letter("odd", MOMENT, sender="").replace(b"About odd", b"=?utf-8?Q?=FF?= \xff\x00 \xc3")
    raw += bytes(range(256)) * 4
    world.mailbox.folders["INBOX"].add(FakeMessage(raw, MOMENT))
    assert world.run().failure is None
    select = "SELECT quarantine_id, rule, reason, raw FROM sync_quarantine"
    ((number, rule, reason, kept),) = world.rows(select)
    assert bytes(kept) == raw
    staged = world.rows("SELECT relink_digest FROM sync_ledger WHERE state = 'quarantined'")
    for _ in range(2):
        assert world.replay(quarantine_id=number).failed == [(number, rule)]
        ((again, *said, kept),) = world.rows(select)
        assert (again, *said, bytes(kept)) == (number, rule, reason, raw)
    assert staged == world.rows("SELECT relink_digest FROM sync_ledger WHERE state = 'quarantined'")
