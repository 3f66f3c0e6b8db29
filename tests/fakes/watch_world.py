"""A watcher over a real server and a real database; only Airflow and the clock are ours."""

import asyncio
import contextlib
import dataclasses
import datetime as dt
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from mailcrm.adapters.crm_database.engine import make_engine
from mailcrm.adapters.crm_database.migrate import upgrade
from mailcrm.adapters.crm_database.registry import RegistryTables
from mailcrm.errors import ImapCredentialError
from mailcrm.ports.watch import WatchClock, WatchPorts
from mailcrm.records import Credential, Mailbox
from mailcrm.records.watch import FolderMark, NewMail
from mailcrm.services.watch import MailboxWatcher
from mailcrm.services.watch_wiring import WatchRuntime
from mailcrm.settings import Settings

__all__ = ["FastClock", "Memory", "StoredCredentials", "WatchWorld", "make_world"]

PATIENCE_S = 60.0


@dataclass
class StoredCredentials:
    """`ports.WatchCredentials`: what a person last stored, and how often it was read."""

    credential: Credential | None
    reads: int = 0

    async def read_credential(self, mailbox_id: str) -> Credential:
        """The one that is stored."""
        self.reads += 1
        if self.credential is None:
            raise ImapCredentialError(mailbox_id=mailbox_id, reason="there is none")
        return self.credential


@dataclass
class Memory:
    """`ports.WatchMemory` of a process that may die."""

    marks: Mapping[str, FolderMark] | None = None

    async def read_marks(self) -> Mapping[str, FolderMark] | None:
        """What was kept."""
        return self.marks

    async def write_marks(self, marks: Mapping[str, FolderMark]) -> None:
        """Keep it."""
        self.marks = dict(marks)


class FastClock:
    """`ports.WatchClock` on which a wait passes at once; `until` ends the world at its end."""

    def __init__(self, until_s: float) -> None:
        self.now = 0.0
        self.waits: list[float] = []
        self.is_over = asyncio.Event()
        self._until_s = until_s

    def monotonic(self) -> float:
        """Seconds that the waits have made pass."""
        return self.now

    async def wait(self, event: asyncio.Event, timeout_s: float) -> None:
        """Let the time pass, and others run."""
        self.waits.append(timeout_s)
        self.now += timeout_s
        if self.now >= self._until_s:
            self.is_over.set()
            await asyncio.Event().wait()
        await asyncio.sleep(0)


@dataclass
class WatchWorld:
    """One process of watchers, and what it was told."""

    runtime: WatchRuntime
    ports: WatchPorts
    mailbox: Mailbox
    credentials: StoredCredentials
    memory: Memory
    registry: RegistryTables
    arrived: "asyncio.Queue[NewMail]" = field(default_factory=asyncio.Queue)

    @contextlib.asynccontextmanager
    async def watching(self, clock: WatchClock | None = None) -> AsyncIterator[None]:
        """Watch while the block lasts."""
        ports = self.ports if clock is None else dataclasses.replace(self.ports, clock=clock)
        watcher = MailboxWatcher(self.mailbox.id, ports, self.runtime.settings)
        task = asyncio.create_task(self._collect(watcher))
        try:
            yield
        finally:
            assert not task.done(), task
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def next_event(self) -> NewMail:
        """The next event, whenever it comes."""
        return await asyncio.wait_for(self.arrived.get(), PATIENCE_S)

    async def _collect(self, watcher: MailboxWatcher) -> None:
        async for event in watcher.events():
            self.arrived.put_nowait(event)


@contextlib.asynccontextmanager
async def make_world(
    home: Path, mailbox: Mailbox, credential: Credential | None, **settings: object
) -> AsyncIterator[WatchWorld]:
    """A migrated database with the mailbox in it; pauses and gaps are short unless given."""
    quick = {"watch_gap_s": 0.01, "watch_renew_s": 600.0, "watch_poll_s": 0.05}
    runtime = WatchRuntime(Settings(home=home, **{**quick, **settings}))  # type: ignore[arg-type]
    engine = make_engine(runtime.settings.database())
    upgrade(engine)
    registry = RegistryTables(engine)
    registry.write_mailbox(mailbox, dt.datetime.now(dt.UTC))
    credentials, memory = StoredCredentials(credential), Memory()
    try:
        yield WatchWorld(
            runtime, runtime.ports(credentials, memory), mailbox, credentials, memory, registry
        )
    finally:
        runtime.close()
        engine.dispose()


async def until(condition, patience_s: float = PATIENCE_S) -> None:  # type: ignore[no-untyped-def]
    """Wait until something that no event tells of has become true."""
    async with asyncio.timeout(patience_s):
        while not condition():
            await asyncio.sleep(0.01)
