"""The DAG's round trip in Airflow: one message, however often its task is tried."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from typing import Any

import pytest

from acceptance.conftest import RUNNER, Home
from servers.mail_devel import MailDevelServer

pytestmark = pytest.mark.slow

WHEN = "2026-11-20T09:00:00+00:00"
DEADLINE_S = 120
MAILBOX = """\
id: sales
address: {address}
display_name: Acme Sales
imap: {{host: 127.0.0.1, port: {imap_port}, encryption: none}}
smtp: {{host: 127.0.0.1, port: {smtp_port}, encryption: none}}
folders: [INBOX]
backfill: {{days: 7}}
ownership: personal
"""


@pytest.fixture
def address(home: Home, mail_devel: MailDevelServer) -> str:
    """A connected mailbox that no other test uses."""
    address = f"trip-{home.path.name.replace('_', '-')[-20:]}@acme.example"
    path = home.path / "sales.yaml"
    ports = {"imap_port": mail_devel.imap_port, "smtp_port": mail_devel.smtp_port}
    path.write_text(MAILBOX.format(address=address, **ports))
    for direction in ("imap", "smtp"):
        home.set_credential("sales", direction, address, mail_devel.password)
    assert "error" not in home.mailcrm("mailbox", "add", str(path))
    return address


def _start(home: Home) -> subprocess.Popen[str]:
    wanted = [{"dag_id": "mailbox__sales", "conf": {"round_trip": True}, "logical_date": WHEN}]
    with (home.path / "dag.log").open("a") as log:
        process = subprocess.Popen(
            [sys.executable, str(RUNNER)],
            env=home.environment(),
            cwd=home.path,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            start_new_session=True,
        )
    assert process.stdin is not None
    process.stdin.write(json.dumps(wanted))
    process.stdin.close()
    process.stdin = None
    return process


def _inbox(server: MailDevelServer, address: str) -> list[bytes]:
    with server.connect(address) as client:
        client.select_folder("INBOX", readonly=True)
        uids = client.search()
        return [row[b"BODY[]"] for row in client.fetch(uids, ["BODY.PEEK[]"]).values()]


def _finish(process: subprocess.Popen[str], home: Home) -> dict[str, Any]:
    out, _ = process.communicate(timeout=DEADLINE_S)
    assert process.returncode == 0, (home.path / "dag.log").read_text()[-3000:]
    (result,) = json.loads(out.rpartition("\n@@")[2])
    return result


def _count(home: Home, query: str) -> int:
    with sqlite3.connect(home.database) as connection:
        return connection.execute(query).fetchone()[0]


@pytest.mark.row("R146", "R147")
def test_round_trip_param_killed_after_sending_and_tried_again_sends_one_message(
    home: Home, mail_devel: MailDevelServer, address: str
) -> None:
    process = _start(home)
    end = time.monotonic() + DEADLINE_S
    while not _inbox(mail_devel, address) and process.poll() is None and time.monotonic() < end:
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    assert len(_inbox(mail_devel, address)) == 1

    tried_again = _finish(_start(home), home)
    assert tried_again["tasks"]["verify_smtp"] == ["success"]
    assert tried_again["state"] == "success"
    assert len(_inbox(mail_devel, address)) == 1
    assert _count(home, "SELECT count(*) FROM mailbox_round_trips") == 1
    assert _count(home, "SELECT count(*) FROM mailbox_round_trips WHERE state = 'confirmed'") == 1
    assert _count(home, "SELECT count(*) FROM crm_messages") == 0
    assert _count(home, "SELECT count(*) FROM sync_ledger WHERE state = 'excluded'") == 1
