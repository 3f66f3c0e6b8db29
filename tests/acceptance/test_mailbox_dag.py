"""The whole DAG of a mailbox, by `dag.test()`, against a real Dovecot and a real SMTP sink."""

import datetime as dt
import json
import sqlite3
from pathlib import Path

import pytest

from acceptance.conftest import Home
from servers.dovecot import PASSWORD, Append, DovecotUser
from servers.smtp_sink import SmtpSink

pytestmark = [pytest.mark.slow, pytest.mark.needs_dovecot]

TEMPLATE = "{{ 7+7 }}"
NOW = dt.datetime.now(dt.UTC).replace(microsecond=0)
MAILBOX = """\
id: sales
address: sales@acme.example
display_name: Acme Sales
imap: {{host: 127.0.0.1, port: {imap_port}, encryption: none}}
smtp: {{host: 127.0.0.1, port: {smtp_port}, encryption: none}}
folders: [{folders}]
backfill: {{days: 7}}
ownership: personal
"""


def message(number: int, days_ago: float) -> Append:
    """One mail of a customer, arrived some days ago."""
    raw = (
        f"From: Customer {number} <customer{number}@firm.example>\r\n"
        f"To: sales@acme.example\r\nSubject: Question {number}\r\n"
        f"Message-ID: <question-{number}@firm.example>\r\n"
        f"Date: Fri, 20 Nov 2026 10:00:{number % 60:02d} +0000\r\n\r\nHello, question {number}.\r\n"
    )
    return Append(raw.encode(), NOW - dt.timedelta(days=days_ago))


def connect(home: Home, user: DovecotUser, smtp: SmtpSink | None, folders: str = "INBOX") -> None:
    """Register the user's mailbox with credentials for both directions."""
    text = MAILBOX.format(
        imap_port=user.server.imap_port,
        smtp_port=smtp.port if smtp else 1,
        folders=folders,
    )
    path = home.path / "sales.yaml"
    path.write_text(text)
    home.set_credential("sales", "imap", user.name, PASSWORD)
    login = (smtp.username, smtp.password) if smtp else ("nobody", "of-no-use")
    home.set_credential("sales", "smtp", *login)
    assert "error" not in home.mailcrm("mailbox", "add", str(path))


def count(database: Path, table: str) -> int:
    """Rows of one table."""
    with sqlite3.connect(database) as connection:
        return connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]


def xcoms(home: Home) -> list[str]:
    """What tasks passed on in this home, as Airflow stored it."""
    with sqlite3.connect(home.airflow_home / "airflow.db") as connection:
        rows = connection.execute("SELECT CAST(value AS TEXT) FROM xcom").fetchall()
    assert rows
    return [value for (value,) in rows if value is not None]


@pytest.mark.row("R199")
def test_dag_run_twice_publishes_once_then_skips_everything_after_plan(
    home: Home, dovecot_user: DovecotUser, smtp_sink: SmtpSink
):
    dovecot_user.fill("INBOX", [message(n, 1 + n / 10) for n in range(12)])
    connect(home, dovecot_user, smtp_sink)
    before = dovecot_user.flags()
    first, second = home.run_dags([("sales", {}), ("sales", {})])
    assert first["tasks"]["publish"] == ["success"], home.log[-4000:]
    assert count(home.database, "crm_messages") == 12
    assert second["tasks"]["plan"] == ["success"]
    after_plan = {name: second["tasks"][name] for name in ("fetch", "match", "check", "publish")}
    assert all(states == ["skipped"] for states in after_plan.values())
    assert second["state"] == "success"
    assert count(home.database, "crm_messages") == 12
    assert dovecot_user.flags() == before
    assert smtp_sink.messages == []
    for value in xcoms(home):
        json.loads(value)
        assert len(value) < 4096
        assert not any(word in value for word in ("firm.example", "Question", "Hello"))
    assert PASSWORD not in home.log
    assert smtp_sink.password not in home.log


@pytest.mark.row("R196")
def test_dag_params_widen_the_window_and_choose_folders(
    home: Home, dovecot_user: DovecotUser, smtp_sink: SmtpSink
):
    dovecot_user.fill("INBOX", [message(1, 2), message(2, 20)])
    dovecot_user.fill("Sent", [message(3, 2)])
    dovecot_user.create_folder(TEMPLATE)
    dovecot_user.fill(TEMPLATE, [message(4, 2)])
    connect(home, dovecot_user, smtp_sink, folders=f'INBOX, Sent, "{TEMPLATE}"')
    since = (NOW - dt.timedelta(days=30)).date().isoformat()
    runs = home.run_dags([("sales", {"folders": ["INBOX"]}), ("sales", {"since": since})])
    assert [run["state"] for run in runs] == ["success", "success"], home.log[-4000:]
    assert [label.split(" ")[0] for label in runs[0]["labels"]] == ["INBOX"]
    # The name of a folder is shown as it is: no template is made of it.
    names = ["INBOX", "Sent", TEMPLATE]
    assert len(runs[1]["labels"]) == len(names)
    assert all(map(str.startswith, runs[1]["labels"], names)), runs[1]["labels"]
    assert count(home.database, "crm_messages") == 4


def test_dag_smtp_away_shows_red_and_reading_goes_on(home: Home, dovecot_user: DovecotUser):
    dovecot_user.fill("INBOX", [message(1, 1)])
    connect(home, dovecot_user, None)
    (run,) = home.run_dags([("sales", {})])
    assert run["tasks"]["verify_smtp"] == ["failed"]
    assert run["tasks"]["publish"] == ["success"]
    assert run["state"] == "failed"
    assert count(home.database, "crm_messages") == 1


def test_dag_imap_refused_fails_once_and_nothing_is_read(
    home: Home, dovecot_user: DovecotUser, smtp_sink: SmtpSink
):
    dovecot_user.fill("INBOX", [message(1, 1)])
    connect(home, dovecot_user, smtp_sink)
    home.set_credential("sales", "imap", dovecot_user.name, "wrong-secret-word")
    home.connections["MAILCRM_NOTIFY_SMTP_CONNECTION"] = "mail_out"
    home.connections["AIRFLOW_CONN_MAIL_OUT"] = json.dumps(
        {
            "conn_type": "smtp",
            "host": "127.0.0.1",
            "port": smtp_sink.port,
            "login": smtp_sink.username,
            "password": smtp_sink.password,
            "extra": {"disable_ssl": True, "disable_tls": True},
        }
    )
    (run,) = home.run_dags([("sales", {})])
    assert run["tasks"]["verify_imap"] == ["failed"]
    assert run["tasks"]["verify_smtp"] == ["success"]
    assert run["tasks"]["plan"] == ["upstream_failed"]
    assert "ImapCredentialError" in home.log
    assert home.log.count("action=fail") == 1
    (notice,) = smtp_sink.messages  # one, through Airflow's connection
    assert notice.rcpt_tos == ("sales@acme.example",)
    assert b"reading of mailbox sales is broken" in notice.content
    assert "wrong-secret-word" not in home.log


def test_dag_missing_folder_harms_only_itself_and_ends_red(
    home: Home, dovecot_user: DovecotUser, smtp_sink: SmtpSink
):
    dovecot_user.fill("INBOX", [message(1, 1)])
    connect(home, dovecot_user, smtp_sink, folders="INBOX, Nowhere")
    first, second = home.run_dags([("sales", {}), ("sales", {})])
    assert count(home.database, "crm_messages") == 1
    assert first["state"] == "failed"
    assert second["state"] == "failed"
    assert "IncompleteRunError" in home.log or "Nowhere" in home.log


def test_dag_of_a_paused_mailbox_stops_at_its_first_task(
    home: Home, dovecot_user: DovecotUser, smtp_sink: SmtpSink
):
    connect(home, dovecot_user, smtp_sink)
    home.mailcrm("mailbox", "pause", "sales")
    (run,) = home.run_dags([("sales", {})])
    assert {state for states in run["tasks"].values() for state in states} == {"skipped"}
    assert "mailcrm mailbox resume sales" in home.log
