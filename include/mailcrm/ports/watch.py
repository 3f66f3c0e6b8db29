"""Ports of the watchers of new mail. All of them wait without holding a thread."""

import asyncio
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from mailcrm.errors import ImapCredentialError
from mailcrm.records import Credential, Mailbox
from mailcrm.records.watch import FolderMark

__all__ = [
    "WatchClock",
    "WatchCredentials",
    "WatchLogins",
    "WatchMemory",
    "WatchPorts",
    "WatchRegistry",
    "WatchServers",
    "WatchSession",
]


class WatchClock(Protocol):
    """Time for a watcher."""

    def monotonic(self) -> float:
        """Seconds of a clock that never jumps."""
        ...

    async def wait(self, event: asyncio.Event, timeout_s: float) -> None:
        """Return when the event is set, or when the time is up."""
        ...


class WatchSession(Protocol):
    """One connection that is logged in and reads nothing but counts."""

    @property
    def has_idle(self) -> bool:
        """Whether the server tells of new mail by itself; else it is asked now and then."""
        ...

    @property
    def open_folder(self) -> str:
        """The folder of which the server tells; "" where it tells of none."""
        ...

    async def read_marks(self) -> Mapping[str, FolderMark]:
        """How far every watched folder has come.

        Raises:
            FolderMissingError: not one of the folders is there.
            ServerUnreachableError, ServerRefusedError, ThrottledError
        """
        ...

    async def wait(self, timeout_s: float, until_news: bool) -> bool:
        """Wait for new mail in the open folder.

        Args:
            timeout_s: Longest wait.
            until_news: Whether new mail ends the wait; `wake` always does.

        Returns:
            Whether new mail arrived.

        Raises:
            ServerUnreachableError, ThrottledError: the connection broke, or the server ended it.
        """
        ...

    def wake(self) -> None:
        """End a wait at once."""
        ...

    async def close(self) -> None:
        """Log out where that is possible; never raises."""
        ...


class WatchServers(Protocol):
    """The mail servers."""

    async def open_session(self, mailbox: Mailbox, credential: Credential) -> WatchSession:
        """Connect, log in once, and find the folders.

        Raises:
            ImapCredentialError, ServerUnreachableError, ThrottledError, ServerRefusedError,
            UnsafeConnectionError, FolderMissingError, SettingsError
        """
        ...


class WatchLogins(Protocol):
    """What servers rejected before; shared with verifications and runs."""

    async def find_refusal(self, mailbox: Mailbox, credential: Credential) -> str | None:
        """Why exactly this credential was rejected; None where it was not.

        Raises:
            StoreBusyError, DatabaseError, SettingsError
        """
        ...

    async def keep_refusal(
        self, mailbox: Mailbox, credential: Credential, error: ImapCredentialError
    ) -> None:
        """Keep that this credential was rejected. Raises as `find_refusal` does."""
        ...


class WatchRegistry(Protocol):
    """The registry, and word of its changes."""

    async def read_mailbox(self, mailbox_id: str) -> Mailbox:
        """One mailbox, active or paused.

        Raises:
            UnknownMailboxError, SettingsError, StoreBusyError, DatabaseError
        """
        ...

    def subscribe(
        self, mailbox_id: str, on_change: Callable[[], None]
    ) -> AbstractContextManager[None]:
        """Call back whenever the mailbox's entry or state has changed, while the block lasts."""
        ...


class WatchCredentials(Protocol):
    """Where IMAP credentials are kept."""

    async def read_credential(self, mailbox_id: str) -> Credential:
        """The credential as it is now.

        Raises:
            ImapCredentialError: there is none.
        """
        ...


class WatchMemory(Protocol):
    """What one watcher told last, across restarts of its process."""

    async def read_marks(self) -> Mapping[str, FolderMark] | None:
        """The marks of the last event; None where nothing is known. Never raises."""
        ...

    async def write_marks(self, marks: Mapping[str, FolderMark]) -> None:
        """Keep them. Never raises: forgotten marks cost one event more."""
        ...


@dataclass(frozen=True, slots=True)
class WatchPorts:
    """Everything that a watcher uses; `gate` bounds how many log in at the same moment."""

    clock: WatchClock
    servers: WatchServers
    logins: WatchLogins
    registry: WatchRegistry
    credentials: WatchCredentials
    memory: WatchMemory
    gate: asyncio.Semaphore
