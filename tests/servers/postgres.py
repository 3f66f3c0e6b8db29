"""A real PostgreSQL in a temporary folder: the distribution's binaries, one per session."""

import contextlib
import itertools
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
import pytest

from servers.ports import (
    LOOPBACK,
    ServerStartError,
    free_port,
    server_folder,
    start_process,
    stop_process,
    unprivileged_user,
)

OWNER = "mailcrm"
PASSWORD = "postgres-test-secret"
ATTEMPTS = 3
SETTINGS = (
    "fsync=off",
    "synchronous_commit=off",
    "full_page_writes=off",
    "max_connections=60",
    "shared_buffers=64MB",
    "autovacuum=off",
    "timezone=Asia/Kolkata",  # far from UTC, so that a lost zone shows
)


def find_binaries() -> Path | None:
    """The folder of the newest installed server, None where there is none."""
    folders = [p.parent for p in Path("/usr/lib/postgresql").glob("*/bin/initdb")]
    if folders:
        return max(folders, key=lambda folder: int(folder.parent.name))
    found = shutil.which("initdb")
    return Path(found).resolve().parent if found else None


@dataclass(slots=True)
class PostgresServer:
    """A running server; every test gets a database of its own."""

    port: int
    _numbers: Iterator[int] = field(default_factory=itertools.count, repr=False)

    def url(self, database: str) -> str:
        """SQLAlchemy URL of one database."""
        return f"postgresql+psycopg://{OWNER}:{PASSWORD}@{LOOPBACK}:{self.port}/{database}"

    def execute(self, statement: str) -> None:
        """Run one statement outside a transaction, as the owner of everything."""
        with psycopg.connect(
            host=LOOPBACK,
            port=self.port,
            user=OWNER,
            password=PASSWORD,
            dbname="postgres",
            autocommit=True,
        ) as connection:
            connection.execute(statement.encode())

    def is_ready(self) -> bool:
        """Whether it takes connections."""
        try:
            self.execute("SELECT 1")
        except psycopg.OperationalError:
            return False
        return True

    def create_database(self, template: str = "template1") -> str:
        """A fresh database's name; a copy of `template`, to which nobody may be connected."""
        name = f"test_{next(self._numbers)}"
        self.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        return name

    def drop_database(self, name: str) -> None:
        """Remove it, whoever is still connected."""
        self.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


def make_cluster(binaries: Path, folder: Path, user: str | None) -> Path:
    """Initialise the data folder of a new server."""
    secret = folder / "password"
    secret.write_text(PASSWORD)
    data = folder / "data"
    command = [str(binaries / "initdb"), "-D", str(data), "-U", OWNER, "-E", "UTF8", "-N"]
    command += ["--locale=C.UTF-8", "-A", "scram-sha-256", f"--pwfile={secret}"]
    if user is not None:
        shutil.chown(secret, user)
    done = subprocess.run(
        command,
        capture_output=True,
        cwd=folder,
        user=user,
        extra_groups=None if user is None else [],
        env={"PATH": os.environ.get("PATH", ""), "LC_ALL": "C.UTF-8", "TZ": "UTC"},
        check=False,
    )
    if done.returncode:
        raise ServerStartError(f"initdb failed: {done.stderr.decode(errors='replace')[-2000:]}")
    return data


def _start(
    binaries: Path, folder: Path, data: Path, user: str | None
) -> tuple[PostgresServer, "subprocess.Popen[bytes]"]:
    server = PostgresServer(free_port())
    command = [str(binaries / "postgres"), "-D", str(data), "-p", str(server.port)]
    command += ["-h", LOOPBACK, "-k", str(folder)]
    for setting in SETTINGS:
        command += ["-c", setting]
    return server, start_process(command, folder / "log", server.is_ready, user)


@contextlib.contextmanager
def run_postgres() -> Iterator[PostgresServer]:
    """Start a server of our own; skips where none is installed."""
    binaries = find_binaries()
    if binaries is None:
        pytest.skip("not installed: postgresql")
    user = unprivileged_user("postgres", "nobody")
    with server_folder("pg", user) as folder:
        data = make_cluster(binaries, folder, user)
        for attempt in range(ATTEMPTS):
            try:
                server, process = _start(binaries, folder, data, user)
                break
            except ServerStartError:  # somebody took the port
                if attempt == ATTEMPTS - 1:
                    raise
        try:
            yield server
        finally:
            stop_process(process, signal.SIGINT)
