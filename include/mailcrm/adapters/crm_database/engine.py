"""Engines and transactions on both databases, and the one place that translates their errors."""

import contextlib
import functools
import json
import logging
import random
import re
import sqlite3
import time
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Engine,
    Integer,
    Table,
    Text,
    any_,
    create_engine,
    event,
    exc,
    func,
    literal,
    select,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.engine import make_url

from mailcrm.errors import DatabaseError, MailcrmError, StoreBusyError
from mailcrm.records.text import escape_text

logger = logging.getLogger(__name__)

P = ParamSpec("P")
T = TypeVar("T")
_WRITE = "mailcrm_write"
# What SQLite says of a state that passes: https://www.sqlite.org/rescode.html
_HEALS = re.compile(r"locked|busy|disk is full|disk I/O error|unable to open database file")
BUSY_TIMEOUT_S = 30
# 64 MB of pages (the default of 2 MB is read again and again), temporary tables in memory.
_PRAGMAS = (
    "journal_mode=WAL",
    "synchronous=NORMAL",
    "foreign_keys=ON",
    "cache_size=-65536",
    "temp_store=MEMORY",
)
# So long a transaction may do nothing; ours compute at most some seconds between statements.
IDLE_TIMEOUT_S = 300
ATTEMPTS = 5
FIRST_PAUSE_S = 0.1
# More bound values than SQLite (32,766) or PostgreSQL (65,535) take in one statement.
CHUNK = 10_000


def make_engine(url: str) -> Engine:
    """An engine for a SQLAlchemy URL.

    Whatever driver it names, psycopg 3 and the standard library's sqlite3 are used. SQLite runs in
    WAL mode with foreign keys; its folder is made.

    Raises:
        DatabaseError: the URL does not parse or names a database that we do not support.
    """
    try:
        parsed = make_url(url)
    except (exc.ArgumentError, ValueError):  # their texts may hold the password
        raise DatabaseError(detail="MAILCRM_DATABASE_URL is not a SQLAlchemy URL") from None
    if "@" in (parsed.host or ""):  # the rest of a password would be shown as the host
        raise DatabaseError(
            detail="MAILCRM_DATABASE_URL: write @, : and / in the password as %40, %3A and %2F"
        )
    backend = parsed.drivername.partition("+")[0]
    if backend == "sqlite":
        return _make_sqlite(parsed.set(drivername="sqlite"))
    if backend in ("postgresql", "postgres"):
        parsed = parsed.set(drivername="postgresql+psycopg")
        return _make_postgres(parsed)
    raise DatabaseError(
        detail=f"MAILCRM_DATABASE_URL names {backend}; use sqlite:/// or postgresql://"
    )


def _prepare_file(path: Path) -> None:
    """Make the file, for its owner only: it holds mail. A folder's folder must be there."""
    try:
        path.parent.mkdir(exist_ok=True)
        path.touch(mode=0o600, exist_ok=True)
    except OSError as error:
        problem = f"cannot use the file {path}: {error.strerror}"
        raise DatabaseError(detail=f"{problem}; look at MAILCRM_DATABASE_URL") from None


def _make_postgres(url: Any) -> Engine:
    engine = create_engine(
        url, pool_pre_ping=True, pool_size=5, max_overflow=5, hide_parameters=True
    )

    @event.listens_for(engine, "connect")
    def _configure(connection: Any, _record: Any) -> None:
        # A worker that froze, or whose host is gone, must not keep the next run waiting for its
        # locks for hours. Not as a startup option: poolers refuse those.
        with connection.cursor() as cursor:
            cursor.execute(f"SET idle_in_transaction_session_timeout = '{IDLE_TIMEOUT_S}s'")
        connection.commit()

    return engine


def _make_sqlite(url: Any) -> Engine:
    if url.database and url.database != ":memory:":
        _prepare_file(Path(url.database))
    engine = create_engine(url, connect_args={"timeout": BUSY_TIMEOUT_S}, hide_parameters=True)

    @event.listens_for(engine, "connect")
    def _configure(connection: sqlite3.Connection, _record: Any) -> None:
        connection.isolation_level = None  # we say BEGIN ourselves
        for pragma in _PRAGMAS:
            connection.execute(f"PRAGMA {pragma}").close()

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        # A writer that begins as a reader can fail when it upgrades; take the lock at once.
        write = connection.get_execution_options().get(_WRITE, False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")

    return engine


@contextlib.contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """One write transaction: committed at the end, rolled back on any error.

    Raises:
        StoreBusyError: locked, restarting or cut off; the whole transaction may be tried again.
        DatabaseError: not migrated, read-only, or otherwise in need of a person.
    """
    with (
        _translated(),
        engine.connect().execution_options(**{_WRITE: True}) as connection,
        connection.begin(),
    ):
        yield connection


@contextlib.contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """One consistent read. Raises as `writing` does."""
    with _translated(), engine.connect() as connection, connection.begin():
        yield connection


@contextlib.contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except MailcrmError:
        raise
    except exc.DBAPIError as error:
        raise translate(error) from None
    except exc.SQLAlchemyError as error:
        raise DatabaseError(detail=_one_line(error)) from None


def translate(error: exc.DBAPIError) -> MailcrmError:
    """What a driver's error means for us; its text, without statement and parameters."""
    text = _one_line(error.orig)
    state = getattr(error.orig, "sqlstate", None)
    if "no such table" in text or "no such column" in text or state in ("42P01", "42703"):
        return DatabaseError(detail=f"{text}; create or migrate the tables: mailcrm db upgrade")
    if state in ("28P01", "28000", "3D000", "42501") or "readonly database" in text:
        return DatabaseError(detail=text)
    if "password authentication failed" in text or re.search(r'database "[^"]*" does not', text):
        return DatabaseError(detail=text)
    if isinstance(error.orig, sqlite3.Error):
        if _HEALS.search(text):
            return StoreBusyError(detail=text)
        return DatabaseError(detail=f"{text}; it is the one that MAILCRM_DATABASE_URL names")
    if isinstance(error, (exc.OperationalError, exc.InterfaceError)) or state == "25P03":
        return StoreBusyError(detail=f"{text}; is it up, and is MAILCRM_DATABASE_URL right?")
    return DatabaseError(detail=text)


def _one_line(error: BaseException | None) -> str:
    """What the server says, without its DETAIL, which quotes rows, and so mail."""
    message = getattr(getattr(error, "diag", None), "message_primary", None) or str(error)
    lines = message.strip().splitlines() or [type(error).__name__]
    return escape_text(lines[0], 300)


def insert_into(connection: Connection, table: Table) -> Any:
    """The dialect's INSERT, which knows ON CONFLICT."""
    if connection.dialect.name == "postgresql":
        return postgresql.insert(table)
    return sqlite.insert(table)


def any_of(
    connection: Connection, column: ColumnElement[Any], values: Collection[str] | Collection[int]
) -> Any:
    """The condition that a text or integer column has one of many values, bound as one parameter.

    A hundred thousand placeholders take longer to write and to parse than the rows to find.
    """
    if connection.dialect.name == "postgresql":
        kind = BigInteger() if isinstance(column.type, Integer) else Text()
        return column == any_(literal(list(values), ARRAY(kind)))
    listed = func.json_each(json.dumps(list(values))).table_valued("value")
    return column.in_(select(listed.c.value))


def chunked(values: list[T], size: int = CHUNK) -> Iterator[list[T]]:
    """Lists of at most `size` values, in order."""
    for start in range(0, len(values), size):
        yield values[start : start + size]


def retried(method: Callable[P, T]) -> Callable[P, T]:
    """Try a whole transaction again, up to ATTEMPTS times, while the database is busy or away.

    Only for methods that may run twice with the same effect as once: when a connection dies
    during COMMIT nobody knows its outcome, and the next try finds out by doing it again. Pauses
    grow from FIRST_PAUSE_S seconds, doubling, with jitter.
    """

    @functools.wraps(method)
    def run(*args: P.args, **kwargs: P.kwargs) -> T:
        for attempt in range(1, ATTEMPTS):
            try:
                return method(*args, **kwargs)
            except StoreBusyError as error:
                logger.warning(
                    "database.retry operation=%s attempt=%d reason=%s",
                    method.__name__,
                    attempt,
                    str(error)[:200],
                )
                time.sleep(FIRST_PAUSE_S * 2**attempt * random.uniform(0.5, 1.0))  # noqa: S311
        return method(*args, **kwargs)

    return run
