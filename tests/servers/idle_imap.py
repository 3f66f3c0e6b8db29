"""An asyncio IMAP server for thousands of watched mailboxes: counts of messages, and no mail.

`x DELIVER user`, before any login, lets one message arrive; everything else is RFC 9051 and 2177 as
far as a watcher speaks it. `tests/contract/test_watch_servers.py` holds it to what Dovecot does.
"""

import asyncio
import ssl
from dataclasses import dataclass, field

__all__ = ["IdleImap"]

CAPABILITIES = "IMAP4rev1 IDLE"


@dataclass
class Account:
    """One user's INBOX."""

    exists: int = 0
    uidnext: int = 1
    sessions: "set[Session]" = field(default_factory=set)


class Session(asyncio.Protocol):
    """One connection."""

    def __init__(self, server: "IdleImap") -> None:
        self._server = server
        self._account: Account | None = None
        self._has_open = False
        self._idle_tag = ""
        self._told = 0
        self._buffer = b""
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._say("* OK ready")

    def connection_lost(self, exc: Exception | None) -> None:
        if self._account is not None:
            self._account.sessions.discard(self)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while b"\r\n" in self._buffer:
            raw, _, self._buffer = self._buffer.partition(b"\r\n")
            self._take(raw.decode())

    def tell(self) -> None:
        """Say what changed, where it may be said now."""
        if self._idle_tag:
            self._say_exists()

    def _take(self, line: str) -> None:
        if self._idle_tag:
            tag, self._idle_tag = self._idle_tag, ""
            self._say(f"{tag} {'OK done' if line == 'DONE' else 'BAD DONE?'}")
            return
        tag, _, rest = line.partition(" ")
        verb, _, args = rest.partition(" ")
        answer = getattr(self, f"_{verb.lower()}", None)
        if answer is None:
            self._say(f"{tag} BAD what is that")
            return
        answer(tag, args)

    def _capability(self, tag: str, args: str) -> None:
        self._say(f"* CAPABILITY {CAPABILITIES}", f"{tag} OK done")

    def _login(self, tag: str, args: str) -> None:
        name, _, password = args.replace('"', "").partition(" ")
        self._server.logins += 1
        if password != self._server.password:
            self._say(f"{tag} NO [AUTHENTICATIONFAILED] Authentication failed.")
            return
        self._account = self._server.account(name)
        self._account.sessions.add(self)
        self._say(f"{tag} OK [CAPABILITY {CAPABILITIES}] logged in")

    def _examine(self, tag: str, args: str) -> None:
        account = self._logged_in()
        self._has_open, self._told = True, account.exists
        self._say(
            f"* {account.exists} EXISTS",
            "* OK [UIDVALIDITY 7] x",
            f"* OK [UIDNEXT {account.uidnext}] x",
            f"{tag} OK [READ-ONLY] done",
        )

    def _status(self, tag: str, args: str) -> None:
        account = self._logged_in()
        self._say(f"* STATUS INBOX (UIDNEXT {account.uidnext} UIDVALIDITY 7)")
        self._finish(tag)

    def _idle(self, tag: str, args: str) -> None:
        self._say("+ idling")
        self._idle_tag = tag
        self._say_exists()

    def _logout(self, tag: str, args: str) -> None:
        self._say("* BYE bye", f"{tag} OK done")
        self._transport.close()

    def _deliver(self, tag: str, args: str) -> None:
        self._server.deliver(args)
        self._say(f"{tag} OK delivered")

    def _finish(self, tag: str) -> None:
        self._say_exists()
        self._say(f"{tag} OK done")

    def _say_exists(self) -> None:
        account = self._logged_in()
        if self._has_open and account.exists != self._told:
            self._told = account.exists
            self._say(f"* {account.exists} EXISTS")

    def _logged_in(self) -> Account:
        assert self._account is not None
        return self._account

    def _say(self, *lines: str) -> None:
        self._transport.write("".join(f"{line}\r\n" for line in lines).encode())


class IdleImap:
    """The server; any user name logs in with the one password."""

    def __init__(self, password: str) -> None:
        self.password = password
        self.logins = 0
        self._accounts: dict[str, Account] = {}

    def account(self, name: str) -> Account:
        """A user's INBOX, empty at first."""
        return self._accounts.setdefault(name, Account())

    def deliver(self, name: str) -> None:
        """Let one message arrive."""
        account = self.account(name)
        account.exists += 1
        account.uidnext += 1
        for session in account.sessions:
            session.tell()

    async def listen(self, tls: ssl.SSLContext | None = None) -> tuple[asyncio.Server, int]:
        """Serve on a free loopback port."""
        loop = asyncio.get_running_loop()
        server = await loop.create_server(
            lambda: Session(self), "127.0.0.1", 0, ssl=tls, backlog=512
        )
        return server, int(server.sockets[0].getsockname()[1])
