"""The whole engine on a real database, over mailboxes in memory and a clock that only ticks."""

import dataclasses
import datetime as dt
import json
import time
from collections.abc import Callable, Mapping
from typing import Any

from sqlalchemy import Engine, select

from fakes.mail_reader import FakeMailbox, FakeMailServers
from faults.light_gate import LightGate
from faults.steps import SteppedServers, watch_engine
from mailcrm.adapters.crm_database import schema
from mailcrm.adapters.crm_database.approvals import ApprovalTables
from mailcrm.adapters.crm_database.chores import ChoreTables
from mailcrm.adapters.crm_database.contacts import ContactTables
from mailcrm.adapters.crm_database.engine import make_engine, reading
from mailcrm.adapters.crm_database.held_messages import HoldTables
from mailcrm.adapters.crm_database.ledger import LedgerTables
from mailcrm.adapters.crm_database.migrate import upgrade
from mailcrm.adapters.crm_database.overview import OverviewTables
from mailcrm.adapters.crm_database.publish import PublishTables
from mailcrm.adapters.crm_database.registry import RegistryTables
from mailcrm.adapters.files import LocalFiles
from mailcrm.adapters.secrets import EnvironmentCredentials, connection_variable
from mailcrm.adapters.staging import StagingTables
from mailcrm.records import Contact, ContactAddress, Direction, Mailbox
from mailcrm.services.wiring import Services, make_upkeep
from mailcrm.settings import Settings
from servers.mailboxes import make_mailbox

__all__ = [
    "CONTACTS",
    "NOW",
    "Dump",
    "TickingClock",
    "compare",
    "dump",
    "letter",
    "make_services",
    "prepare",
]

NOW = dt.datetime(2026, 11, 20, 12, tzinfo=dt.UTC)
CONTACTS = tuple(
    Contact(id_, name, "Customer", domain, (ContactAddress(address, is_primary=True),))
    for id_, name, domain, address in (
        ("C1", "Ada Lovelace", "customer.example", "ada@customer.example"),
        ("C2", "Charles Babbage", "engines.example", "charles@engines.example"),
        ("C3", "Mary Somerville", "customer.example", "mary@customer.example"),
    )
)
Dump = Mapping[str, list[str]]


class TickingClock:
    """Every look is a millisecond later; runs are hours apart."""

    def __init__(self, start: dt.datetime = NOW) -> None:
        self._now = start

    def now(self) -> dt.datetime:
        self._now += dt.timedelta(milliseconds=1)
        return self._now

    def monotonic(self) -> float:
        return time.monotonic()


def make_services(
    database: str | Engine,
    mailbox: FakeMailbox,
    steps: Callable[[str], None] | None = None,
    start: dt.datetime = NOW,
    **settings: Any,
) -> tuple[Services, Engine]:
    """Everything real but the mail server, the clock and the wording of the gate."""
    engine = make_engine(database) if isinstance(database, str) else database
    if steps is not None:
        watch_engine(engine, steps)
    servers = FakeMailServers(mailbox) if steps is None else SteppedServers(mailbox, steps)
    chosen = Settings(
        **{"fetch_chunk_messages": 4, "slice_messages": 6, "reports_kept": 0, **settings}
    )
    login = json.dumps({"conn_type": "imap", "login": "ann", "password": "none"})
    variables = {
        connection_variable(mailbox_id, direction): login
        for mailbox_id in ("sales", "billing")
        for direction in Direction
    }
    services = Services(
        settings=chosen,
        clock=TickingClock(start),
        registry=RegistryTables(engine),
        ledger=LedgerTables(engine),
        staging=StagingTables(engine),
        contacts=ContactTables(engine),
        publisher=PublishTables(engine),
        gate=LightGate(engine, chosen),
        overview=OverviewTables(engine),
        holds=HoldTables(engine),
        approvals=ApprovalTables(engine),
        chores=ChoreTables(engine),
        servers=servers,
        credentials=EnvironmentCredentials(variables),
        files=LocalFiles(chosen.home, chosen.files_url),
        upkeep=make_upkeep(engine, chosen),
    )
    return services, engine


def prepare(database: str | Engine, *more: Mailbox) -> None:
    """Create the tables, the mailbox `sales` and the contacts; nobody stays connected."""
    engine = make_engine(database) if isinstance(database, str) else database
    upgrade(engine)
    sales = make_mailbox(folders=("INBOX", "Archive", "\\Sent"))
    for mailbox in (sales, *more):
        connected = dataclasses.replace(mailbox, connected_at=NOW)
        RegistryTables(engine).write_mailbox(connected, NOW)
    ContactTables(engine).upsert_contacts(CONTACTS, NOW)
    engine.dispose()


def letter(
    name: str,
    sent: dt.datetime,
    *headers: str,
    sender: str = "ada@customer.example",
    to: str = "sales@acme.example",
    subject: str = "",
    body: str = "",
    message_id: str | None = "",
) -> bytes:
    """A message whose text no other has; `message_id` None leaves it out."""
    lines = [f"From: {sender}", f"To: {to}", f"Subject: {subject or 'About ' + name}"]
    lines.append(f"Date: {sent:%a, %d %b %Y %H:%M:%S +0000}")
    if message_id is not None:
        lines.append(f"Message-ID: {message_id or f'<{name}@customer.example>'}")
    text = body or f"This is the letter {name}; what it says of {name[::-1]}, no other letter says."
    return "\r\n".join([*lines, *headers, "", text, ""]).encode()


_LEFT_OUT = frozenset(
    {
        "attempts",
        "batch_id",
        "created_at",
        "decided_at",
        "first_seen_at",
        "generation_id",
        "last_seen_at",
        "published_at",
        "quarantine_id",
        "updated_at",
    }
)
_TABLES = tuple(
    table
    for table in schema.metadata.sorted_tables
    if table.name.startswith(("crm_", "match_", "staged_", "conversation_", "message_"))
    or table.name in ("sync_generations", "sync_ledger", "sync_coverage", "sync_quarantine")
)


def dump(engine: Engine) -> Dump:
    """All that a run leaves behind, in one form: without its own ids, numbers and times.

    What is left out differs between any two runs of the same mail: when it was written, by which
    batch, after how many attempts. Numbers of generations are replaced by what they name.
    """
    found: dict[str, list[str]] = {}
    with reading(engine) as connection:
        generations = {
            row.generation_id: f"{row.mailbox_id}/{row.folder}/{row.uidvalidity}"
            for row in connection.execute(select(schema.sync_generations))
        }
        for table in _TABLES:
            found[table.name] = sorted(
                _line(dict(row), generations)
                for row in connection.execute(select(table)).mappings()
            )
    return found


def _line(row: dict[str, Any], generations: Mapping[int, str]) -> str:
    if "generation_id" in row:
        row["in"] = generations[row["generation_id"]]
    return json.dumps({k: v for k, v in row.items() if k not in _LEFT_OUT}, default=repr)


def compare(expected: Dump, found: Dump) -> list[str]:
    """What differs, table by table; empty where nothing does."""
    differences = []
    for table, rows in expected.items():
        lost = sorted(set(rows) - set(found[table]))
        added = sorted(set(found[table]) - set(rows))
        if rows != found[table]:
            counts = f"{len(rows)} rows expected, {len(found[table])} found"
            differences.append(f"{table}: {counts}; lost {lost[:2]}, added {added[:2]}")
    return differences
