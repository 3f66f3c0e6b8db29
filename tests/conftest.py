"""Fixtures that every layer may use: real servers, fresh users, fresh databases."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from servers.dovecot import DovecotServer, DovecotUser, run_dovecot
from servers.mail_devel import MailDevelServer, run_mail_devel
from servers.postgres import PostgresServer, run_postgres

pytest_plugins = [
    "plugin_evidence",
    "plugin_required",
    "servers.fixtures_imap",
    "servers.fixtures_smtp",
]


@pytest.fixture(scope="session")
def dovecot() -> Iterator[DovecotServer]:
    """One Dovecot per test session (per worker)."""
    with run_dovecot() as server:
        yield server


@pytest.fixture
def dovecot_user(dovecot: DovecotServer) -> DovecotUser:
    """A user of Dovecot that no other test uses."""
    return dovecot.new_user()


@pytest.fixture(scope="session")
def mail_devel() -> Iterator[MailDevelServer]:
    """One mail-devel per test session (per worker)."""
    with run_mail_devel() as server:
        yield server


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """One PostgreSQL per test session (per worker)."""
    with run_postgres() as server:
        yield server


@pytest.fixture
def postgres_url(postgres: PostgresServer) -> Iterator[str]:
    """SQLAlchemy URL of an empty PostgreSQL database that no other test uses."""
    name = postgres.create_database()
    yield postgres.url(name)
    postgres.drop_database(name)


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """SQLAlchemy URL of a SQLite file that does not exist yet."""
    return f"sqlite:///{tmp_path / 'mailcrm.db'}"


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.needs_postgres)])
def database_url(request: pytest.FixtureRequest) -> str:
    """An empty database of either kind, one after the other."""
    url: str = request.getfixturevalue(f"{request.param}_url")
    return url
