"""A real Airflow, component by component: the registry's DAGs, and the sign-off of windows."""

import json
import sqlite3
from collections.abc import Iterator
from typing import Any

import pytest

from acceptance.conftest import Home
from acceptance.live import LiveAirflow, days_ago, run_live_airflow
from acceptance.test_mailbox_dag import MAILBOX, message
from servers.dovecot import PASSWORD, DovecotServer, DovecotUser
from servers.smtp_sink import run_smtp_sink

pytestmark = [
    pytest.mark.slow,
    pytest.mark.needs_dovecot,
]

POLICY = "approval: {over_days: 10, reviewed_sample: 50}\n"


def add(home: Home, mailbox_id: str, user: DovecotUser, smtp_port: int, more: str = "") -> None:
    """Connect a mailbox."""
    text = MAILBOX.format(imap_port=user.server.imap_port, smtp_port=smtp_port, folders="INBOX")
    path = home.path / f"{mailbox_id}.yaml"
    path.write_text(text.replace("id: sales", f"id: {mailbox_id}") + more)
    done = home.mailcrm("mailbox", "add", str(path))
    assert "error" not in done, done


@pytest.fixture(scope="module")
def airflow(
    dovecot: DovecotServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[LiveAirflow]:
    """Mailbox `sales` asks before it reads more than ten days; mail of 2 and of 20 days ago."""
    path = tmp_path_factory.mktemp("live")
    home = Home(path, path / "airflow")
    assert "error" not in home.mailcrm("db", "upgrade")
    user = dovecot.new_user()
    user.fill("INBOX", [message(1, 2), message(2, 20), message(3, 25)])
    with run_smtp_sink() as sink:
        for name in ("sales", "other", "gone"):
            home.set_credential(name, "imap", user.name, PASSWORD)
            home.set_credential(name, "smtp", sink.username, sink.password)
            add(home, name, user, sink.port, POLICY if name == "sales" else "")
        with run_live_airflow(home) as running:
            running.processes.wait_for_dag("mailbox__gone", 60)
            running.user, running.smtp_port = user, sink.port
            yield running


def published(airflow: LiveAirflow) -> int:
    """Messages in the CRM."""
    with sqlite3.connect(airflow.home.database) as connection:
        return connection.execute("SELECT count(*) FROM crm_messages").fetchone()[0]


def approvals(airflow: LiveAirflow, run_id: str) -> dict[str, Any]:
    """What our tables keep of a sign-off."""
    with sqlite3.connect(airflow.home.database) as connection:
        connection.row_factory = sqlite3.Row
        row = connection.execute(
            "SELECT * FROM sync_approvals WHERE run_id = ?", [f"sales/{run_id}"]
        ).fetchone()
    return dict(row) if row else {}


def test_window_of_its_own_needs_no_sign_off_and_starts_no_question(airflow: LiveAirflow):
    run_id = airflow.trigger("sales", {})
    _, tasks = airflow.wait_run("sales", run_id)
    assert tasks["approve"] == "skipped"
    assert tasks["publish"] == "success"
    assert approvals(airflow, run_id) == {}
    assert published(airflow) == 1
    links = airflow.call(
        "GET", f"/api/v2/dags/mailbox__sales/dagRuns/{run_id}/taskInstances/publish/links"
    )
    report = links["extra_links"]["Run report"]
    assert "/mailcrm/runs/sales%2Fmanual__" in report
    assert links["extra_links"]["Certificate"] == f"{report}#certificate"


def test_window_too_wide_rejected_reads_nothing_and_says_so(airflow: LiveAirflow):
    before = published(airflow)
    run_id = airflow.trigger("sales", {"since": days_ago(40)})
    question = airflow.wait_question("sales", run_id)
    assert "| messages | 3 |" in question["body"]
    assert "**2**" in question["body"]
    assert "the mailbox's limit is 10" in question["body"]
    assert "nobody judged any yet" in question["body"]
    assert "Question" not in question["body"]  # no text of mail
    airflow.answer("sales", run_id, "Reject")
    _, tasks = airflow.wait_run("sales", run_id)
    assert {tasks[name] for name in ("plan", "fetch", "match", "publish")} == {"skipped"}
    kept = approvals(airflow, run_id)
    assert (kept["state"], kept["way"], kept["decided_by"]) == ("rejected", "person", "admin")
    assert published(airflow) == before


def test_window_too_wide_approved_is_read_and_keeps_who_said_so(airflow: LiveAirflow):
    run_id = airflow.trigger("sales", {"since": days_ago(40)})
    airflow.wait_question("sales", run_id)
    airflow.answer("sales", run_id, "Approve")
    _, tasks = airflow.wait_run("sales", run_id)
    assert (tasks["approve"], tasks["publish"]) == ("success", "success")
    kept = approvals(airflow, run_id)
    assert (kept["state"], kept["decided_by"]) == ("approved", "admin")
    assert json.loads(kept["preview"])["news"] == 2
    assert published(airflow) == 3


def test_window_read_before_passes_by_policy(airflow: LiveAirflow):
    run_id = airflow.trigger("sales", {"since": days_ago(39)})
    _, tasks = airflow.wait_run("sales", run_id)
    assert tasks["approve"] == "skipped"
    assert tasks["plan"] == "success"


def test_param_that_nobody_knows_is_refused_before_anything_is_read(airflow: LiveAirflow):
    run_id = airflow.trigger("other", {"sinse": "2026-01-01"})
    state, tasks = airflow.wait_run("other", run_id)
    assert state == "failed"
    assert (tasks["verify_imap"], tasks["plan"]) == ("failed", "upstream_failed")
    log = airflow.call(
        "GET", f"/api/v2/dags/mailbox__other/dagRuns/{run_id}/taskInstances/verify_imap/logs/1"
    )
    assert "unknown: sinse; known are since, until, folders, round_trip" in json.dumps(log)


def test_mailbox_added_shows_by_itself(airflow: LiveAirflow):
    assert airflow.user
    add(airflow.home, "newcomer", airflow.user, airflow.smtp_port)
    airflow.processes.wait_for_dag("mailbox__newcomer", 60)
    pools = {pool["name"]: pool["slots"] for pool in airflow.call("GET", "/api/v2/pools")["pools"]}
    assert pools["imap_127.0.0.1"] == 8


def test_mailbox_paused_and_resumed_takes_its_dag_along(airflow: LiveAirflow):
    airflow.call("PATCH", "/api/v2/dags/mailbox__other", {"is_paused": False})
    airflow.home.mailcrm("mailbox", "pause", "other")
    airflow.wait("the DAG paused", lambda: airflow.dag("other")["is_paused"])
    tags = lambda: {tag["name"] for tag in airflow.dag("other")["tags"]}  # noqa: E731
    airflow.wait("the tag", lambda: "paused" in tags())
    airflow.home.mailcrm("mailbox", "resume", "other")
    airflow.wait("the DAG unpaused", lambda: not airflow.dag("other")["is_paused"])


def test_mailbox_removed_leaves_no_dag_that_runs(airflow: LiveAirflow):
    airflow.home.mailcrm("mailbox", "remove", "gone")
    gone = airflow.wait("the DAG stale", lambda: airflow.dag("gone")["is_stale"])
    assert gone
    assert airflow.dag("gone")["is_paused"]
    assert not airflow.dag("other")["is_stale"]
    assert airflow.processes._api().import_errors() == []
