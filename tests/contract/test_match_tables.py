"""What the match reads of earlier batches, and earlier versions; on SQLite and on PostgreSQL."""

import datetime as dt
from collections.abc import Iterator
from typing import Any

import pytest
from alembic import command
from sqlalchemy import text

from builders import NOON
from contract.crm_world import World, mail, open_world
from mailcrm.adapters.crm_database.engine import make_engine, reading, writing
from mailcrm.adapters.crm_database.migrate import _config, upgrade

LONG = " ".join(f"word{n}" for n in range(700))
FOOTER = "\n____________________\npumps mailing list\nhttps://lists.example.org/listinfo/pumps"


@pytest.fixture
def world(database_url: str) -> Iterator[World]:
    world = open_world(database_url)
    yield world
    world.engine.dispose()


def test_upgrade_of_first_tables_gives_every_mailbox_with_runs_a_mark(database_url: str) -> None:
    engine, config = make_engine(database_url), _config()
    run = (
        "INSERT INTO sync_runs (run_id, batch_id, mailbox_id, kind, token, state, window_since,"
        " window_until, window_is_open, started_at) VALUES ('{0}', '{0}', '{1}', 'sync', 1,"
        " 'published', '2026-11-01 00:00:00.000000', '2026-11-08 00:00:00.000000', true,"
        " '2026-11-0{2} 12:00:00.000000')"
    )
    with writing(engine) as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
        zone = "SET TIME ZONE 'UTC'" if engine.dialect.name == "postgresql" else "SELECT 1"
        connection.execute(text(zone))
        for statement in _first_rows(run):
            connection.execute(text(statement))
    upgrade(engine)
    with reading(engine) as connection:
        rows = connection.execute(text("SELECT * FROM rematch_marks ORDER BY mailbox_id")).all()
    marks = {row[0]: (str(row[1])[:10], row[2]) for row in rows}
    assert marks == {"billing": ("2026-11-05", None), "sales": ("2026-11-02", None)}
    hours = {row[0]: _hour(row[1]) for row in rows}
    assert hours == {"billing": 11, "sales": 11}
    engine.dispose()


def _hour(moment: Any) -> int:
    """On SQLite a text comes back; on PostgreSQL the session's zone is to be undone."""
    if isinstance(moment, dt.datetime):
        return moment.astimezone(dt.UTC).hour
    return int(str(moment)[11:13])


def _first_rows(run: str) -> list[str]:
    """Runs of two mailboxes, and a mark of one of them, by the columns that there were."""
    return [
        run.format("r1", "sales", 2),
        run.format("r2", "sales", 3),
        run.format("r3", "billing", 4),
        "INSERT INTO rematch_marks (mailbox_id, contacts_at)"
        " VALUES ('billing', '2026-11-05 12:00:00.000000')",
    ]


def test_copy_of_a_message_with_a_sketch_of_earlier_rules_is_no_conflict(world: World) -> None:
    world.publish(mail(1, "ada@customer.example", body=LONG))
    with writing(world.engine) as connection:
        connection.execute(text("UPDATE message_identities SET text_sketch = '700:0000000a'"))
    copy = mail(1, "ada@customer.example", body=LONG + " and a gateway's words" + FOOTER)
    world.publish(copy, uidvalidity=8)
    assert world.rows("SELECT count(*) FROM crm_messages") == [(1,)]
    assert world.rows("SELECT count(*) FROM crm_message_sightings") == [(2,)]


@pytest.mark.parametrize("question_first", [True, False])
def test_answer_without_references_joins_in_either_order(
    world: World, question_first: bool
) -> None:
    question = mail(1, "ada@customer.example", subject="The pump is leaking")
    answer = mail(
        2,
        "bob@stone.example",
        to=("ada@customer.example",),
        subject="Re: The pump is leaking",
        sent_at=NOON + dt.timedelta(days=1),
    )
    for one in (question, answer) if question_first else (answer, question):
        world.publish(one)
    assert world.rows("SELECT message_count FROM crm_conversations") == [(2,)]
    assert len(world.rows("SELECT DISTINCT conversation_key FROM crm_messages")) == 1


def test_conversations_of_one_subject_move_together_when_they_merge(world: World) -> None:
    subject = "Re: The pump is leaking"
    one = mail(1, "ada@customer.example", subject=subject)
    two = mail(2, "eve@quarry.example", subject=subject)
    world.publish(one, two)
    assert world.rows("SELECT count(*) FROM conversation_subjects") == [(2,)]
    bridge = mail(
        3,
        "ada@customer.example",
        to=("eve@quarry.example",),
        subject="Both",
        references=("m1@customer.example", "m2@customer.example"),
    )
    world.publish(bridge)
    assert world.rows("SELECT message_count FROM crm_conversations") == [(3,)]
    assert world.rows("SELECT count(*) FROM conversation_subjects") == [(1,)]


def test_bounce_with_a_conversations_subject_stays_alone(world: World) -> None:
    subject = "Re: The pump is leaking"
    world.publish(mail(1, "ada@customer.example", subject=subject))
    world.publish(mail(2, "ada@customer.example", subject=subject, kind="bounce"))
    assert len(world.rows("SELECT DISTINCT conversation_key FROM crm_messages")) == 2
