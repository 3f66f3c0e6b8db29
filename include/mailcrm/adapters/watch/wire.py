"""The bytes of one watched connection, without a thread and without a queue.

Lines are handed over one by one as they arrive, so that nothing piles up: a server may send what
it likes, and costs at most one line and one literal of memory, and a bounded number of bytes.
"""

import asyncio
import contextlib
import re
import ssl
from collections.abc import Callable
from typing import Final, cast

from mailcrm.adapters.dial import connection_error
from mailcrm.adapters.imap.words import Line, Literal
from mailcrm.adapters.tls import check_pin, tls_symptom
from mailcrm.adapters.watch.small_tls import start_small_tls
from mailcrm.errors import MailcrmError, ServerUnreachableError
from mailcrm.records import Direction, Endpoint, TlsPolicy
from mailcrm.records.text import escape_text

__all__ = ["WatchWire"]

MAX_LINE_BYTES: Final = 64 * 1024
MAX_LITERAL_BYTES: Final = 64 * 1024
_HANDSHAKE_LIMIT_S: Final = 15
_SHUTDOWN_LIMIT_S: Final = 2
_LITERAL: Final = re.compile(rb"~?\{(\d{1,20})\+?\}$")


class WatchWire(asyncio.Protocol):
    """A connected socket. Any failure closes it for good; whoever waits hears of it."""

    def __init__(self, endpoint: Endpoint, on_line: Callable[[Line], None]) -> None:
        """`on_line` gets each response: its text, with literals between the parts."""
        self.endpoint = endpoint
        self.failure: MailcrmError | None = None
        self._on_line = on_line
        self._transport: asyncio.Transport | None = None
        self._buffer = bytearray()
        self._parts: list[bytes | Literal] = []
        self._literal_bytes: int | None = None
        self._budget = MAX_LINE_BYTES
        self._received = 0
        self._waiter: asyncio.Future[None] | None = None

    # What the event loop calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport = cast("asyncio.Transport", transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """The other side is gone."""
        reason = f"the connection broke: {exc}" if exc else "the server closed the connection"
        self.fail(escape_text(reason), "closed")

    def data_received(self, data: bytes) -> None:
        """Hand over the lines that are whole."""
        self._received += len(data)
        self._buffer += data
        if self._received > self._budget:
            self.fail(f"one answer brought more than {self._budget} bytes")
        while self.failure is None and self._take():
            pass
        self.notify()

    # What the session calls.

    def arm(self, budget_bytes: int) -> None:
        """Start a command: the bytes that its answer may bring."""
        self._budget = budget_bytes
        self._received = 0

    @property
    def has_leftovers(self) -> bool:
        """Whether bytes arrived that belong to no whole line yet."""
        return bool(self._buffer or self._parts)

    def send(self, data: bytes) -> None:
        """Send; what the system does not take at once waits in the transport."""
        if self.failure is None and self._transport is not None:
            self._transport.write(data)

    async def until(self, condition: Callable[[], bool], timeout_s: float) -> bool:
        """Wait until something arrived that makes the condition true.

        Returns:
            Whether it is true; False when the time was up.

        Raises:
            MailcrmError: the connection failed.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + timeout_s
        while True:
            if condition():
                return True
            if self.failure is not None:
                raise self.failure
            remaining = deadline - loop.time()
            if remaining <= 0:
                return False
            self._waiter = loop.create_future()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(remaining):  # wait_for may lose a cancellation
                    await self._waiter

    def notify(self) -> None:
        """Have the condition looked at again."""
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def start_tls(self, context: ssl.SSLContext, policy: TlsPolicy) -> None:
        """Encrypt from here on; chain, host name and pin are verified.

        Raises:
            UnsafeConnectionError, ServerUnreachableError: it is closed then.
        """
        host = self.endpoint.host.strip("[]")
        if self._transport is None or self.failure is not None:
            raise self.failure or self._error("the connection is closed", "closed")
        if self.has_leftovers:
            self.abort()
            raise connection_error(Direction.IMAP, self.endpoint, "plaintext_port")
        try:
            transport = await start_small_tls(
                self._transport, self, context, host, _HANDSHAKE_LIMIT_S, _SHUTDOWN_LIMIT_S
            )
            self._transport = transport
            check_pin(cast("ssl.SSLSocket", transport.get_extra_info("ssl_object")), policy)
        except (OSError, ValueError) as error:
            self.abort()
            raise connection_error(Direction.IMAP, self.endpoint, tls_symptom(error)) from None

    def fail(self, detail: str, symptom: str = "broken") -> None:
        """Close the connection, because what it brings next cannot be used; the first one stays."""
        if self.failure is None:
            self.failure = self._error(detail, symptom)
        self.abort()
        self.notify()

    def close(self) -> None:
        """Close after what was sent; never raises."""
        if self.failure is None:
            self.failure = self._error("the connection is closed", "closed")
        if self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        """Close at once; never raises."""
        self._buffer.clear()
        self._parts.clear()
        if self._transport is not None:
            self._transport.abort()

    def _take(self) -> bool:
        """One literal or one line out of the buffer; False where none is whole."""
        if self._literal_bytes is not None:
            size = self._literal_bytes
            if len(self._buffer) < size:
                return False
            self._parts.append(Literal(bytes(self._buffer[:size]), size))
            del self._buffer[:size]
            self._literal_bytes = None
            return True
        end = self._buffer.find(b"\n", 0, MAX_LINE_BYTES + 1)
        if end < 0:
            if len(self._buffer) > MAX_LINE_BYTES:
                self.fail(f"a line of more than {MAX_LINE_BYTES} bytes")
            return False
        text = bytes(self._buffer[:end]).removesuffix(b"\r")
        del self._buffer[: end + 1]
        self._take_text(text)
        return True

    def _take_text(self, text: bytes) -> None:
        match = _LITERAL.search(text)
        if match is not None:
            size = int(match.group(1))
            if size > MAX_LITERAL_BYTES:
                self.fail(f"a literal of {size} bytes, more than an answer here may bring")
                return
            self._parts.append(text[: match.start()])
            self._literal_bytes = size
            return
        line = (*self._parts, text)
        self._parts = []
        self._on_line(line)

    def _error(self, detail: str, symptom: str) -> ServerUnreachableError:
        return ServerUnreachableError(
            protocol="imap",
            host=self.endpoint.host,
            port=self.endpoint.port,
            detail=detail,
            symptom=symptom,
        )
