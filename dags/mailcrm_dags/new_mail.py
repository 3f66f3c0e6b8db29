"""The trigger that starts a mailbox's DAG when mail arrives; runs in Airflow's triggerer.

It never ends and never raises: Airflow would start it again every second or two, for ever. Only
the mailbox's id is kept with it; servers come from the registry, credentials from Airflow's
Connections, each time that a connection is made.
"""

import asyncio
import functools
import logging
from collections.abc import AsyncIterator, Mapping
from typing import TYPE_CHECKING, Any

from airflow.sdk import Connection
from airflow.sdk.exceptions import AirflowNotFoundException
from airflow.triggers.base import BaseEventTrigger, TriggerEvent

from mailcrm.errors import ImapCredentialError
from mailcrm.records import Credential, TokenRefresh
from mailcrm.records.watch import FolderMark

if TYPE_CHECKING:
    from mailcrm.services.watch_wiring import WatchRuntime

__all__ = ["NewMailTrigger"]

logger = logging.getLogger(__name__)

MARKS_KEY = "marks"
BROKEN_S = 60.0


class NewMailTrigger(BaseEventTrigger):
    """Yields an event when mail arrives in a mailbox, the first at once, then one a minute."""

    def __init__(self, mailbox_id: str) -> None:
        """Nothing but the id: a changed registry entry must not make another trigger."""
        super().__init__()  # type: ignore[no-untyped-call]
        self.mailbox_id = mailbox_id

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """See `BaseTrigger`; holds no secret."""
        return "mailcrm_dags.new_mail.NewMailTrigger", {"mailbox_id": self.mailbox_id}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """See `BaseTrigger`; endless."""
        while True:
            try:
                watcher = _share().watcher(
                    self.mailbox_id,
                    _TriggererCredentials(),
                    _AssetMemory(self.asset_state_store),
                )
                async for event in watcher.events():
                    folders = list(event.folders)
                    payload = {"mailbox": event.mailbox_id, "folders": folders}
                    yield TriggerEvent(payload)  # type: ignore[no-untyped-call]
            except Exception as error:  # a setting that does not parse, or a fault of ours
                kind = type(error).__name__
                logger.error("watch.failed mailbox=%s error=%s", self.mailbox_id, kind)
                await asyncio.sleep(BROKEN_S)


@functools.cache
def _share() -> "WatchRuntime":
    """What all triggers of this process share; it has one event loop."""
    from mailcrm.services.watch_wiring import WatchRuntime

    return WatchRuntime()


class _TriggererCredentials:
    """`ports.WatchCredentials` over Airflow's Connections; Airflow masks what it gives."""

    async def read_credential(self, mailbox_id: str) -> Credential:
        """See `ports.WatchCredentials`."""
        conn_id = f"mailbox_{mailbox_id}_imap"
        try:
            found = await Connection.async_get(conn_id)
        except AirflowNotFoundException:
            raise _missing(mailbox_id, f"there is no Airflow Connection {conn_id}") from None
        refresh = TokenRefresh.of(await found.aextra_dejson())
        for name in ("login", "password"):
            if not getattr(found, name) and not (name == "password" and refresh):
                raise _missing(mailbox_id, f"the Airflow Connection {conn_id} has no {name}")
        return Credential(found.login or "", found.password or "", refresh)


def _missing(mailbox_id: str, reason: str) -> ImapCredentialError:
    return ImapCredentialError(mailbox_id=mailbox_id, reason=reason)


class _AssetMemory:
    """`ports.WatchMemory` in Airflow's store of the watched asset; forgets rather than raises."""

    def __init__(self, store: Any) -> None:
        self._store = store

    async def read_marks(self) -> Mapping[str, FolderMark] | None:
        """See `ports.WatchMemory`."""
        if self._store is None:
            return None
        try:
            stored = await self._store.aget(MARKS_KEY)
            if not isinstance(stored, dict):
                return None
            return {name: FolderMark(*numbers) for name, numbers in stored.items()}
        except Exception as error:
            logger.warning("watch.memory_unread error=%s", type(error).__name__)
            return None

    async def write_marks(self, marks: Mapping[str, FolderMark]) -> None:
        """See `ports.WatchMemory`."""
        if self._store is None:
            return
        try:
            values: dict[str, Any] = {n: [m.uidvalidity, m.uidnext] for n, m in marks.items()}
            await self._store.aset(MARKS_KEY, values)
        except Exception as error:
            logger.warning("watch.memory_unwritten error=%s", type(error).__name__)
