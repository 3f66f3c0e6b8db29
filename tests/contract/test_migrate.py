"""The tables' revision, which every command looks at without Alembic."""

from alembic.script import ScriptDirectory
from sqlalchemy import create_engine

from mailcrm.adapters.crm_database.engine import make_engine, reading
from mailcrm.adapters.crm_database.migrate import (
    _config,
    check_schema,
    head_revision,
    read_revision,
    upgrade,
)


def test_head_revision_is_what_alembic_says() -> None:
    assert head_revision() == ScriptDirectory.from_config(_config()).get_current_head()


def test_read_revision_before_and_after_the_migration(database_url: str) -> None:
    engine = make_engine(database_url)
    with reading(engine) as connection:
        before = read_revision(connection)
    assert before in (None, head_revision())
    upgrade(engine)
    check_schema(engine)
    with reading(engine) as connection:
        assert read_revision(connection) == head_revision()
    engine.dispose()


def test_read_revision_of_no_tables_is_none() -> None:
    with create_engine("sqlite://").connect() as connection:
        assert read_revision(connection) is None
