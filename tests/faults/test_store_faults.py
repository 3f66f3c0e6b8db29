"""The database goes away, fills up, is locked, broken, restored or of another version."""

import datetime as dt
import json
import shutil
import sqlite3
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from sqlalchemy import event, text
from sqlalchemy.exc import DBAPIError

from fakes.mail_reader import FakeMailbox
from faults.arena import BOTH, EVIDENCE, Arena, filled, make_arena, spread
from faults.kill_scenarios import SINCE, UNTIL, add_news, fill, renumber
from faults.steps import Steps
from faults.world import compare, make_services
from mailcrm.adapters.crm_database import engine as engine_module
from mailcrm.adapters.crm_database.engine import make_engine
from mailcrm.errors import DatabaseError, StoreBusyError, TransientError
from mailcrm.services.run import run_mailbox
from mailcrm.services.wiring import open_services
from mailcrm.settings import Settings
from servers.commit_proxy import CommitProxy, run_commit_proxy
from servers.postgres import PostgresServer
from servers.postgres_restart import CrashingPostgres, run_crashing_postgres

Record = Callable[[str, object], None]
HOUR = dt.timedelta(hours=1)


@pytest.fixture(scope="module", params=BOTH)
def arena(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Arena]:
    server = request.getfixturevalue("postgres") if request.param == "postgres" else None
    yield from make_arena(request.param, tmp_path_factory.mktemp("arena"), server)


@pytest.fixture(scope="module")
def sqlite_arena(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Arena]:
    yield from make_arena("sqlite", tmp_path_factory.mktemp("arena"), None)


@pytest.fixture(scope="module")
def postgres_arena(
    postgres: PostgresServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Arena]:
    yield from make_arena("postgres", tmp_path_factory.mktemp("arena"), postgres)


@pytest.fixture(autouse=True)
def quick_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    """The pauses are for databases that need time; here they are back at once."""
    monkeypatch.setattr(engine_module, "FIRST_PAUSE_S", 0.005)


def settle(arena: Arena, url: str, why: object) -> None:
    """A plain run later everything is as if nothing had happened."""
    assert arena.run(url, hours=5).failure is None, why
    assert compare(arena.reference, arena.dump(url)) == [], why


# PostgreSQL


@pytest.mark.needs_postgres
@pytest.mark.row("R093", "R225")
def test_run_whose_sessions_are_terminated_goes_on_or_is_repaired(
    postgres_arena: Arena, postgres: PostgresServer, record_property: Record
) -> None:
    points = spread(list(range(1, len(postgres_arena.names) + 1)), 12)
    record_property("count", len(points))
    for point in points:
        url = postgres_arena.fresh()
        name = url.rpartition("/")[2]

        def terminate(_step: str, name: str = name) -> None:
            postgres.execute(
                f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"
            )

        failure = postgres_arena.run(url, steps=Steps({point}, terminate)).failure
        assert failure is None or isinstance(failure, TransientError), (point, failure)
        settle(postgres_arena, url, point)


@pytest.fixture(scope="module")
def crashing() -> Iterator[CrashingPostgres]:
    with run_crashing_postgres() as server:
        yield server


@pytest.mark.needs_postgres
@pytest.mark.row("R225")
def test_run_through_a_crash_of_the_server_goes_on_or_is_repaired(
    crashing: CrashingPostgres, tmp_path: Path, record_property: Record
) -> None:
    arena = next(make_arena("postgres", tmp_path, crashing))
    points = spread(list(range(1, len(arena.names) + 1, 1 if not EVIDENCE else 3)), 5)
    record_property("count", len(points))
    for point in points:
        url = arena.fresh()
        steps = Steps({point}, lambda _step: crashing.crash())
        failure = arena.run(url, steps=steps).failure
        assert failure is None or isinstance(failure, TransientError), (point, failure)
        settle(arena, url, point)


@pytest.fixture
def commit_proxy(postgres: PostgresServer) -> Iterator[CommitProxy]:
    with run_commit_proxy(postgres.port) as proxy:
        yield proxy


@pytest.mark.needs_postgres
@pytest.mark.row("R094")
@pytest.mark.parametrize("after_server", [False, True], ids=["not arrived", "not answered"])
def test_run_that_never_hears_of_its_commit_doubles_and_loses_nothing(
    postgres_arena: Arena,
    commit_proxy: CommitProxy,
    after_server: bool,
    record_property: Record,
) -> None:
    url = postgres_arena.fresh()
    assert postgres_arena.run(through(commit_proxy, url)).failure is None
    commits = commit_proxy.commits
    assert commits > 20
    points = spread(list(range(1, commits + 1)), 8)
    record_property("count", len(points))
    for point in points:
        url = postgres_arena.fresh()
        commit_proxy.arm(point, after_server=after_server)
        failure = postgres_arena.run(through(commit_proxy, url)).failure
        assert commit_proxy.struck, point
        commit_proxy.arm(None)
        assert failure is None or isinstance(failure, TransientError), (point, failure)
        if failure is None:
            assert compare(postgres_arena.reference, postgres_arena.dump(url)) == [], point
        settle(postgres_arena, url, point)


def through(proxy: CommitProxy, url: str) -> str:
    return url.replace(f":{proxy.target}/", f":{proxy.port}/")


# SQLite


@pytest.mark.row("R226")
def test_run_beside_a_writer_that_keeps_the_lock_says_busy_and_writes_nothing(
    sqlite_arena: Arena, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine_module, "BUSY_TIMEOUT_S", 0.05)
    url = sqlite_arena.fresh()
    other = sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    before = sqlite_arena.dump(url)
    with pytest.raises(StoreBusyError):
        raise sqlite_arena.run(url).failure or AssertionError("nobody was in the way")
    assert compare(before, sqlite_arena.dump(url)) == []
    other.rollback()
    other.close()
    settle(sqlite_arena, url, "locked")


@pytest.mark.row("R226")
def test_run_beside_a_writer_that_lets_go_waits_for_it(sqlite_arena: Arena) -> None:
    url = sqlite_arena.fresh()
    other = sqlite3.connect(
        url.removeprefix("sqlite:///"), isolation_level=None, check_same_thread=False
    )

    def hold(_step: str) -> None:
        other.execute("BEGIN IMMEDIATE")
        threading.Timer(0.3, other.rollback).start()

    point = sqlite_arena.points(lambda name: name == "before BEGIN IMMEDIATE")[5]
    assert sqlite_arena.run(url, steps=Steps({point}, hold)).failure is None
    other.close()
    assert compare(sqlite_arena.reference, sqlite_arena.dump(url)) == []


@pytest.mark.row("R226", "R227")
def test_run_on_a_full_disk_says_so_and_is_repaired_when_there_is_room(
    sqlite_arena: Arena, record_property: Record
) -> None:
    """SQLITE_FULL from every size on: the database may not grow by more than so many pages."""
    pages = Path(sqlite_arena.template).stat().st_size // 4096
    points = list(range(40 if EVIDENCE else 10))
    record_property("count", len(points))
    failed = 0
    for more in points:
        url = sqlite_arena.fresh()
        services, engine = make_services(url, filled())

        @event.listens_for(engine, "connect")
        def _limit(connection: Any, _record: Any, more: int = more) -> None:
            connection.execute(f"PRAGMA max_page_count = {pages + more}").close()

        failure = run_mailbox(services, "sales", SINCE, UNTIL).failure
        engine.dispose()
        if failure is not None:
            failed += 1
            assert isinstance(failure, StoreBusyError), failure
            assert "full" in str(failure)
        assert compare_published(sqlite_arena, url)
        settle(sqlite_arena, url, more)
    assert failed >= 3


def compare_published(arena: Arena, url: str) -> bool:
    """Whether the CRM shows all of the batch or nothing."""
    found = arena.dump(url)["crm_messages"]
    return found in ([], arena.reference["crm_messages"])


@pytest.mark.row("R226", "R227")
@pytest.mark.parametrize("more", [4096, 32768, 65536])
def test_process_that_may_write_no_further_says_so_and_is_repaired(
    sqlite_arena: Arena, more: int
) -> None:
    url = sqlite_arena.fresh()
    size = Path(sqlite_arena.template).stat().st_size
    worker = sqlite_arena.start_worker(url, file_bytes=min(size, more))
    answer = json.loads(worker.communicate(timeout=60)[0])
    assert answer["failure"] == "StoreBusyError"
    assert not answer["published"]
    settle(sqlite_arena, url, more)


@pytest.mark.row("R226")
def test_run_on_a_broken_file_is_a_clear_error(sqlite_arena: Arena) -> None:
    url = sqlite_arena.fresh()
    path = Path(url.removeprefix("sqlite:///"))
    path.write_bytes(b"\x00broken header\x00\x00" + path.read_bytes()[16:])
    with pytest.raises(DatabaseError, match="not a database"):
        sqlite_arena.run(url)


# What people do to a database


@pytest.mark.row("R100")
def test_run_on_a_restored_backup_derives_the_lost_messages_again(arena: Arena) -> None:
    changes = (fill, add_news, renumber)
    urls = [arena.fresh()]
    mailbox = FakeMailbox()
    for number, change in enumerate(changes):
        change(mailbox)
        assert arena.run(urls[0], mailbox=mailbox, hours=number).failure is None
        if number == 0:
            urls.append(copy_of(arena, urls[0]))
    for number, url in enumerate(urls):
        assert arena.run(url, mailbox=mailbox, hours=9).failure is None, number
    latest, restored = (arena.dump(url) for url in urls)
    for table in ("crm_messages", "crm_message_participants", "match_decisions"):
        assert [json.loads(row) for row in latest[table]] == [
            json.loads(row) for row in restored[table]
        ], table


def copy_of(arena: Arena, url: str) -> str:
    if arena.server is not None:
        return arena.server.url(arena.server.create_database(url.rpartition("/")[2]))
    path = url.removeprefix("sqlite:///")
    shutil.copyfile(path, f"{path}.backup")
    return f"sqlite:///{path}.backup"


@pytest.mark.row("R101")
@pytest.mark.parametrize("revision", ["9999", "0000"])
def test_services_on_tables_of_another_version_refuse_to_write(arena: Arena, revision: str) -> None:
    url = arena.fresh()
    engine = make_engine(url)
    with engine.begin() as connection:
        connection.execute(text(f"UPDATE alembic_version SET version_num = '{revision}'"))
    engine.dispose()
    with (
        pytest.raises(DatabaseError, match="db upgrade"),
        open_services(Settings(database_url=SecretStr(url))),
    ):
        pass


EDITS = {
    "UPDATE sync_ledger SET state = 'done'": "ck_sync_ledger_state",
    "UPDATE sync_ledger SET uid = 0 WHERE uid = 1": "ck_sync_ledger_uid",
    "UPDATE sync_ledger SET uid = 4294967296 WHERE uid = 1": "ck_sync_ledger_uid",
    "UPDATE sync_ledger SET generation_id = 99": "foreign key|unique",
    "UPDATE sync_ledger SET state = NULL": "null",
    "UPDATE sync_runs SET state = 'fine'": "ck_sync_runs_state",
    "UPDATE sync_runs SET token = NULL": "null",
    "UPDATE sync_quarantine SET state = 'gone'": "ck_sync_quarantine_state",
    "UPDATE sync_generations SET uidvalidity = 1": "unique",
    "UPDATE sync_leases SET token = NULL": "null",
    "UPDATE mailboxes SET state = 'idle'": "ck_mailboxes_state",
    "UPDATE crm_messages SET kind = 'letter'": "ck_crm_messages_kind",
    "UPDATE crm_messages SET message_key = 'x'": "foreign key|unique",
    "UPDATE crm_message_sightings SET message_key = 'nobody'": "foreign key",
    "UPDATE match_decisions SET outcome = 'maybe'": "ck_match_decisions_outcome",
    "DELETE FROM sync_generations": "foreign key",
    "DELETE FROM crm_messages": "foreign key",
}


@pytest.mark.row("R099")
@pytest.mark.parametrize("statement", EDITS)
def test_state_edited_by_hand_into_nonsense_is_refused(
    ran: tuple[Arena, str], statement: str
) -> None:
    arena, url = ran
    before = arena.dump(url)
    engine = make_engine(url)
    with (
        pytest.raises(DBAPIError, match=f"(?i){EDITS[statement]}"),
        engine.begin() as connection,
    ):
        connection.execute(text(statement))
    engine.dispose()
    assert compare(before, arena.dump(url)) == []


@pytest.fixture(scope="module")
def ran(arena: Arena) -> tuple[Arena, str]:
    """A database after a run, whose mailbox was numbered anew and read again."""
    url = arena.fresh()
    mailbox = filled()
    arena.run(url, mailbox=mailbox)
    renumber(mailbox)
    arena.run(url, mailbox=mailbox, hours=1)
    return arena, url


REWINDS = {
    "published is open again": "UPDATE sync_ledger SET state = 'listed' WHERE state = 'published'",
    "staged without rows": "UPDATE sync_ledger SET state = 'staged', batch_id = 'nobody'",
    "all outside": "UPDATE sync_ledger SET state = 'outside', batch_id = NULL",
    "no ledger": "DELETE FROM sync_ledger",
    "no coverage": "DELETE FROM sync_coverage",
}


@pytest.mark.row("R090", "R099")
@pytest.mark.parametrize("what", REWINDS)
def test_ledger_set_back_by_hand_is_made_good_by_the_next_run(arena: Arena, what: str) -> None:
    url = arena.fresh()
    assert arena.run(url).failure is None
    engine = make_engine(url)
    with engine.begin() as connection:
        assert connection.execute(text(REWINDS[what])).rowcount > 0
    engine.dispose()
    assert arena.run(url, hours=1).failure is None
    found = arena.dump(url)
    for table, rows in arena.reference.items():
        if table.startswith(("crm_", "match_")):
            assert found[table] == rows, table
