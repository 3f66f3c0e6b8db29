"""Creating and migrating the tables (Alembic), and refusing to work on others.

Every command and every task checks the tables' revision, and only a migration needs Alembic: it is
imported there alone.
"""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, Engine, inspect

from mailcrm.adapters.crm_database.engine import make_engine, reading, writing
from mailcrm.errors import DatabaseError

if TYPE_CHECKING:
    from alembic.config import Config

_MIGRATIONS = Path(__file__).with_name("migrations")
_VERSIONS = "alembic_version"


def _config() -> "Config":
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    return config


def upgrade(engine: Engine) -> tuple[str | None, str]:
    """Bring the tables to this version of mailcrm, in one transaction.

    Returns:
        The revision before (None: there were no tables) and after.

    Raises:
        StoreBusyError, DatabaseError: see `engine.writing`.
    """
    from alembic import command

    config = _config()
    with writing(engine) as connection:
        if engine.dialect.name == "postgresql":
            # Two upgrades side by side: the second waits, then finds nothing to do.
            connection.exec_driver_sql("SELECT pg_advisory_xact_lock(7321004)")
        before = read_revision(connection)
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
    return before, head_revision()


def head_revision() -> str:
    """The revision that this version of mailcrm works with: the last file's number."""
    files = (_MIGRATIONS / "versions").glob("[0-9][0-9][0-9][0-9]_*.py")
    head = max((path.name.partition("_")[0] for path in files), default=None)
    if head is None:
        raise DatabaseError(detail="this installation of mailcrm has no migrations; reinstall it")
    return head


def read_revision(connection: Connection) -> str | None:
    """The revision of the tables, as Alembic notes it; None where there are no tables."""
    if not inspect(connection).has_table(_VERSIONS):
        return None
    found = connection.exec_driver_sql(f"SELECT version_num FROM {_VERSIONS}").scalar()
    return None if found is None else str(found)


@contextlib.contextmanager
def open_database(url: str) -> Iterator[Engine]:
    """A database whose tables are of this version; its connections are closed afterwards.

    Raises:
        DatabaseError, StoreBusyError: see `check_schema`.
    """
    engine = make_engine(url)
    try:
        check_schema(engine)
        yield engine
    finally:
        engine.dispose()


def check_schema(engine: Engine) -> None:
    """Refuse to work on tables of another version.

    Raises:
        DatabaseError: there are no tables, or they are older or newer than this mailcrm.
        StoreBusyError: the database cannot be reached.
    """
    with reading(engine) as connection:
        current = read_revision(connection)
    if current is None:
        raise DatabaseError(detail="there are no tables yet; create them: mailcrm db upgrade")
    if current != head_revision():
        raise DatabaseError(
            detail=f"the tables are of revision {current}, this mailcrm needs {head_revision()}; "
            "run: mailcrm db upgrade (or update mailcrm)"
        )
