"""A server that says exactly what a test wrote down, for what real servers never do."""

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

LOOPBACK = "127.0.0.1"
QUIET_S = 30.0

# (verb, argument) -> bytes to send, or None to hang up.
Answer = Callable[[str, str], bytes | None]


@dataclass
class ScriptedServer:
    """What one scripted server heard, line by line, and how often somebody connected.

    `raw` is all that it could read: plain text, and what came through TLS; `plain` the former.
    `hello` is the first byte that came after each STARTTLS that it granted.
    """

    port: int = 0
    connections: int = 0
    lines: list[str] = field(default_factory=list)
    raw: bytes = b""
    plain: bytes = b""
    hello: bytes = b""

    def count(self, verb: str) -> int:
        """How many lines began with the verb."""
        return sum(line.upper().startswith(verb) for line in self.lines)


@contextlib.contextmanager
def run_scripted(
    greeting: bytes | None,
    answer: Answer,
    tls: ssl.SSLContext | None = None,
    starttls: ssl.SSLContext | None = None,
) -> Iterator[ScriptedServer]:
    """Serve on a free loopback port, one connection after the other.

    Args:
        greeting: Sent at once; None stays silent, b"" hangs up.
        answer: Called with each line's verb and the rest of the line.
        tls: For a server that speaks TLS at once.
        starttls: For one that speaks it once it has said yes to STARTTLS.
    """
    server = ScriptedServer()
    listener = socket.create_server((LOOPBACK, 0))
    server.port = listener.getsockname()[1]

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            server.connections += 1
            with contextlib.suppress(OSError):
                connection.settimeout(QUIET_S)
                with _wrap(connection, tls) as wrapped:
                    _converse(server, wrapped, greeting, answer, starttls)

    thread = threading.Thread(target=serve, name="scripted-server", daemon=True)
    thread.start()
    try:
        yield server
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(QUIET_S)


def _wrap(connection: socket.socket, tls: ssl.SSLContext | None) -> socket.socket:
    return tls.wrap_socket(connection, server_side=True) if tls else connection


def _converse(
    server: ScriptedServer,
    connection: socket.socket,
    greeting: bytes | None,
    answer: Answer,
    starttls: ssl.SSLContext | None,
) -> None:
    if greeting == b"":
        return
    if greeting is not None:
        connection.sendall(greeting)
    buffer = b""
    while True:
        data = connection.recv(4096)
        if not data:
            return
        server.raw += data
        server.plain += b"" if isinstance(connection, ssl.SSLSocket) else data
        buffer += data
        while b"\r\n" in buffer:
            raw, _, buffer = buffer.partition(b"\r\n")
            line = raw.decode("utf-8", "replace")
            server.lines.append(line)
            verb, _, rest = line.partition(" ")
            reply = answer(verb, rest)
            if reply is None:
                return
            connection.sendall(reply)
            if starttls is not None and _is_granted(line, reply):
                server.hello += connection.recv(1, socket.MSG_PEEK)
                connection = starttls.wrap_socket(connection, server_side=True)


def _is_granted(line: str, reply: bytes) -> bool:
    is_asked = "STARTTLS" in line.upper().split()
    return is_asked and (reply.startswith(b"220") or b" OK" in reply)
