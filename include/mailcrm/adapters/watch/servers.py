"""The real mail servers, for watchers."""

import asyncio
from concurrent.futures import Executor

from mailcrm.adapters.dial import hosts_allowed
from mailcrm.adapters.oauth import refresh_credential
from mailcrm.adapters.watch.dialing import Dialer
from mailcrm.adapters.watch.session import ImapWatchSession, open_watch_session
from mailcrm.records import Credential, Direction, Mailbox
from mailcrm.settings import Settings

__all__ = ["WatchMailServers"]


class WatchMailServers:
    """See `ports.WatchServers`."""

    def __init__(self, settings: Settings, threads: Executor) -> None:
        """`threads` look up names and renew tokens, beside the event loop."""
        self._settings = settings
        self._threads = threads
        self._dialer = Dialer(settings, threads)

    async def open_session(self, mailbox: Mailbox, credential: Credential) -> ImapWatchSession:
        """See `ports.WatchServers`; an access token is renewed first."""
        fresh = credential
        if credential.refresh is not None:
            allowed = hosts_allowed(mailbox, self._settings)
            loop = asyncio.get_running_loop()
            fresh = await loop.run_in_executor(
                self._threads, refresh_credential, mailbox, Direction.IMAP, credential, allowed
            )
        return await open_watch_session(mailbox, fresh, self._settings, self._dialer)
