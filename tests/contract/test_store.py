"""Ledger, staging and publish keep their promises on SQLite and on PostgreSQL alike."""

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pytest
from sqlalchemy import Engine, func, select, text

from builders import NOON, WINDOW, listed, parsed, passed_report, staged
from mailcrm.adapters.crm_database import schema
from mailcrm.adapters.crm_database.engine import make_engine, reading
from mailcrm.adapters.crm_database.ledger import LedgerTables
from mailcrm.adapters.crm_database.migrate import check_schema, upgrade
from mailcrm.adapters.crm_database.publish import PublishTables
from mailcrm.adapters.staging import StagingTables
from mailcrm.errors import ChecksFailedError, DatabaseError, FencedError, PublishConflictError
from mailcrm.records import (
    BounceReport,
    Certificate,
    Decision,
    Generation,
    Lease,
    Outcome,
    StagedMessage,
    Window,
)
from mailcrm.services.match import recognise_batch

MAILBOX = "sales"
OWN = frozenset({"sales@acme.example"})


@dataclass
class Store:
    engine: Engine
    ledger: LedgerTables
    staging: StagingTables
    publisher: PublishTables

    def start(self, run_id: str, mailbox: str = MAILBOX) -> Lease:
        return self.ledger.take_lease(mailbox, run_id, WINDOW, NOON)

    def folder(self, lease: Lease, name: str = "INBOX", uidvalidity: int = 7) -> Generation:
        return self.ledger.open_generation(lease, name, uidvalidity, NOON)

    def list_new(self, lease: Lease, generation: Generation, uids: Sequence[int]) -> None:
        news = [listed(uid) for uid in uids]
        self.ledger.write_listing(lease, generation.generation_id, news, [], [], NOON)
        self.ledger.write_counts(lease, generation.generation_id, len(uids), 0)

    def stage(self, lease: Lease, generation: Generation, *rows: StagedMessage) -> None:
        self.staging.write_messages(lease, generation.generation_id, rows, NOON)

    def match(self, lease: Lease, contact: str | None = None) -> None:
        batch = recognise_batch(self.staging, lease.batch_id, OWN)
        rows = [
            (c, [decision(contact if p.role == "from" else None) for p in c.participants])
            for c in batch.contexts
        ]
        self.staging.write_match(lease, batch.identities, batch.conversations, rows)

    def publish(self, lease: Lease, contact: str | None = None) -> Certificate:
        self.match(lease, contact)
        batch_hash = self.staging.batch_hash(lease.batch_id)
        self.publisher.write_report(lease, passed_report(lease.batch_id, batch_hash), NOON)
        self.publisher.publish_batch(lease, NOON)
        return self.ledger.certificate(lease.run_id)

    def count(self, table: str) -> int:
        with reading(self.engine) as connection:
            return connection.execute(
                select(func.count()).select_from(schema.metadata.tables[table])
            ).scalar_one()

    def rows(self, statement: str) -> list[tuple[object, ...]]:
        with reading(self.engine) as connection:
            return [tuple(row) for row in connection.execute(text(statement))]


def decision(contact: str | None) -> Decision:
    outcome = Outcome.UNMATCHED if contact is None else Outcome.MATCHED
    return Decision(outcome, contact, (), "exact_address", "1", 1.0)


@pytest.fixture
def store(database_url: str) -> Iterator[Store]:
    engine = make_engine(database_url)
    upgrade(engine)
    yield Store(engine, LedgerTables(engine), StagingTables(engine), PublishTables(engine))
    engine.dispose()


def test_upgrade_twice_changes_nothing(database_url: str) -> None:
    engine = make_engine(database_url)
    assert upgrade(engine)[0] is None
    before, after = upgrade(engine)
    assert before == after
    check_schema(engine)
    engine.dispose()


def test_check_schema_empty_database_names_the_command(database_url: str) -> None:
    engine = make_engine(database_url)
    with pytest.raises(DatabaseError, match="mailcrm db upgrade"):
        check_schema(engine)
    engine.dispose()


def test_publish_whole_run_balances(store: Store) -> None:
    lease = store.start("r1")
    inbox = store.folder(lease)
    store.list_new(lease, inbox, [1, 2, 3, 4])
    store.stage(
        lease,
        inbox,
        staged(1, parsed("a@x")),
        staged(2, parsed("b@x", subject="Other", body="Quite another text, on another topic.")),
        staged(3, parsed("a@x")),
        staged(4, parsed(None, sender=""), "quarantined"),
    )
    certificate = store.publish(lease, "C1")
    folder = certificate.folders[0]
    assert (folder.published, folder.duplicate, folder.quarantined) == (2, 1, 1)
    assert folder.balanced
    assert folder.listed == 4
    assert store.ledger.read_run("r1")["state"] == "published"
    assert store.count("crm_messages") == 2
    assert store.count("crm_message_sightings") == 3
    assert store.count("crm_message_contacts") == 2
    assert store.count("match_decisions") == 4
    assert store.rows("SELECT state, uid, attempts FROM sync_quarantine") == [("held", 4, 1)]
    for table in ("staged_messages", "staged_participants", "staged_decisions"):
        assert store.count(table) == 0


def test_publish_again_changes_nothing(store: Store) -> None:
    lease = store.start("r1")
    inbox = store.folder(lease)
    store.list_new(lease, inbox, [1])
    store.stage(lease, inbox, staged(1, parsed("a@x")))
    store.publish(lease)
    assert store.publisher.publish_batch(lease, NOON).already_published
    assert store.count("crm_messages") == 1


def test_publish_next_generation_is_duplicate_and_keeps_keys(store: Store) -> None:
    first = store.start("r1")
    inbox = store.folder(first)
    store.list_new(first, inbox, [1])
    store.stage(first, inbox, staged(1, parsed("a@x")))
    store.publish(first)
    keys = store.rows("SELECT message_key FROM crm_messages")
    second = store.start("r2")
    renumbered = store.folder(second, uidvalidity=8)
    assert renumbered.number == 2
    store.list_new(second, renumbered, [9])
    store.stage(second, renumbered, staged(9, parsed("a@x")))
    certificate = store.publish(second)
    assert certificate.total("duplicate") == 1
    assert certificate.total("published") == 0
    assert store.rows("SELECT message_key FROM crm_messages") == keys
    assert store.count("crm_message_sightings") == 2


def test_open_generation_seen_before_is_reopened(store: Store) -> None:
    lease = store.start("r1")
    ten, nine, again = (store.folder(lease, uidvalidity=n) for n in (10, 9, 10))
    assert (ten.number, nine.number, again.number) == (1, 2, 1)
    assert again.generation_id == ten.generation_id


def test_stage_superseded_run_is_fenced(store: Store) -> None:
    old = store.start("r1")
    inbox = store.folder(old)
    store.list_new(old, inbox, [1])
    new = store.start("r2")
    assert new.token > old.token
    with pytest.raises(FencedError):
        store.stage(old, inbox, staged(1, parsed("a@x")))
    assert store.count("staged_messages") == 0
    assert store.ledger.read_run("r1")["state"] == "superseded"


def test_publish_superseded_run_is_fenced(store: Store) -> None:
    old = store.start("r1")
    inbox = store.folder(old)
    store.list_new(old, inbox, [1])
    store.stage(old, inbox, staged(1, parsed("a@x")))
    store.match(old)
    report = passed_report(old.batch_id, store.staging.batch_hash(old.batch_id))
    store.publisher.write_report(old, report, NOON)
    store.start("r2")
    with pytest.raises(FencedError):
        store.publisher.publish_batch(old, NOON)
    assert store.count("crm_messages") == 0


def test_lease_of_other_mailbox_is_untouched(store: Store) -> None:
    mine = store.start("r1")
    store.start("r2", mailbox="billing")
    store.ledger.check_lease(mine)


def test_adopt_staged_rows_of_a_dead_run_are_not_read_again(store: Store) -> None:
    dead = store.start("r1")
    inbox = store.folder(dead)
    store.list_new(dead, inbox, [1, 2])
    store.stage(dead, inbox, staged(1, parsed("a@x")))
    lease = store.start("r2")
    store.ledger.write_listing(lease, inbox.generation_id, [], [], [1, 2], NOON)
    store.ledger.write_counts(lease, inbox.generation_id, 2, 0)
    assert list(store.ledger.plan_rows(lease, inbox.generation_id)) == [(2, 500)]
    assert store.ledger.has_staged(lease, inbox.generation_id)
    store.stage(lease, inbox, staged(2, parsed("b@x", body="Something else entirely, my friend.")))
    assert store.publish(lease).total("published") == 2


def test_adopt_quarantined_rows_of_a_held_batch_are_read_again(store: Store) -> None:
    held = store.start("r1")
    inbox = store.folder(held)
    store.list_new(held, inbox, [1])
    store.stage(held, inbox, staged(1, parsed(None, sender=""), "quarantined"))
    lease = store.start("r2")
    store.ledger.write_listing(lease, inbox.generation_id, [], [], [1], NOON)
    assert list(store.ledger.plan_rows(lease, inbox.generation_id)) == [(1, 500)]
    store.stage(lease, inbox, staged(1, parsed("a@x")))
    assert store.rows("SELECT state FROM sync_quarantine") == [("held",)]
    store.publish(lease)
    assert store.rows("SELECT state FROM sync_quarantine") == [("replayed",)]


def test_publish_held_batch_is_refused_and_pending(store: Store) -> None:
    lease = store.start("r1")
    inbox = store.folder(lease)
    store.list_new(lease, inbox, [1])
    store.stage(lease, inbox, staged(1, parsed("a@x")))
    store.match(lease)
    batch_hash = store.staging.batch_hash(lease.batch_id)
    report = passed_report(lease.batch_id, batch_hash, "rows_are_unique")
    store.publisher.write_report(lease, report, NOON)
    with pytest.raises(ChecksFailedError, match="rows_are_unique"):
        store.publisher.publish_batch(lease, NOON)
    assert store.ledger.read_run("r1")["state"] == "held"
    assert store.ledger.certificate("r1").total("pending") == 1
    assert store.count("crm_messages") == 0


def test_publish_rows_changed_after_the_checks_conflict(store: Store) -> None:
    lease = store.start("r1")
    inbox = store.folder(lease)
    store.list_new(lease, inbox, [1])
    store.stage(lease, inbox, staged(1, parsed("a@x")))
    store.match(lease)
    batch_hash = store.staging.batch_hash(lease.batch_id)
    store.publisher.write_report(lease, passed_report(lease.batch_id, batch_hash), NOON)
    store.match(lease, "C9")
    with pytest.raises(PublishConflictError, match="changed after the checks"):
        store.publisher.publish_batch(lease, NOON)


def test_publish_unchecked_batch_conflicts(store: Store) -> None:
    lease = store.start("r1")
    inbox = store.folder(lease)
    store.list_new(lease, inbox, [1])
    store.stage(lease, inbox, staged(1, parsed("a@x")))
    with pytest.raises(PublishConflictError, match="checks did not run"):
        store.publisher.publish_batch(lease, NOON)


def test_publish_message_that_another_mailbox_published_first_is_duplicate(store: Store) -> None:
    mine, theirs = store.start("r1"), store.start("r2", mailbox="billing")
    for lease in (mine, theirs):
        inbox = store.folder(lease)
        store.list_new(lease, inbox, [1])
        store.stage(lease, inbox, staged(1, parsed("a@x")))
        store.match(lease)
        report = passed_report(lease.batch_id, store.staging.batch_hash(lease.batch_id))
        store.publisher.write_report(lease, report, NOON)
    store.publisher.publish_batch(theirs, NOON)
    counts = store.publisher.publish_batch(mine, NOON)
    assert (counts.published, counts.duplicate) == (0, 1)
    assert store.ledger.certificate("r1").balanced
    assert store.count("crm_message_sightings") == 2


def test_publish_reply_joins_the_conversation(store: Store) -> None:
    first = store.start("r1")
    inbox = store.folder(first)
    store.list_new(first, inbox, [1, 2])
    other = parsed("c@x", subject="Lunch", body="Shall we have lunch together on Friday then?")
    store.stage(first, inbox, staged(1, parsed("a@x")), staged(2, other))
    store.publish(first)
    second = store.start("r2")
    store.list_new(second, inbox, [3])
    later = NOON + dt.timedelta(hours=1)
    reply = parsed(
        "b@x", references=("a@x", "c@x"), subject="Re: An offer", body="Yes.", sent_at=later
    )
    store.stage(second, inbox, staged(3, reply))
    store.publish(second)
    assert store.rows("SELECT message_count FROM crm_conversations") == [(3,)]
    assert len(store.rows("SELECT DISTINCT conversation_key FROM crm_messages")) == 1


def test_publish_stranger_who_names_an_id_neither_joins_nor_takes_it(store: Store) -> None:
    messages = (
        parsed("question@x.example"),
        parsed(
            "guess@evil.example",
            sender="eve@evil.example",
            body="Pay here instead, and do it before noon.",
            references=("question@x.example",),
        ),
        parsed(
            "answer@x.example",
            sender="sales@acme.example",
            to=("ada@customer.example",),
            body="Thank you, we agree.",
            references=("question@x.example",),
        ),
    )
    for uid, message in enumerate(messages, start=1):
        lease = store.start(f"run-{uid}")
        folder = store.folder(lease)
        store.list_new(lease, folder, [uid])
        store.stage(lease, folder, staged(uid, message))
        store.publish(lease)
    found = store.rows(
        "SELECT count(*), min(from_address) FROM crm_messages GROUP BY conversation_key ORDER BY 1"
    )
    assert found == [(1, "eve@evil.example"), (2, "ada@customer.example")]


def test_publish_bounce_writes_delivery_failure(store: Store) -> None:
    lease = store.start("r1")
    inbox = store.folder(lease)
    store.list_new(lease, inbox, [1])
    report = BounceReport("gone@customer.example", "5.1.1", "no such user", "a@x")
    bounce = parsed("b@x", sender="mailer-daemon@x.example", kind="bounce", bounces=(report,))
    store.stage(lease, inbox, staged(1, bounce))
    store.publish(lease)
    found = store.rows("SELECT recipient, status, class FROM crm_delivery_failures")
    assert found == [("gone@customer.example", "5.1.1", "hard")]


def test_write_absent_keeps_the_certificate_balanced(store: Store) -> None:
    lease = store.start("r1")
    inbox = store.folder(lease)
    store.list_new(lease, inbox, [1, 2, 3])
    store.ledger.write_absent(lease, inbox.generation_id, [1], {2: "NO server error"}, NOON)
    certificate = store.ledger.certificate("r1")
    folder = certificate.folders[0]
    assert (folder.vanished, folder.unavailable, folder.pending) == (1, 1, 1)
    assert folder.balanced
    assert not certificate.is_complete


def test_coverage_grows_by_the_window(store: Store) -> None:
    lease = store.start("r1")
    inbox = store.folder(lease)
    store.list_new(lease, inbox, [])
    store.publisher.publish_batch(lease, NOON)
    assert store.ledger.read_run("r1")["state"] == "nothing_new"
    since = WINDOW.since - dt.timedelta(days=30)
    wider = store.ledger.take_lease(MAILBOX, "r2", Window(since, WINDOW.since), NOON)
    store.list_new(wider, inbox, [])
    store.publisher.publish_batch(wider, NOON)
    with reading(store.engine) as connection:
        table = schema.sync_coverage
        rows = connection.execute(select(table.c.since, table.c.until)).all()
    assert [tuple(row) for row in rows] == [(since, WINDOW.until)]


@pytest.mark.parametrize("state", ["outside", "listed"])
def test_ledger_uid_at_the_end_of_its_range_is_kept(store: Store, state: str) -> None:
    lease = store.start("r1")
    inbox = store.folder(lease)
    rows = [listed(4294967295)]
    news, outside = (rows, []) if state == "listed" else ([], rows)
    store.ledger.write_listing(lease, inbox.generation_id, news, outside, [], NOON)
    entries = store.ledger.read_entries(inbox.generation_id, 1, None)
    assert entries[4294967295].state == state
    assert entries[4294967295].internaldate == NOON
