"""Whoever watches a shared mailbox's failed sends is told of each once, in one word."""

import datetime as dt
import email
import email.policy
from pathlib import Path

import pytest
from sqlalchemy import insert, select

from integration.test_notice_mail import OWNER, PLAIN, SHARED, _connection, _services
from mailcrm.adapters.crm_database.engine import make_engine, reading, writing
from mailcrm.adapters.crm_database.failed_sends import FailedSendTables
from mailcrm.adapters.crm_database.migrate import upgrade
from mailcrm.adapters.crm_database.schema import (
    crm_delivery_failures,
    crm_messages,
    failed_send_notices,
)
from mailcrm.services.notices import send_notices
from servers.mailboxes import make_mailbox
from servers.smtp_sink import run_smtp_sink

NOW = dt.datetime(2026, 11, 20, 12, tzinfo=dt.UTC)
FAILURES = (("k1", "a@gone.example", "hard"), ("k1", "b@full.example", "quota"))


def write_failures(url: str) -> None:
    engine = make_engine(url)
    upgrade(engine)
    message = {
        "message_key": "k1",
        "subject": "Undelivered",
        "sent_at": NOW,
        "sent_at_source": "date",
        "received_at": NOW,
        "direction": "inbound",
        "from_address": "mailer-daemon@acme.example",
        "from_name": "",
        "body_text": "",
        "snippet": "",
        "size_bytes": 1,
        "attachment_count": 0,
        "kind": "bounce",
        "is_conflict": False,
        "batch_id": "b1",
        "published_at": NOW,
    }
    with writing(engine) as connection:
        connection.execute(insert(crm_messages), [message])
        for key, recipient, kind in FAILURES:
            here = {"message_key": key, "recipient": recipient}
            connection.execute(
                insert(crm_delivery_failures).values(**here, diagnostic="no", **{"class": kind})
            )
            names = {"monitor": OWNER, "mailbox_id": "sales", "batch_id": "b1", "created_at": NOW}
            connection.execute(insert(failed_send_notices).values(**here, **names))
    engine.dispose()


def test_failed_sends_are_mailed_to_the_monitor_once(tmp_path: Path) -> None:
    write_failures(f"sqlite:///{tmp_path / 'mailcrm.db'}")
    with run_smtp_sink() as sink:
        connection = _connection(sink, **PLAIN)
        with _services(tmp_path, make_mailbox(), connection) as (services, _):
            assert send_notices(services) == 1
            assert send_notices(services) == 0
        (letter,) = sink.messages
    found = email.message_from_bytes(letter.content, policy=email.policy.default)
    assert found["To"] == OWNER == SHARED.failed_send_monitor
    assert found["Subject"] == "mailcrm: sending of mailbox sales failed for some recipients"
    assert "2 recipients were not reached (1 hard, 1 quota)" in found.get_content()
    assert "gone.example" not in found.as_string()


def test_failed_sends_wait_where_the_notice_could_not_go_out(tmp_path: Path) -> None:
    write_failures(f"sqlite:///{tmp_path / 'mailcrm.db'}")
    with _services(tmp_path, make_mailbox(), None) as (services, _):
        assert send_notices(services) == 0
        (waiting,) = services.upkeep.failed_sends.claim_failed_sends(NOW)
    assert waiting.mailbox_id == "sales"


@pytest.mark.needs_postgres
def test_failed_sends_are_claimed_once_on_postgres_too(database_url: str) -> None:
    write_failures(database_url)
    engine = make_engine(database_url)
    tables = FailedSendTables(engine)
    (notice,) = tables.claim_failed_sends(NOW)
    assert notice.recipient == OWNER
    assert not tables.claim_failed_sends(NOW + dt.timedelta(seconds=1))
    tables.release_failed_sends(notice)
    with reading(engine) as connection:
        told = connection.execute(select(failed_send_notices.c.notified_at)).scalars().all()
    assert told == [None, None]
    engine.dispose()
