"""A PostgreSQL that a test may crash: it comes back with all that was committed."""

import contextlib
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from servers.ports import LOOPBACK, free_port, server_folder, start_process, stop_process
from servers.ports import unprivileged_user as find_user
from servers.postgres import PostgresServer, find_binaries, make_cluster

__all__ = ["CrashingPostgres", "run_crashing_postgres"]


class CrashingPostgres(PostgresServer):
    """`crash` is `pg_ctl restart -m immediate`: no checkpoint, no goodbye, recovery at start."""

    def __init__(self, folder: Path, data: Path, user: str | None) -> None:
        super().__init__(free_port())
        self._folder = folder
        self._data = data
        self._user = user
        self._start()

    def _start(self) -> None:
        binaries = find_binaries()
        command = [f"{binaries}/postgres", "-D", str(self._data), "-p", str(self.port)]
        command += ["-h", LOOPBACK, "-k", str(self._folder), "-c", "fsync=off"]
        self.process: subprocess.Popen[bytes] = start_process(
            command, self._folder / "log", self.is_ready, self._user
        )

    def crash(self) -> None:
        """End all of it at once, and start it again."""
        stop_process(self.process, signal.SIGQUIT)
        self._start()


@contextlib.contextmanager
def run_crashing_postgres() -> Iterator[CrashingPostgres]:
    """Start one of our own; skips where none is installed."""
    binaries = find_binaries()
    if binaries is None:
        pytest.skip("not installed: postgresql")
    user = find_user("postgres", "nobody")
    with server_folder("pgcrash", user) as folder:
        server = CrashingPostgres(folder, make_cluster(binaries, folder, user), user)
        try:
            yield server
        finally:
            stop_process(server.process, signal.SIGINT)
