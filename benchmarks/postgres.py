"""A PostgreSQL that keeps what it commits: the tests' own runs without fsync."""

import contextlib
import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field

import psycopg

from servers.ports import LOOPBACK, server_folder, start_process, stop_process, unprivileged_user
from servers.postgres import PostgresServer, find_binaries, free_port, make_cluster

SETTINGS = ("shared_buffers=256MB", "max_wal_size=2GB", "timezone=UTC")


@dataclass(slots=True)
class DurablePostgres:
    """The running server."""

    server: PostgresServer
    _names: Iterator[int] = field(default_factory=itertools.count, repr=False)

    def create(self) -> str:
        """The URL of a fresh database."""
        name = f"bench_{next(self._names)}"
        self.server.execute(f"CREATE DATABASE {name}")
        return self.server.url(name)


@contextlib.contextmanager
def run_durable_postgres() -> Iterator[DurablePostgres | None]:
    """Start one with the distribution's settings; None where it is not installed."""
    binaries = find_binaries()
    if binaries is None:
        yield None
        return
    user = unprivileged_user("postgres", "nobody")
    with server_folder("benchpg", user) as folder:
        data = make_cluster(binaries, folder, user)
        server = PostgresServer(free_port())
        command = [str(binaries / "postgres"), "-D", str(data), "-p", str(server.port)]
        command += ["-h", LOOPBACK, "-k", str(folder)]
        for setting in SETTINGS:
            command += ["-c", setting]
        process = start_process(command, folder / "log", server.is_ready, user)
        try:
            yield DurablePostgres(server)
        finally:
            with contextlib.suppress(psycopg.Error):
                server.execute("CHECKPOINT")
            stop_process(process)
