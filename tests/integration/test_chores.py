"""Regular upkeep: freshness is told once per outage, dead staging goes, all are counted."""

import dataclasses
import datetime as dt
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, func, insert, select

from fakes.mail_reader import FakeMailbox
from faults.world import make_services, prepare
from mailcrm.adapters.crm_database import schema
from mailcrm.adapters.crm_database.engine import reading, writing
from mailcrm.services.chores import run_digest, run_freshness, run_retention
from mailcrm.services.wiring import Services
from servers.mailboxes import make_mailbox

START = dt.datetime(2026, 11, 22, 12, tzinfo=dt.UTC)
LIMIT = dt.timedelta(hours=6)


@pytest.fixture
def world(database_url: str, tmp_path: Path) -> tuple[Services, Engine]:
    """Mailbox `sales` wants a good run every six hours; connected a day ago."""
    prepare(database_url)
    services, engine = make_services(database_url, FakeMailbox({}), start=START, home=tmp_path)
    mailbox = dataclasses.replace(
        make_mailbox(), freshness=LIMIT, connected_at=START - dt.timedelta(days=1)
    )
    services.registry.write_mailbox(mailbox, START)
    return services, engine


def add_run(engine: Engine, name: str, state: str, ended: dt.datetime) -> None:
    with writing(engine) as connection:
        connection.execute(
            insert(schema.sync_runs).values(
                run_id=f"sales/{name}",
                mailbox_id="sales",
                batch_id=f"batch-{name}",
                token=1,
                window_since=ended,
                window_until=ended,
                window_is_open=True,
                state=state,
                started_at=ended,
                finished_at=ended,
            )
        )


def notices(engine: Engine) -> list[tuple[Any, ...]]:
    table = schema.mailbox_notices
    with reading(engine) as connection:
        rows = connection.execute(select(table.c.event, table.c.reason).order_by(table.c.notice_id))
        return [tuple(row) for row in rows]


def test_freshness_missed_is_told_once_and_so_is_its_end(world: tuple[Services, Engine]):
    services, engine = world
    add_run(engine, "old", "published", START - 2 * LIMIT)
    add_run(engine, "bad", "failed", START)
    for _ in range(3):
        assert [one.is_stale for one in run_freshness(services)] == [True]
    told = [("broke", "no good run since 2026-11-22 00:00 UTC")]
    assert notices(engine) == told
    add_run(engine, "new", "nothing_new", START)
    for _ in range(2):
        assert [one.is_stale for one in run_freshness(services, "sales")] == [False]
    assert notices(engine) == [*told, ("recovered", "a good run came again")]


def test_freshness_of_a_mailbox_that_runs_in_time_tells_nobody(world: tuple[Services, Engine]):
    services, engine = world
    add_run(engine, "new", "published", START)
    assert not run_freshness(services)[0].is_stale
    assert notices(engine) == []


def test_freshness_of_a_paused_mailbox_is_not_judged(world: tuple[Services, Engine]):
    services, _ = world
    services.registry.set_state("sales", "paused", START)
    assert run_freshness(services) == ()


def test_digest_counts_mailboxes_and_names_the_stale(world: tuple[Services, Engine]):
    services, _ = world
    digest = run_digest(services)
    assert dict(digest.mailboxes) == {"active": 1}
    assert (digest.quarantine, digest.open_reviews, digest.held_batches) == (0, 0, 0)


def test_retention_deletes_only_what_no_run_and_no_ledger_row_holds(
    world: tuple[Services, Engine],
):
    services, engine = world
    add_run(engine, "dead", "superseded", START)
    add_run(engine, "live", "running", START)
    columns = schema.staged_messages.c
    with writing(engine) as connection:
        generation_id = connection.execute(
            insert(schema.sync_generations)
            .values(
                mailbox_id="sales",
                folder="INBOX",
                generation=1,
                uidvalidity=1,
                first_seen_at=START,
                last_seen_at=START,
            )
            .returning(schema.sync_generations.c.generation_id)
        ).scalar_one()
        for uid, name in enumerate(("dead", "live"), start=1):
            row = {
                column.name: _filler(column)
                for column in columns
                if not column.nullable and column.server_default is None
            }
            row |= {"generation_id": generation_id, "uid": uid, "batch_id": f"batch-{name}"}
            connection.execute(insert(schema.staged_messages).values(**row))
    assert run_retention(services) == 1
    assert run_retention(services) == 0
    with reading(engine) as connection:
        left = connection.execute(select(columns.batch_id)).scalars().all()
        total = connection.execute(select(func.count()).select_from(schema.staged_messages))
        assert (left, total.scalar_one()) == (["batch-live"], 1)


def _filler(column: Any) -> Any:
    """Some value of a column's type."""
    if isinstance(column.type, schema.UtcDateTime):
        return START
    if column.name == "disposition":
        return "publish"
    kind = column.type.python_type
    return [] if kind in (object, dict) else kind()  # JSON columns hold lists
