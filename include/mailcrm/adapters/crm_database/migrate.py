"""Creating and migrating the tables (Alembic), and refusing to work on others."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine

from mailcrm.adapters.crm_database.engine import reading, writing
from mailcrm.errors import DatabaseError

_MIGRATIONS = Path(__file__).with_name("migrations")


def _config() -> Config:
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
    config = _config()
    with writing(engine) as connection:
        if engine.dialect.name == "postgresql":
            # Two upgrades side by side: the second waits, then finds nothing to do.
            connection.exec_driver_sql("SELECT pg_advisory_xact_lock(7321004)")
        before = MigrationContext.configure(connection).get_current_revision()
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
    return before, head_revision()


def head_revision() -> str:
    """The revision that this version of mailcrm works with."""
    head = ScriptDirectory.from_config(_config()).get_current_head()
    if head is None:
        raise DatabaseError(detail="this installation of mailcrm has no migrations; reinstall it")
    return head


def check_schema(engine: Engine) -> None:
    """Refuse to work on tables of another version.

    Raises:
        DatabaseError: there are no tables, or they are older or newer than this mailcrm.
        StoreBusyError: the database cannot be reached.
    """
    with reading(engine) as connection:
        current = MigrationContext.configure(connection).get_current_revision()
    if current is None:
        raise DatabaseError(detail="there are no tables yet; create them: mailcrm db upgrade")
    if current != head_revision():
        raise DatabaseError(
            detail=f"the tables are of revision {current}, this mailcrm needs {head_revision()}; "
            "run: mailcrm db upgrade (or update mailcrm)"
        )
