"""Measure contacts import, match, check and publish on N messages, on SQLite and PostgreSQL.

    PYTHONPATH=tests .venv/bin/python benchmarks/publish_speed.py [N] [--contacts N] [--only KIND]

N defaults to 20,000. Each database is a fresh one: a SQLite file in the temporary folder, and a
PostgreSQL that is started for it with the tests' settings (no fsync). Messages are made up, about
3 KB of text with three participants, one in ten a copy in another folder, four to a conversation,
half of the senders known contacts; they are staged through the real stores, and the real services
do the rest. Printed for each stage: seconds of wall time, of our own CPU, and of the CPU of the
database server (empty for SQLite, whose work is our own). The import of Great Expectations is a
line of its own.
"""

import argparse
import contextlib
import datetime as dt
import os
import platform
import random
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from pydantic import SecretStr

from mailcrm.adapters.crm_database.engine import make_engine
from mailcrm.adapters.expectations.loading import load_library
from mailcrm.dedupe import plan_identity
from mailcrm.records import (
    Attachment,
    Contact,
    ContactAddress,
    Lease,
    ListedMessage,
    ParsedMessage,
    Participant,
    StagedMessage,
    Window,
)
from mailcrm.services.check import run_check
from mailcrm.services.match import run_match
from mailcrm.services.publish import run_publish
from mailcrm.services.wiring import Services, open_services, upgrade_database
from mailcrm.settings import Settings
from servers.mailboxes import make_mailbox
from servers.postgres import run_postgres

NOW = dt.datetime(2026, 11, 20, 12, tzinfo=dt.UTC)
WINDOW = Window(NOW - dt.timedelta(days=30), NOW + dt.timedelta(days=1))
WORDS = [f"word{number}" for number in range(3_000)]
COPIES = 10  # one message in so many lies in a second folder, too
CHUNK = 2_000


class Meter:
    """Wall seconds, and CPU seconds of ourselves and of the database's server."""

    def __init__(self, url: str) -> None:
        self._server = None if url.startswith("sqlite") else _find_server(url)

    @contextlib.contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Time what happens inside, and print it."""
        server, wall, own = self._server_s(), time.monotonic(), time.process_time()
        yield
        wall, own = time.monotonic() - wall, time.process_time() - own
        line = f"  {name:<22} {wall:8.2f} {own:8.2f}"
        print(line if self._server is None else f"{line} {self._server_s() - server:8.2f}")
        sys.stdout.flush()

    def _server_s(self) -> float:
        """Of the server, its children that ended (fields 16 and 17), and those that live."""
        if self._server is None:
            return 0.0
        ticks = sum(_cpu_fields(self._server)[:4])
        children = Path(f"/proc/{self._server}/task/{self._server}/children").read_text()
        for child in children.split():
            with contextlib.suppress(OSError):
                ticks += sum(_cpu_fields(int(child))[:2])
        return ticks / os.sysconf("SC_CLK_TCK")


def _cpu_fields(pid: int) -> list[int]:
    """utime, stime, cutime and cstime of a process; see proc(5)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return [int(field) for field in fields[11:15]]


def _find_server(url: str) -> int:
    """The pid of the server that a connection's process is a child of."""
    engine = make_engine(url)
    with engine.connect() as connection:
        pid = connection.exec_driver_sql("SELECT pg_backend_pid()").scalar_one()
        parent = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1]
    engine.dispose()
    return int(parent)


def name_of(number: int) -> str:
    """A full name in letters, because digits are no part of a name."""
    letters = [chr(97 + number // 26**place % 26) for place in range(5)]
    return f"An{''.join(letters[:2])} Be{''.join(letters)}"


def make_contacts(count: int) -> list[Contact]:
    """People with two addresses each; the first ones are those who write."""
    return [
        Contact(
            f"C{n}",
            name_of(n),
            f"Company {n % 5000}",
            f"company{n % 5000}.example",
            (
                ContactAddress(f"person{n}@company{n % 5000}.example", is_primary=True),
                ContactAddress(f"person{n}@home.example", is_primary=False),
            ),
        )
        for n in range(count)
    ]


def make_messages(count: int) -> Iterator[ParsedMessage]:
    """Messages of a thousand people, half of them contacts, in conversations of four."""
    chance = random.Random(20261120)
    for n in range(count):
        person = chance.randrange(1_000)
        known = person < 500
        domain = f"company{person % 5000}.example" if known else f"elsewhere{person}.example"
        body = " ".join(chance.choices(WORDS, k=chance.randint(200, 700)))
        sender = Participant("from", 0, f"person{person}@{domain}", name_of(person))
        people = (
            sender,
            Participant("to", 0, "sales@acme.example", "Sales"),
            Participant("cc", 0, f"colleague{person % 90}@{domain}", ""),
        )
        files = (Attachment("2", "offer.pdf", "application/pdf", 50_000),) if n % 10 == 0 else ()
        yield ParsedMessage(
            message_id=f"m{n}@{domain}",
            subject=f"Offer {n - n % 4}",
            sent_at=NOW - dt.timedelta(seconds=60 * (count - n) % 2_000_000),
            sent_at_source="date",
            participants=people,
            body_text=body,
            new_text=body,
            size_bytes=len(body) + 800,
            kind="person",
            attachments=files,
            references=(f"m{n - 1}@{domain}",) if n % 4 else (),
        )


def stage_batch(services: Services, count: int) -> Lease:
    """Stage a batch as plan and fetch do."""
    ledger, staging = services.ledger, services.staging
    lease = ledger.take_lease("sales", "benchmark", WINDOW, NOW)
    folders = {"INBOX": 7, "Archive": 8}
    generations = {
        name: ledger.open_generation(lease, name, validity, NOW).generation_id
        for name, validity in folders.items()
    }
    rows: dict[str, list[StagedMessage]] = {name: [] for name in folders}
    for number, message in enumerate(make_messages(count - count // COPIES)):
        rows["INBOX"].append(make_staged(number + 1, message))
        if number % (COPIES - 1) == 0 and len(rows["Archive"]) < count // COPIES:
            rows["Archive"].append(make_staged(number + 1, message))
    for name, mine in rows.items():
        listed = [ListedMessage(row.uid, row.internaldate, row.parsed.size_bytes) for row in mine]
        ledger.write_listing(lease, generations[name], listed, [], [], NOW)
        ledger.write_counts(lease, generations[name], len(mine), 0)
        for start in range(0, len(mine), CHUNK):
            staging.write_messages(lease, generations[name], mine[start : start + CHUNK], NOW)
    return lease


def make_staged(uid: int, message: ParsedMessage) -> StagedMessage:
    """The message as fetch stages it."""
    return StagedMessage(
        uid=uid,
        internaldate=message.sent_at,
        received_at=message.sent_at,
        flags=("\\Seen",),
        parsed=message,
        identity=plan_identity(message),
        direction="inbound",
        auth_result="pass",
        disposition="publish",
        rule=None,
        reason=None,
        raw=None,
    )


def measure(services: Services, meter: Meter, asked: argparse.Namespace) -> None:
    """Run every stage once, and print what it took."""
    print(f"  {'stage':<22} {'wall s':>8} {'own CPU':>8} {'server':>8}")
    services.registry.write_mailbox(make_mailbox(folders=("INBOX", "Archive")), NOW)
    contacts = make_contacts(asked.contacts)
    with meter.stage("contacts, new"):
        services.contacts.upsert_contacts(contacts, NOW)
    with meter.stage("contacts, again"):
        services.contacts.upsert_contacts(contacts, NOW)
    with meter.stage("staging"):
        lease = stage_batch(services, asked.messages)
    with meter.stage("match"):
        run_match(services, lease)
    with meter.stage("import of the library"):
        load_library()
    with meter.stage("check"):
        report = run_check(services, lease)
    if report.held:
        raise SystemExit(f"held: {report.failed}")
    with meter.stage("publish"):
        summary = run_publish(services, lease)
    print(f"  {summary.state}: {dict(summary.decisions)}", flush=True)


def main() -> None:
    """Measure both databases, or one."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("messages", nargs="?", type=int, default=20_000)
    parser.add_argument("--contacts", type=int, default=100_000)
    parser.add_argument("--only", choices=("sqlite", "postgresql"))
    asked = parser.parse_args()
    print(f"{dt.datetime.now(dt.UTC):%Y-%m-%d}, {platform.machine()}, {os.cpu_count()} cores")
    print(f"{asked.messages} messages, {asked.contacts} contacts")
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        urls = [] if asked.only == "postgresql" else [f"sqlite:///{folder}/mailcrm.db"]
        if asked.only != "sqlite":
            server = stack.enter_context(run_postgres())
            urls.append(server.url(server.create_database()))
        for url in urls:
            settings = Settings(home=folder, database_url=SecretStr(url), reports_kept=0)
            upgrade_database(settings)
            with open_services(settings) as services:
                print(url.partition("+")[0].partition(":")[0])
                measure(services, Meter(url), asked)


if __name__ == "__main__":
    main()
