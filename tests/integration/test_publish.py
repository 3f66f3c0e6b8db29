"""Publishing: all or nothing for every reader, tickets, notices and lineage; on both databases."""

import dataclasses
import datetime as dt
import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from sqlalchemy import Engine, event, text

from fakes.mail_reader import FakeMailbox, FakeMessage
from faults.world import NOW, letter, make_services, prepare
from mailcrm.adapters.crm_database.engine import make_engine
from mailcrm.records import Ownership, SharedChecklist
from mailcrm.services.run import RunReport, run_mailbox
from mailcrm.services.wiring import Services
from servers.mailboxes import make_mailbox

MOMENT = NOW - dt.timedelta(days=3)
HOUR = dt.timedelta(hours=1)
SHARED = SharedChecklist("Support", "tickets", "team", "it@acme.example", "post@acme.example")
REPORT = b"""From: MAILER-DAEMON@mx.acme.example\r
To: sales@acme.example\r
Subject: Undelivered\r
Date: Tue, 17 Nov 2026 12:00:00 +0000\r
Message-ID: <bounce-1@mx.acme.example>\r
MIME-Version: 1.0\r
Content-Type: multipart/report; report-type=delivery-status; boundary=b\r
\r
--b\r
Content-Type: text/plain\r
\r
It failed.\r
--b\r
Content-Type: message/delivery-status\r
\r
Reporting-MTA: dns; mx.acme.example\r
\r
Final-Recipient: rfc822; gone@customer.example\r
Action: failed\r
Status: 5.1.1\r
Diagnostic-Code: smtp; 550 no such user\r
\r
--b--\r
"""


@dataclass
class World:
    mailbox: FakeMailbox
    services: Services
    engine: Engine

    def put(self, raw: bytes, folder: str = "INBOX", moment: dt.datetime = MOMENT) -> None:
        self.mailbox.folders[folder].add(FakeMessage(raw, moment))

    def run(self, mailbox_id: str = "sales") -> RunReport:
        report = run_mailbox(self.services, mailbox_id)
        assert report.failure is None, report.failure
        return report

    def rows(self, statement: str) -> list[tuple[Any, ...]]:
        with self.engine.connect() as connection:
            return [tuple(row) for row in connection.execute(text(statement))]

    def change(self, statement: str) -> None:
        with self.engine.begin() as connection:
            connection.execute(text(statement))


@pytest.fixture
def world(database_url: str) -> Iterator[World]:
    shared = dataclasses.replace(
        make_mailbox(folders=("INBOX", "Archive", "\\Sent")),
        ownership=Ownership.SHARED,
        shared=SHARED,
    )
    personal = {"id": "billing", "ownership": Ownership.PERSONAL, "shared": None}
    prepare(database_url, shared, dataclasses.replace(shared, **personal))
    mailbox = FakeMailbox()
    mailbox.create_folder("Archive")
    mailbox.create_folder("Sent", "\\sent")
    services, engine = make_services(database_url, mailbox)
    yield World(mailbox, services, engine)
    engine.dispose()


def reply(name: str, first: str, moment: dt.datetime, **changes: Any) -> bytes:
    header = f"In-Reply-To: <{first}@customer.example>"
    return letter(name, moment, header, subject=f"Re: About {first}", **changes)


TICKETS = "SELECT mailbox_id, subject, contact_id, state, owner_team FROM crm_tickets ORDER BY 2"


def test_tickets_conversation_opens_one_and_replies_join(world: World) -> None:
    world.put(letter("one", MOMENT))
    world.put(reply("again", "one", MOMENT + HOUR))
    ours = reply("answer", "one", MOMENT + 2 * HOUR, sender="sales@acme.example", to="a@c.example")
    world.put(ours, "Sent")
    world.put(letter("two", MOMENT, sender="stranger@else.example"))
    world.run()
    assert world.rows(TICKETS) == [
        ("sales", "About one", "C1", "open", "Support"),
        ("sales", "About two", None, "open", "Support"),
    ]
    opened = world.rows(
        "SELECT COUNT(*) FROM crm_tickets AS t JOIN crm_conversations AS c"
        " ON c.conversation_key = t.conversation_key"
    )
    assert opened == [(2,)]


def test_tickets_what_people_changed_stays(world: World) -> None:
    world.put(letter("one", MOMENT))
    world.run()
    world.change("UPDATE crm_tickets SET state = 'closed', owner_team = 'B', contact_id = 'C9'")
    world.change("UPDATE crm_tickets SET subject = 'renamed'")
    before = world.rows("SELECT * FROM crm_tickets")
    world.put(reply("again", "one", MOMENT + HOUR))
    world.run()
    world.mailbox.folders["INBOX"].uidvalidity = 99
    world.run()
    assert world.rows("SELECT * FROM crm_tickets") == before


@pytest.mark.parametrize(
    "raw",
    [
        REPORT,
        letter("list", MOMENT, "List-Unsubscribe: <mailto:u@x.example>", "Precedence: bulk"),
        letter("away", MOMENT, "Auto-Submitted: auto-replied"),
        letter("ours", MOMENT, sender="sales@acme.example", to="ada@customer.example"),
    ],
    ids=["bounce", "bulk", "auto_reply", "outbound"],
)
def test_tickets_machines_and_our_own_mail_open_nothing(world: World, raw: bytes) -> None:
    world.put(raw)
    world.run()
    assert world.rows("SELECT COUNT(*) FROM crm_messages") == [(1,)]
    assert world.rows("SELECT * FROM crm_tickets") == []


def test_tickets_message_that_another_mailbox_published_opens_one_here(world: World) -> None:
    world.put(letter("one", MOMENT))
    world.run("billing")
    assert world.rows("SELECT * FROM crm_tickets") == []
    world.run()
    assert world.rows("SELECT mailbox_id FROM crm_tickets") == [("sales",)]


def test_failed_sends_are_noted_and_told_once_to_the_monitor(world: World) -> None:
    world.put(REPORT)
    world.run()
    told = "SELECT notified_at IS NULL FROM failed_send_notices"
    assert world.rows(told) == [(True,)]
    world.mailbox.folders["INBOX"].uidvalidity = 99
    world.run()
    assert world.rows(told) == [(False,)]
    notices = world.rows("SELECT recipient, monitor, mailbox_id FROM failed_send_notices")
    assert notices == [("gone@customer.example", "post@acme.example", "sales")]
    assert world.rows("SELECT status, class FROM crm_delivery_failures") == [("5.1.1", "hard")]


@pytest.mark.row("R103")
def test_publish_reader_at_every_statement_sees_all_or_nothing(
    world: World, database_url: str
) -> None:
    for number in range(30):
        world.put(letter(f"first-{number}", MOMENT))
    world.run()
    for number in range(30):
        world.put(letter(f"second-{number}", MOMENT))
        world.put(reply(f"third-{number}", f"first-{number}", MOMENT + HOUR))
    world.put(REPORT)
    reader = make_engine(database_url)
    tables = [
        name
        for (name,) in world.rows(_TABLES[world.engine.dialect.name])
        if name.startswith(("crm_", "match_decisions", "failed_", "v_"))
    ]
    counts = ", ".join(f"(SELECT COUNT(*) FROM {name})" for name in tables)
    seen: list[tuple[Any, ...]] = []

    def look(*_: object) -> None:
        with reader.connect() as connection:
            query = f"SELECT {counts}, (SELECT SUM(message_count) FROM crm_conversations)"
            seen.append(tuple(connection.execute(text(query)).one()))

    event.listen(world.engine, "before_cursor_execute", look)
    event.listen(world.engine, "after_cursor_execute", look)
    world.run()
    event.remove(world.engine, "before_cursor_execute", look)
    event.remove(world.engine, "after_cursor_execute", look)
    look()
    reader.dispose()
    assert len(seen) > 100
    assert len(set(seen)) == 2
    changes = sum(a != b for a, b in itertools.pairwise(seen))
    assert changes == 1


_TABLES = {
    "sqlite": "SELECT name FROM sqlite_master WHERE type IN ('table', 'view')",
    "postgresql": "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'",
}


@pytest.mark.row("R098")
def test_lineage_published_row_leads_to_run_and_versions(world: World) -> None:
    world.put(letter("one", MOMENT))
    report = world.run()
    ((batch, run_id, mailbox_id, kind, batch_hash),) = world.rows(
        "SELECT batch_id, run_id, mailbox_id, run_kind, batch_hash FROM v_message_lineage"
    )
    assert report.summary is not None
    assert (run_id, mailbox_id, kind) == (report.run_id, "sales", "sync")
    assert batch == report.summary.batch_id
    assert len(batch_hash) == 64
    versions = world.services.ledger.read_run(run_id)["versions"]
    assert set(versions) == {"mailcrm", "parser", "matching", "checks"}  # type: ignore[call-overload]
    ((rule_version,),) = world.rows("SELECT DISTINCT rule_version FROM match_decisions")
    assert rule_version == versions["matching"]  # type: ignore[index]


@pytest.mark.row("R110")
@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO crm_message_sightings SELECT * FROM crm_message_sightings",
        "INSERT INTO crm_messages SELECT * FROM crm_messages",
        "INSERT INTO crm_tickets SELECT * FROM crm_tickets",
        "INSERT INTO match_decisions SELECT * FROM match_decisions",
    ],
)
def test_publish_twice_is_refused_by_the_database_itself(world: World, statement: str) -> None:
    world.put(letter("one", MOMENT))
    world.run()
    with pytest.raises(Exception, match=r"(?i)unique"):
        world.change(statement)
