"""A proxy before PostgreSQL that cuts the connection around one COMMIT, so that nobody knows."""

import contextlib
import select
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

from servers.ports import LOOPBACK

__all__ = ["CommitProxy", "run_commit_proxy"]

# The simple query that psycopg sends: 'Q', its length, the text, NUL.
COMMIT = b"Q\x00\x00\x00\x0bCOMMIT\x00"


@dataclass(slots=True)
class CommitProxy:
    """Counts COMMITs; the one numbered `cut_at` is cut before or after the server got it."""

    port: int
    target: int
    cut_at: int | None = None
    after_server: bool = False
    commits: int = 0
    struck: bool = False
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def arm(self, cut_at: int | None, *, after_server: bool = False) -> None:
        """Count anew; None cuts nothing."""
        with self._lock:
            self.cut_at, self.after_server = cut_at, after_server
            self.commits, self.struck = 0, False

    def serve(self, client: socket.socket) -> None:
        """One connection, until either side ends it."""
        with client, socket.create_connection((LOOPBACK, self.target)) as server:
            while True:
                for source in select.select([client, server], [], [])[0]:
                    data = source.recv(65536)
                    if not data:
                        return
                    if source is server:
                        client.sendall(data)
                    elif self._must_cut(data):
                        self._cut(server, data)
                        return
                    else:
                        server.sendall(data)

    def _must_cut(self, data: bytes) -> bool:
        if COMMIT not in data:
            return False
        with self._lock:
            self.commits += 1
            self.struck = self.struck or self.commits == self.cut_at
            return self.commits == self.cut_at

    def _cut(self, server: socket.socket, data: bytes) -> None:
        """Drop both sides; with `after_server` only once the server has answered."""
        if self.after_server:
            server.sendall(data)
            server.recv(65536)


@contextlib.contextmanager
def run_commit_proxy(target: int) -> Iterator[CommitProxy]:
    """Listen on a free port until the end of the block; threads end with their connections."""
    with socket.create_server((LOOPBACK, 0)) as listener:
        proxy = CommitProxy(listener.getsockname()[1], target)

        def accept() -> None:
            with contextlib.suppress(OSError):
                while True:
                    client = listener.accept()[0]
                    threading.Thread(target=_serve, args=(proxy, client), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        try:
            yield proxy
        finally:
            listener.shutdown(socket.SHUT_RDWR)


def _serve(proxy: CommitProxy, client: socket.socket) -> None:
    with contextlib.suppress(OSError):
        proxy.serve(client)
