"""The whole engine over a real connection: one database, one mailbox, any server on a port."""

import contextlib
import dataclasses
import datetime as dt
import json
import shutil
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, select, text

from fakes.mail_reader import FakeFolder, FakeMailbox, FakeMessage
from faults.world import NOW, TickingClock, dump, letter, make_services, prepare
from mailcrm.adapters.crm_database.engine import reading
from mailcrm.adapters.crm_database.schema import sync_ledger
from mailcrm.adapters.mail_servers import RealMailServers
from mailcrm.adapters.secrets import EnvironmentCredentials, connection_variable
from mailcrm.records import Credential, Direction
from mailcrm.services.publish import RunSummary
from mailcrm.services.run import RunReport, run_mailbox
from mailcrm.services.wiring import Services
from servers.honest_imap import HonestImap, Quirk, run_honest_imap
from servers.mailboxes import make_mailbox

__all__ = [
    "DAY",
    "NOW",
    "Product",
    "deliver",
    "filled",
    "make_template",
    "open_product",
    "peak_mib",
]

DAY = dt.timedelta(days=1)
ANN = Credential("ann", "none")
SHORT = {"greeting_timeout_s": 2.0, "command_timeout_s": 2.0, "connect_timeout_s": 2.0}


@dataclasses.dataclass
class Product:
    """The engine over one database; `server` is None where it is not ours to bend.

    `acts_aside` says that the quirks of a test may change the mailbox and not an answer.
    """

    services: Services
    engine: Engine
    server: HonestImap | None = None
    acts_aside: bool = False

    @property
    def honest(self) -> HonestImap:
        """The server, where it is ours."""
        assert self.server is not None
        return self.server

    @property
    def inbox(self) -> FakeFolder:
        """The server's INBOX."""
        return self.honest.mailbox.folders["INBOX"]

    def run(self, **options: Any) -> RunReport:
        """The whole pipeline once."""
        return run_mailbox(self.services, "sales", **options)

    def run_fine(self, **options: Any) -> RunSummary:
        """A run that must be green."""
        report = self.run(**options)
        assert report.failure is None, report.failure
        assert report.summary is not None
        assert report.summary.certificate.balanced
        return report.summary

    def run_badly(self, **options: Any) -> str:
        """A run that must not be green; the one line that says why."""
        failure = self.run(**options).failure
        assert failure is not None
        assert str(failure).isprintable()
        return str(failure)

    def rows(self, statement: str) -> list[tuple[Any, ...]]:
        """What a SELECT gives."""
        with reading(self.engine) as connection:
            return [tuple(row) for row in connection.execute(text(statement))]

    def subjects(self) -> list[str]:
        """The subject of each published message, sorted."""
        return sorted(row[0] for row in self.rows("SELECT subject FROM crm_messages"))

    def sightings(self) -> list[tuple[Any, ...]]:
        """(folder, uidvalidity, uid) of each sighting, sorted."""
        query = "SELECT folder, uidvalidity, uid FROM crm_message_sightings ORDER BY 1, 2, 3"
        return self.rows(query)

    def states(self) -> Counter[str]:
        """Ledger rows by state."""
        return Counter(row[0] for row in self.rows("SELECT state FROM sync_ledger"))

    def state_of(self, uid: int) -> str | None:
        """The ledger's word for one uid of the only generation."""
        table = sync_ledger
        with reading(self.engine) as connection:
            found = connection.execute(select(table.c.state).where(table.c.uid == uid)).scalar()
        return None if found is None else str(found)

    def dump(self) -> Any:
        """All that the runs left behind, in one form."""
        return dump(self.engine)

    def crm(self) -> dict[str, list[str]]:
        """The rows that people see, in one form."""
        return {name: rows for name, rows in self.dump().items() if name.startswith("crm_")}

    def expect_all(self, *names: str) -> None:
        """Exactly these letters are published, each once."""
        assert self.subjects() == sorted(f"About {name}" for name in names)

    def expect_inbox(self) -> None:
        """Every message of INBOX is published once and seen once; nothing else is."""
        expected = sorted(name_of(message) for message in self.inbox.messages.values())
        assert self.subjects() == expected
        assert [row[2] for row in self.sightings()] == sorted(self.inbox.messages)
        assert set(self.states()) <= {"published"}


def name_of(message: FakeMessage) -> str:
    """The subject of a plain letter."""
    head = message.raw.partition(b"\r\n\r\n")[0].decode()
    return next(line[9:] for line in head.splitlines() if line.startswith("Subject: "))


def deliver(
    folder: FakeFolder, *names: str, arrived: dt.datetime = NOW - DAY, **options: Any
) -> list[int]:
    """Put letters into a folder; their uids."""
    return [
        folder.add(FakeMessage(letter(name, arrived, **options), arrived, ("\\Seen",)))
        for name in names
    ]


def filled(count: int, prefix: str = "m") -> FakeMailbox:
    """A mailbox with so many letters in INBOX, an hour apart, all in the window."""
    mailbox = FakeMailbox()
    inbox = mailbox.folders["INBOX"]
    for number in range(1, count + 1):
        when = NOW - DAY - dt.timedelta(minutes=number)
        deliver(inbox, f"{prefix}{number}", arrived=when)
    return mailbox


def peak_mib() -> int:
    """The most memory that this program held; getrusage would count its parent's before exec."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) // 1024


def make_template(folder: Path) -> Path:
    """A SQLite file with tables, contacts and the mailbox, to be copied."""
    path = folder / "template.db"
    prepare(f"sqlite:///{path}")
    return path


def product_on(
    path: Path,
    template: Path,
    port: int,
    folders: Sequence[str] = ("INBOX",),
    credential: Credential = ANN,
    start: dt.datetime = NOW,
    **settings: Any,
) -> tuple[Services, Engine]:
    """Services over a fresh copy of the template, reading from 127.0.0.1:port."""
    shutil.copyfile(template, path)
    options = {**SHORT, "fetch_chunk_messages": 50, "slice_messages": 5000, **settings}
    url = f"sqlite:///{path}"
    services, engine = make_services(url, FakeMailbox(), start=start, **options)
    secret = json.dumps(
        {"conn_type": "imap", "login": credential.username, "password": credential.password}
    )
    variables = {connection_variable("sales", direction): secret for direction in Direction}
    services = dataclasses.replace(
        services,
        servers=RealMailServers(services.settings),
        credentials=EnvironmentCredentials(variables),
        clock=TickingClock(start),
    )
    point_to(services, port, folders)
    return services, engine


def point_to(
    services: Services, port: int, folders: Sequence[str] = ("INBOX",), smtp_port: int = 1
) -> None:
    """Let the mailbox read from another port; by default nothing answers where it would send."""
    mailbox = make_mailbox(imap_port=port, smtp_port=smtp_port, folders=tuple(folders))
    mailbox = dataclasses.replace(mailbox, connected_at=NOW)
    services.registry.write_mailbox(mailbox, NOW)


@contextlib.contextmanager
def open_product(
    path: Path, template: Path, mailbox: FakeMailbox, *quirks: Quirk, **options: Any
) -> Iterator[Product]:
    """The engine beside an honest server with the given quirks."""
    with run_honest_imap(mailbox, *quirks) as server:
        services, engine = product_on(path, template, server.port, **options)
        try:
            yield Product(services, engine, server)
        finally:
            engine.dispose()
