"""One IMAP connection's bytes: every read has a deadline and a budget, and is counted.

A socket's own timeout is per `recv`, so a server that drips bytes or sends keep-alive lines never
meets it; here the deadline belongs to the whole command. It moves with what really arrives, so
that a large message on a slow line is not a failure while a drip is.
"""

import contextlib
import io
import socket
import time
from typing import Final, NoReturn

from mailcrm.adapters.dial import protect
from mailcrm.errors import ServerUnreachableError
from mailcrm.records import Direction, Encryption, Endpoint, TlsPolicy
from mailcrm.records.text import escape_text

__all__ = ["Wire"]

_CHUNK_BYTES: Final = 256 * 1024
_MAX_LINE_BYTES: Final = 16 * 1024 * 1024
# Arriving bytes buy time at this rate: 8 MiB, a usual FETCH, buy 256 s.
_MIN_BYTES_PER_S: Final = 32 * 1024


class Wire:
    """A connected socket, plain or TLS. Any failure closes it for good."""

    def __init__(self, sock: socket.socket, endpoint: Endpoint) -> None:
        """Take over a connected socket, TLS already where the endpoint says tls."""
        self.endpoint = endpoint
        self.bytes_received = 0
        self.waited_s = 0.0
        self.is_encrypted = endpoint.encryption is Encryption.TLS
        self._sock: socket.socket | None = sock
        self._buffer = bytearray()
        self.arm(60.0, _MAX_LINE_BYTES)

    def arm(self, timeout_s: float, budget_bytes: int) -> None:
        """Start a command: seconds it may take and bytes it may bring, together."""
        self._started = self._last_byte = time.monotonic()
        self._timeout_s = timeout_s
        self._budget = budget_bytes
        self._received = 0

    @property
    def is_open(self) -> bool:
        """Whether the connection can still be used."""
        return self._sock is not None

    @property
    def has_leftovers(self) -> bool:
        """Whether bytes arrived that nobody has read yet."""
        return bool(self._buffer)

    def send(self, data: bytes) -> None:
        """Send all of it within the deadline.

        Raises:
            ServerUnreachableError: closed, broken or too slow.
        """
        sock = self._socket()
        try:
            sock.settimeout(self._remaining())
            sock.sendall(data)
        except OSError as error:
            self._fail_os(error)

    def readline(self) -> bytes:
        """One line without its CRLF.

        Raises:
            ServerUnreachableError: closed, broken, too slow, too much, or no proper line.
        """
        searched = 0
        while (end := self._buffer.find(b"\n", searched)) < 0:
            searched = len(self._buffer)
            if searched > _MAX_LINE_BYTES:
                self.fail(f"a line of more than {_MAX_LINE_BYTES} bytes")
            self._receive()
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 1]
        return line.removesuffix(b"\r")

    def read_literal(self, size: int, keep_bytes: int) -> bytes:
        """The next `size` bytes; beyond `keep_bytes` they are read but not kept.

        Raises:
            ServerUnreachableError: as `readline`; at once where the announced size cannot fit.
        """
        if size > self._budget - self._received + len(self._buffer):
            self.fail(f"a literal of {size} bytes, more than this command may bring")
        kept = io.BytesIO()  # its value is given away without another copy
        left = size
        while left:
            if not self._buffer:
                self._receive()
            with memoryview(self._buffer)[:left] as view:
                taken = len(view)
                if kept.tell() < keep_bytes:
                    kept.write(view[: keep_bytes - kept.tell()])
            del self._buffer[:taken]
            left -= taken
        return kept.getvalue()

    def start_tls(self, policy: TlsPolicy, timeout_s: float) -> None:
        """Encrypt from here on, with chain, host name and pin verified.

        Raises:
            UnsafeConnectionError, ServerUnreachableError, SettingsError: see `dial.protect`.
        """
        sock = self._socket()
        self._sock = None  # closed by `protect` where that fails
        self._sock = protect(sock, Direction.IMAP, self.endpoint, policy, timeout_s)
        self.is_encrypted = True

    def close(self) -> None:
        """Close the socket; never raises."""
        sock, self._sock = self._sock, None
        self._buffer.clear()
        if sock is not None:
            with contextlib.suppress(OSError):
                sock.close()

    def fail(self, detail: str, symptom: str = "broken") -> NoReturn:
        """Close the connection, because what it will bring next is not known any more.

        Raises:
            ServerUnreachableError: always.
        """
        self.close()
        raise ServerUnreachableError(
            protocol="imap",
            host=self.endpoint.host,
            port=self.endpoint.port,
            detail=detail,
            symptom=symptom,
        ) from None

    def _socket(self) -> socket.socket:
        if self._sock is None:
            self.fail("the connection is closed", "closed")
        return self._sock

    def _receive(self) -> None:
        sock = self._socket()
        began = time.monotonic()
        try:
            sock.settimeout(self._remaining())
            data = sock.recv(_CHUNK_BYTES)
        except OSError as error:
            self._fail_os(error)
        self.waited_s += time.monotonic() - began
        if not data:
            self.fail("the server closed the connection", "closed")
        self._buffer += data
        self.bytes_received += len(data)
        self._received += len(data)
        self._last_byte = time.monotonic()
        if self._received > self._budget:
            self.fail(f"one answer brought more than {self._budget} bytes")

    def _remaining(self) -> float:
        """Seconds until the command's deadline or the longest silence, whichever is first."""
        allowed_s = self._timeout_s + self._received / _MIN_BYTES_PER_S
        ends = min(self._started + allowed_s, self._last_byte + self._timeout_s)
        remaining = ends - time.monotonic()
        if remaining <= 0:
            self.fail(f"no complete answer within {allowed_s:.0f} s", "timeout")
        return remaining

    def _fail_os(self, error: OSError) -> NoReturn:
        if isinstance(error, TimeoutError):
            silent = not self._received
            self.fail(
                f"no complete answer within {self._timeout_s:.0f} s",
                "silent" if silent else "timeout",
            )
        self.fail(escape_text(f"the connection broke: {error.strerror or error}"))
