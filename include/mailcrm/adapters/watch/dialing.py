"""From a mailbox's endpoint to a connected wire, without a thread per connection."""

import asyncio
import socket
import ssl
from concurrent.futures import Executor
from typing import Any, Final

from mailcrm.adapters.dial import connection_error, hosts_allowed
from mailcrm.adapters.tls import is_loopback, make_tls_context, peer_is_loopback
from mailcrm.adapters.watch.wire import WatchWire
from mailcrm.credentials import choose_safe_addresses
from mailcrm.errors import MailcrmError
from mailcrm.records import Direction, Encryption, Mailbox, TlsPolicy
from mailcrm.settings import Settings

__all__ = ["Dialer"]

_RESOLVE_LIMIT_S: Final = 10.0
_ONE_ADDRESS_LIMIT_S: Final = 5.0
_Address = tuple[Any, ...]


class Dialer:
    """Connects as `adapters.dial` does, for many mailboxes of one process.

    A TLS context holds every authority of the system's store, more than a megabyte: mailboxes
    that trust the same share one.
    """

    def __init__(self, settings: Settings, threads: Executor) -> None:
        """`threads` look names up: that cannot be done without one."""
        self._settings = settings
        self._threads = threads
        self._contexts: dict[str | None, ssl.SSLContext] = {}

    def context(self, policy: TlsPolicy) -> ssl.SSLContext:
        """The shared context of this trust; raises SettingsError where a file is no good."""
        if policy.ca_file not in self._contexts:
            self._contexts[policy.ca_file] = make_tls_context(policy)
        return self._contexts[policy.ca_file]

    async def connect(self, mailbox: Mailbox, wire: WatchWire) -> None:
        """Resolve, connect and, where the endpoint says tls, shake hands and verify.

        Raises:
            ServerUnreachableError, UnsafeConnectionError, SettingsError
        """
        endpoint = mailbox.imap
        if endpoint.encryption is Encryption.NONE and not is_loopback(endpoint.host):
            raise self._error(mailbox, "not_loopback")
        sock = await self._connect_one(mailbox, await self._resolve(mailbox))
        if endpoint.encryption is Encryption.NONE and not peer_is_loopback(sock):
            sock.close()
            raise self._error(mailbox, "not_loopback")
        try:
            await asyncio.get_running_loop().create_connection(lambda: wire, sock=sock)
        except OSError:
            sock.close()
            raise self._error(mailbox, "broken") from None
        if endpoint.encryption is Encryption.TLS:
            try:
                await wire.start_tls(self.context(mailbox.tls), mailbox.tls)
            except BaseException:
                wire.abort()
                raise

    async def _resolve(self, mailbox: Mailbox) -> list[_Address]:
        loop = asyncio.get_running_loop()
        endpoint = mailbox.imap
        try:
            async with asyncio.timeout(_RESOLVE_LIMIT_S):
                found: list[_Address] = await loop.run_in_executor(
                    self._threads, _look_up, endpoint.host, endpoint.port
                )
        except TimeoutError:
            raise self._error(mailbox, "name_timeout") from None
        except (OSError, UnicodeError):
            raise self._error(mailbox, "name_unknown") from None
        allowed = hosts_allowed(mailbox, self._settings)
        addresses = [str(one[4][0]) for one in found]
        if allowed is not None and not choose_safe_addresses(
            endpoint.host, endpoint.port, addresses, allowed
        ):
            raise self._error(mailbox, "host_not_allowed")
        return found

    async def _connect_one(self, mailbox: Mailbox, addresses: list[_Address]) -> socket.socket:
        """Try each address inside one budget."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._settings.connect_timeout_s
        symptom = "timeout"
        for family, kind, proto, _name, address in addresses:
            remaining = deadline - loop.time()
            if remaining <= 0:
                break
            sock = socket.socket(family, kind, proto)
            sock.setblocking(False)
            is_last = address == addresses[-1][4]
            try:
                async with asyncio.timeout(
                    remaining if is_last else min(_ONE_ADDRESS_LIMIT_S, remaining / 2)
                ):
                    await loop.sock_connect(sock, address)
            except OSError as error:  # TimeoutError is one
                sock.close()
                symptom = _symptom(error)
                continue
            except BaseException:
                sock.close()
                raise
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            return sock
        raise self._error(mailbox, symptom)

    def _error(self, mailbox: Mailbox, symptom: str) -> MailcrmError:
        return connection_error(Direction.IMAP, mailbox.imap, symptom)


def _look_up(host: str, port: int) -> list[_Address]:
    return list(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))


def _symptom(error: OSError) -> str:
    if isinstance(error, TimeoutError):
        return "timeout"
    return "refused" if isinstance(error, ConnectionRefusedError) else "no_route"
