"""A TCP proxy that harms what passes: slow, sliced, cut, reset, swallowed or flipped.

Offsets count all bytes of one direction over the proxy's whole life, so that one number names one
point of a session that takes several connections.
"""

import contextlib
import select
import socket
import struct
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

from servers.ports import LOOPBACK

__all__ = ["DOWN", "UP", "Fault", "FaultProxy", "run_fault_proxy"]

UP = "up"
DOWN = "down"
_CHUNK_BYTES = 64 * 1024
_RESET = struct.pack("ii", 1, 0)


@dataclass(frozen=True, slots=True)
class Fault:
    """What happens to one direction (UP: from the client; DOWN: to it).

    At offset `at`, once: `cut` closes both sides, `reset` does so with RST, `hole` swallows all
    that the connection brings from there on, both ways, `flip` inverts one bit of that byte.
    Without `at`: `latency_s` before each piece, pieces of `slice_bytes`, at most `bytes_per_s`.
    """

    direction: str = DOWN
    at: int | None = None
    kind: str = "cut"
    bit: int = 0
    latency_s: float = 0.0
    slice_bytes: int = _CHUNK_BYTES
    bytes_per_s: float | None = None


@dataclass(slots=True)
class FaultProxy:
    """A running proxy; `struck` says that the fault's offset was met.

    `passed` counts bytes, and `lines` their lines, by direction.
    """

    port: int
    target: tuple[str, int]
    fault: Fault | None = None
    passed: dict[str, int] = field(default_factory=lambda: {UP: 0, DOWN: 0})
    lines: dict[str, int] = field(default_factory=lambda: {UP: 0, DOWN: 0})
    connections: int = 0
    struck: bool = False
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def arm(self, fault: Fault | None) -> None:
        """Start counting anew, with another fault or none."""
        with self._lock:
            self.fault, self.struck = fault, False
            self.passed = {UP: 0, DOWN: 0}
            self.lines = {UP: 0, DOWN: 0}

    def serve(self, client: socket.socket) -> None:
        """One connection, until either side ends it."""
        with self._lock:
            self.connections += 1
        with (
            client,
            contextlib.suppress(OSError),
            socket.create_connection(self.target, timeout=10) as server,
        ):
            for sock in (client, server):
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            _Link(self, client, server).run()

    def take(self, data: bytes, direction: str) -> tuple[int, Fault | None]:
        """Count a piece: where it starts, and the fault of its direction."""
        with self._lock:
            start = self.passed[direction]
            self.passed[direction] += len(data)
            self.lines[direction] += data.count(b"\n")
            fault = self.fault
        if fault is None or fault.direction != direction or (fault.at is not None and self.struck):
            return start, None
        return start, fault


class _Link:
    """One connection; a single thread, so that closing a socket takes effect at once."""

    def __init__(self, proxy: FaultProxy, client: socket.socket, server: socket.socket) -> None:
        self._proxy = proxy
        self._ends = {client: (server, UP), server: (client, DOWN)}
        self._is_hole = False

    def run(self) -> None:
        while True:
            for source in select.select(list(self._ends), [], [])[0]:
                data = source.recv(_CHUNK_BYTES)
                if not data or not self._pass(data, *self._ends[source]):
                    return

    def _pass(self, data: bytes, sink: socket.socket, direction: str) -> bool:
        """Whether the connection goes on."""
        start, fault = self._proxy.take(data, direction)
        if self._is_hole:
            return True
        if fault is None:
            sink.sendall(data)
            return True
        if fault.at is None:
            _send_slowly(sink, data, fault)
            return True
        if not start <= fault.at < start + len(data):
            sink.sendall(data)
            return True
        self._proxy.struck = True
        return self._strike(data, fault.at - start, sink, fault)

    def _strike(self, data: bytes, here: int, sink: socket.socket, fault: Fault) -> bool:
        if fault.kind == "flip":
            flipped = bytes([data[here] ^ (1 << fault.bit)])
            sink.sendall(data[:here] + flipped + data[here + 1 :])
            return True
        sink.sendall(data[:here])
        if fault.kind == "hole":
            self._is_hole = True
            return True
        if fault.kind == "reset":
            for sock in self._ends:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        return False


def _send_slowly(sink: socket.socket, data: bytes, fault: Fault) -> None:
    for position in range(0, len(data), fault.slice_bytes):
        piece = data[position : position + fault.slice_bytes]
        pause_s = fault.latency_s
        if fault.bytes_per_s is not None:
            pause_s += len(piece) / fault.bytes_per_s
        if pause_s:
            time.sleep(pause_s)
        sink.sendall(piece)


@contextlib.contextmanager
def run_fault_proxy(port: int, host: str = LOOPBACK) -> Iterator[FaultProxy]:
    """Stand before a server until the block ends."""
    with socket.create_server((LOOPBACK, 0), backlog=64) as listener:
        proxy = FaultProxy(listener.getsockname()[1], (host, port))
        thread = threading.Thread(target=_accept, args=(proxy, listener), daemon=True)
        thread.start()
        try:
            yield proxy
        finally:
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            thread.join(10)


def _accept(proxy: FaultProxy, listener: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while True:
            client, _ = listener.accept()
            threading.Thread(target=proxy.serve, args=(client,), daemon=True).start()
