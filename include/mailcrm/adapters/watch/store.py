"""The CRM database beside an event loop: registry, its changes, and what servers rejected."""

import asyncio
import contextlib
import functools
import logging
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Executor
from typing import TypeVar

from sqlalchemy import Engine

from mailcrm.adapters.crm_database.health import LoginTables
from mailcrm.adapters.crm_database.registry import RegistryTables
from mailcrm.adapters.crm_database.watching import read_versions
from mailcrm.adapters.login_guard import LoginKey
from mailcrm.errors import ImapCredentialError, MailcrmError
from mailcrm.ports import Clock
from mailcrm.records import Credential, Direction, LoginRefusal, Mailbox

__all__ = ["WatchStore"]

logger = logging.getLogger(__name__)
Result = TypeVar("Result")


class WatchStore:
    """`ports.WatchRegistry` and `ports.WatchLogins` on the CRM database.

    One query now and then tells which of all watched mailboxes changed.
    """

    def __init__(
        self, engine: Engine, key: LoginKey, clock: Clock, threads: Executor, every_s: float
    ) -> None:
        """Work on migrated tables; look for changes every `every_s` seconds."""
        self._engine = engine
        self._registry = RegistryTables(engine)
        self._logins = LoginTables(engine)
        self._key = key
        self._clock = clock
        self._threads = threads
        self._every_s = every_s
        self._subscribers: dict[str, list[Callable[[], None]]] = {}
        self._poller: asyncio.Task[None] | None = None

    async def read_mailbox(self, mailbox_id: str) -> Mailbox:
        """See `ports.WatchRegistry`."""
        return await self._beside(self._registry.read_mailbox, mailbox_id)

    async def find_refusal(self, mailbox: Mailbox, credential: Credential) -> str | None:
        """See `ports.WatchLogins`."""
        refusal = await self._beside(self._find, mailbox, credential)
        return None if refusal is None else refusal.advice

    async def keep_refusal(
        self, mailbox: Mailbox, credential: Credential, error: ImapCredentialError
    ) -> None:
        """See `ports.WatchLogins`."""
        fields = error.fields
        refusal = LoginRefusal(self._clock.now(), fields["code"], str(fields["reason"]))
        await self._beside(self._keep, mailbox, credential, refusal)

    @contextlib.contextmanager
    def subscribe(self, mailbox_id: str, on_change: Callable[[], None]) -> Iterator[None]:
        """See `ports.WatchRegistry`."""
        self._subscribers.setdefault(mailbox_id, []).append(on_change)
        if self._poller is None:
            self._poller = asyncio.get_running_loop().create_task(self._poll())
        try:
            yield
        finally:
            self._subscribers[mailbox_id].remove(on_change)
            if not self._subscribers[mailbox_id]:
                del self._subscribers[mailbox_id]
            if not self._subscribers and self._poller is not None:
                self._poller.cancel()
                self._poller = None

    def _find(self, mailbox: Mailbox, credential: Credential) -> LoginRefusal | None:
        version = self._key.version(mailbox, Direction.IMAP, credential)
        return self._logins.find_refusal(mailbox.id, Direction.IMAP, version)

    def _keep(self, mailbox: Mailbox, credential: Credential, refusal: LoginRefusal) -> None:
        version = self._key.version(mailbox, Direction.IMAP, credential)
        self._logins.write_refusal(mailbox.id, Direction.IMAP, version, refusal)

    async def _poll(self) -> None:
        """Tell subscribers of changes; a database that is away changes nothing."""
        before: Mapping[str, str] | None = None
        while True:
            try:
                now = await self._beside(read_versions, self._engine)
            except MailcrmError as error:
                logger.warning("watch.registry_away reason=%s", str(error)[:200])
            else:
                if before is not None:
                    self._tell(before, now)
                before = now
            await asyncio.sleep(self._every_s)

    def _tell(self, before: Mapping[str, str], now: Mapping[str, str]) -> None:
        for mailbox_id, callbacks in list(self._subscribers.items()):
            if before.get(mailbox_id) != now.get(mailbox_id):
                for callback in list(callbacks):
                    callback()

    async def _beside(self, function: Callable[..., Result], *values: object) -> Result:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, functools.partial(function, *values))
