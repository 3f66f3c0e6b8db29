"""A backup that is restored: the next run ends where a run without the disaster ends."""

import contextlib
import os
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy.engine import make_url

from fakes.mail_reader import FakeMailbox
from faults.kill_scenarios import add_news, fill
from faults.world import compare, dump, make_services, prepare
from mailcrm.records import COUNT_NAMES
from mailcrm.services.fetch import run_fetch
from mailcrm.services.match import run_match
from mailcrm.services.plan import run_plan
from mailcrm.services.run import RunReport, run_mailbox
from servers.postgres import PostgresServer, find_binaries

Backup = Callable[[], None]


def copy_sqlite(source: str, target: str) -> None:
    """SQLite's online backup, as `.backup` of its command line."""
    names = [str(make_url(url).database) for url in (source, target)]
    with (
        contextlib.closing(sqlite3.connect(names[0])) as live,
        contextlib.closing(sqlite3.connect(names[1])) as copy,
    ):
        live.backup(copy)


def copy_postgres(source: str, target: str, folder: Path) -> None:
    """`pg_dump` while the database is in use, then `pg_restore` into an empty one."""
    binaries, file = find_binaries(), folder / "backup.dump"
    assert binaries
    for tool, url, more in (
        ("pg_dump", source, ["--format=custom", f"--file={file}"]),
        ("pg_restore", target, ["--no-owner", "--exit-on-error", str(file)]),
    ):
        parsed = make_url(url)
        where = [f"--host={parsed.host}", f"--port={parsed.port}", f"--username={parsed.username}"]
        done = subprocess.run(
            [str(binaries / tool), *where, f"--dbname={parsed.database}", *more],
            env={"PATH": os.environ["PATH"], "PGPASSWORD": str(parsed.password)},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr


def sync(url: str, mailbox: FakeMailbox) -> RunReport:
    """One whole run."""
    services, engine = make_services(url, mailbox)
    try:
        return run_mailbox(services, "sales")
    finally:
        engine.dispose()


def stop_before_publishing(url: str, mailbox: FakeMailbox) -> None:
    """A run that has staged and matched its batch, and is under way when the backup is taken."""
    services, engine = make_services(url, mailbox)
    plan = run_plan(services, "sales", "sales/under-way")
    for part in plan.slices:
        run_fetch(services, plan.lease, part)
    run_match(services, plan.lease)
    engine.dispose()


def live_through(url: str, mailbox: FakeMailbox, backup: Backup) -> RunReport:
    """A sync, a second one amid which the backup is taken, and a third after it."""
    prepare(url)
    fill(mailbox)
    sync(url, mailbox)
    add_news(mailbox)
    stop_before_publishing(url, mailbox)
    backup()
    return sync(url, mailbox)


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.needs_postgres)])
def two_databases(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[str, str]]:
    """A database, and an empty one to restore into."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/live.db", f"sqlite:///{tmp_path}/restored.db"
        return
    server: PostgresServer = request.getfixturevalue("postgres")
    names = [server.create_database() for _ in range(2)]
    yield server.url(names[0]), server.url(names[1])
    for name in names:
        server.drop_database(name)


def test_restore_of_a_backup_taken_amid_a_run_ends_as_if_nothing_was_lost(
    two_databases: tuple[str, str], tmp_path: Path
) -> None:
    live, restored = two_databases
    mailbox = FakeMailbox()

    def backup() -> None:
        if live.startswith("sqlite"):
            copy_sqlite(live, restored)
        else:
            copy_postgres(live, restored, tmp_path)

    undisturbed = live_through(live, mailbox, backup)
    again = sync(restored, mailbox)
    assert again.is_fine
    found = again.to_json()["totals"]
    assert found == undisturbed.to_json()["totals"]
    assert found["balanced"]
    assert sum(found[name] for name in COUNT_NAMES[1:]) == found["listed"]
    engines = [make_services(url, mailbox)[1] for url in (live, restored)]
    assert compare(dump(engines[0]), dump(engines[1])) == []
    for engine in engines:
        engine.dispose()
