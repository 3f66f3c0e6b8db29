"""Which mailboxes are watched: by their entry, else by what verification saw on the server."""

import datetime as dt
from collections.abc import Mapping
from pathlib import Path

import pytest
from alembic import command
from sqlalchemy import inspect, text

from mailcrm.adapters.crm_database.engine import make_engine, writing
from mailcrm.adapters.crm_database.migrate import _config, upgrade
from mailcrm.adapters.imap_probe import probe_imap
from mailcrm.records import Credential, Mailbox
from mailcrm.services.dag_entries import list_dag_entries
from mailcrm.services.wiring import open_services, upgrade_database
from mailcrm.settings import Settings
from servers.dovecot import PASSWORD, DovecotUser
from servers.mailboxes import make_mailbox
from servers.scripted_imap import run_scripted_imap

NOW = dt.datetime(2026, 11, 22, tzinfo=dt.UTC)


def entries_after_verification(
    home: Path, mailbox: Mailbox, credential: Credential
) -> Mapping[str, object]:
    """What Airflow is told of the mailbox once its server was seen."""
    settings = Settings(home=home)
    upgrade_database(settings)
    with open_services(settings) as services:
        services.registry.write_mailbox(mailbox, NOW)
        assert list_dag_entries(services)[0]["watched"] is bool(mailbox.idle)
        services.registry.write_health("sales", probe_imap(mailbox, credential, settings), NOW)
        return list_dag_entries(services)[0]


def with_idle(mailbox: Mailbox, idle: bool | None, schedule: str | None) -> Mailbox:
    from dataclasses import replace

    return replace(mailbox, idle=idle, schedule=schedule)


@pytest.mark.needs_dovecot
@pytest.mark.parametrize(
    ("idle", "schedule", "is_watched"),
    [
        (None, "*/15 * * * *", True),
        (None, None, False),
        (False, "*/15 * * * *", False),
        (True, None, True),
    ],
)
def test_mailbox_on_a_server_with_idle_is_watched_unless_told_otherwise(
    tmp_path: Path,
    dovecot_user: DovecotUser,
    idle: bool | None,
    schedule: str | None,
    is_watched: bool,
) -> None:
    mailbox = with_idle(make_mailbox(imap_port=dovecot_user.server.imap_port), idle, schedule)
    credential = Credential(dovecot_user.name, PASSWORD)
    assert entries_after_verification(tmp_path, mailbox, credential)["watched"] is is_watched


def test_mailbox_on_a_server_without_idle_keeps_its_schedule(tmp_path: Path) -> None:
    with run_scripted_imap() as server:
        mailbox = with_idle(make_mailbox(imap_port=server.port), None, "*/15 * * * *")
        entry = entries_after_verification(tmp_path, mailbox, Credential("ann", "s3cret-Pass"))
    assert entry["watched"] is False


def test_upgrade_of_known_health_leaves_idle_unknown(database_url: str) -> None:
    engine = make_engine(database_url)
    config = _config()
    with writing(engine) as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
        connection.execute(
            text(
                "INSERT INTO mailboxes (mailbox_id, address, entry, state, connected_at, "
                "updated_at) VALUES ('sales', 'a@b.c', '{}', 'active', '2026-11-01', '2026-11-01')"
            )
        )
        connection.execute(
            text(
                "INSERT INTO mailbox_health (mailbox_id, direction, state, stage, since, "
                "checked_at, health, health_since, failures) VALUES ('sales', 'imap', 'ok', "
                "'folders', '2026-11-01', '2026-11-01', 'ok', '2026-11-01', 0)"
            )
        )
    upgrade(engine)
    with writing(engine) as connection:
        assert connection.execute(text("SELECT offers_idle FROM mailbox_health")).scalar() is None
        config.attributes["connection"] = connection
        command.downgrade(config, "0004")
        names = {column["name"] for column in inspect(connection).get_columns("mailbox_health")}
        assert "offers_idle" not in names
        assert connection.execute(text("SELECT count(*) FROM mailbox_health")).scalar() == 1
    engine.dispose()
