"""Fresh databases of either kind for runs that meet, and what they must leave behind."""

import dataclasses
import datetime as dt
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from fakes.mail_reader import FakeMailbox
from faults.kill_scenarios import SINCE, UNTIL, fill
from faults.steps import Steps
from faults.world import NOW, Dump, dump, make_services, prepare
from mailcrm.adapters.crm_database.engine import make_engine
from mailcrm.services.run import RunReport, run_mailbox
from servers.mailboxes import make_mailbox
from servers.postgres import PostgresServer

__all__ = ["BILLING", "BOTH", "EVIDENCE", "Arena", "filled", "make_arena", "spread"]

EVIDENCE = os.environ.get("MAILCRM_EVIDENCE") == "1"
BOTH = ["sqlite", pytest.param("postgres", marks=pytest.mark.needs_postgres)]
BILLING = "billing"


def filled() -> FakeMailbox:
    """The mailbox of the kill harness."""
    mailbox = FakeMailbox()
    fill(mailbox)
    return mailbox


def spread(points: list[int], few: int) -> list[int]:
    """All points where evidence is made, else a few of them, evenly spread."""
    if EVIDENCE or len(points) <= few:
        return points
    return [points[i * len(points) // few] for i in range(few)]


@dataclass
class Arena:
    """Copies of one prepared database; `reference` is what an undisturbed run leaves."""

    kind: str
    folder: Path
    server: PostgresServer | None
    template: str = ""
    reference: Dump = field(default_factory=dict)
    names: list[str] = field(default_factory=list)
    _count: int = 0

    def fresh(self) -> str:
        """The URL of a database that has the tables, two mailboxes and the contacts."""
        self._count += 1
        if self.server is not None:
            return self.server.url(self.server.create_database(self.template))
        path = self.folder / f"{self._count}.db"
        shutil.copyfile(self.template, path)
        return f"sqlite:///{path}"

    def run(
        self,
        url: str,
        *,
        hours: int = 0,
        steps: Callable[[str], None] | None = None,
        mailbox: FakeMailbox | None = None,
        mailbox_id: str = "sales",
        until: dt.datetime | None = UNTIL,
    ) -> RunReport:
        """One whole run; `hours` later than another one has another id."""
        start = NOW + dt.timedelta(hours=hours)
        services, engine = make_services(url, mailbox or filled(), steps, start)
        try:
            return run_mailbox(services, mailbox_id, SINCE, until)
        finally:
            engine.dispose()

    def dump(self, url: str) -> Dump:
        """See `world.dump`."""
        engine = make_engine(url)
        try:
            return dump(engine)
        finally:
            engine.dispose()

    def points(self, is_wanted: Callable[[str], bool]) -> list[int]:
        """Numbers of the steps of an undisturbed run whose name is wanted."""
        return [number for number, name in enumerate(self.names, 1) if is_wanted(name)]

    def start_worker(self, url: str, **how: Any) -> "subprocess.Popen[str]":
        """A run in a process of its own; see `faults.worker`."""
        tests = Path(__file__).resolve().parents[1]
        paths = os.pathsep.join([str(tests.parent / "include"), str(tests)])
        return subprocess.Popen(
            [sys.executable, "-m", "faults.worker", json.dumps({"url": url} | how)],
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | {"PYTHONPATH": paths},
        )


def make_arena(kind: str, folder: Path, server: PostgresServer | None) -> Iterator[Arena]:
    """Prepare the template, and run once undisturbed."""
    arena = Arena(kind, folder, server)
    if server is None:
        url = f"sqlite:///{folder / 'template.db'}"
        arena.template = str(folder / "template.db")
    else:
        arena.template = server.create_database()
        url = server.url(arena.template)
    folders = ("INBOX", "Archive", "\\Sent")
    billing = make_mailbox(address="billing@acme.example", folders=folders)
    prepare(url, dataclasses.replace(billing, id=BILLING))
    steps = Steps(keep=True)
    first = arena.fresh()
    assert arena.run(first, steps=steps).failure is None
    arena.names = steps.names
    arena.reference = arena.dump(first)
    yield arena
