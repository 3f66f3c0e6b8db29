"""Notices by mail outside of mailboxes' tasks, by a connection that only Airflow's database has."""

import sqlite3
from collections.abc import Callable

import pytest

from acceptance.conftest import ROOT, Home
from servers.smtp_sink import SmtpSink

DEADLINE = """
import asyncio
from mailcrm_dags.callbacks import tell_stale
asyncio.run(tell_stale("sales"))
"""
PAGES = f"""
import sys
sys.path.insert(0, {str(ROOT / "plugins")!r})
from mailcrm.services.notices import send_notices
from mailcrm_plugin.state import services
assert send_notices(services()) == 1
"""


def maintain(home: Home) -> None:
    """The hourly DAG."""
    (run,) = home.run_dag_ids([("mailcrm_maintenance", {})])
    assert run["tasks"]["health_digest"] == ["success"], home.log[-4000:]


def leave_notice(home: Home, connection: str) -> None:
    """A notice that waits, for whoever sends the next one."""
    home.connections["MAILCRM_NOTIFY_SMTP_CONNECTION"] = connection
    with sqlite3.connect(home.database) as database:
        database.execute(
            "INSERT INTO mailbox_notices (mailbox_id, direction, event, since, reason, recipient,"
            " attempts) VALUES ('sales', 'imap', 'broke', '2026-11-22 12:00:00.000000',"
            " 'password rejected', 'it@acme.example', 0)"
        )


@pytest.mark.slow
@pytest.mark.parametrize(
    "tell",
    [
        pytest.param(maintain, id="maintenance"),
        pytest.param(lambda home: home.run_python(DEADLINE), id="deadline"),
        pytest.param(lambda home: home.run_python(PAGES), id="pages"),
    ],
)
def test_notice_goes_out_by_a_connection_that_only_airflows_database_has(
    home: Home, smtp_sink: SmtpSink, tell: Callable[[Home], None]
):
    leave_notice(home, "mail_of_airflow")
    fields = {
        "conn_type": "smtp",
        "host": "127.0.0.1",
        "port": smtp_sink.port,
        "login": smtp_sink.username,
        "password": smtp_sink.password,
        "extra": {
            "from_email": "mailcrm@acme.example",
            "disable_ssl": True,
            "disable_tls": True,
        },
    }
    home.add_airflow_connection("mail_of_airflow", fields)
    tell(home)
    (notice,) = smtp_sink.messages
    assert notice.rcpt_tos == ("it@acme.example",)
