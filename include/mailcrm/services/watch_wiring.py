"""Builds the watchers of one process: they share threads, a database pool and TLS contexts."""

import asyncio
import contextlib
import time
from concurrent.futures import ThreadPoolExecutor

from mailcrm.adapters.clock import SystemClock
from mailcrm.adapters.crm_database.engine import make_engine
from mailcrm.adapters.login_guard import LoginKey
from mailcrm.adapters.watch import WatchMailServers, WatchStore
from mailcrm.ports.watch import WatchCredentials, WatchMemory, WatchPorts
from mailcrm.services.watch import MailboxWatcher
from mailcrm.settings import Settings, load_settings

__all__ = ["WatchRuntime"]

LOOK_S = 15.0
THREADS = 4


class WatchRuntime:
    """What all watchers of a process share; used inside one event loop."""

    def __init__(self, settings: Settings | None = None) -> None:
        """Connect to nothing yet.

        Raises:
            SettingsError: a setting does not parse.
            DatabaseError: the database's URL is wrong.
        """
        self.settings = settings or load_settings()
        self._engine = make_engine(self.settings.database())
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="mailcrm-watch")
        chosen = self.settings.login_key
        key = LoginKey(self.settings.home, None if chosen is None else chosen.get_secret_value())
        self._store = WatchStore(self._engine, key, SystemClock(), self._threads, LOOK_S)
        self._servers = WatchMailServers(self.settings, self._threads)
        self._gate = asyncio.Semaphore(self.settings.watch_logins)

    def watcher(
        self, mailbox_id: str, credentials: WatchCredentials, memory: WatchMemory
    ) -> MailboxWatcher:
        """The watcher of one mailbox."""
        return MailboxWatcher(mailbox_id, self.ports(credentials, memory), self.settings)

    def ports(self, credentials: WatchCredentials, memory: WatchMemory) -> WatchPorts:
        """What one watcher uses."""
        return WatchPorts(
            clock=_LoopClock(),
            servers=self._servers,
            logins=self._store,
            registry=self._store,
            credentials=credentials,
            memory=memory,
            gate=self._gate,
        )

    def close(self) -> None:
        """Give threads and database connections back."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._engine.dispose()


class _LoopClock:
    """`ports.WatchClock` over the operating system."""

    def monotonic(self) -> float:
        """See `ports.WatchClock`."""
        return time.monotonic()

    async def wait(self, event: asyncio.Event, timeout_s: float) -> None:
        """See `ports.WatchClock`."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                await event.wait()
