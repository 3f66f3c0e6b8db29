"""`mailcrm verify`, `preview` and `run` against a real Dovecot and SMTP server."""

import datetime as dt
import getpass
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from mailcrm.cli import main
from mailcrm.services.wiring import open_services
from servers.dovecot import Append, DovecotUser

pytestmark = pytest.mark.needs_dovecot

SINCE = dt.datetime(2026, 11, 10, tzinfo=dt.UTC)
UNTIL = dt.datetime(2026, 11, 12, tzinfo=dt.UTC)
SECOND = dt.timedelta(seconds=1)
WINDOW = ("--since", "2026-11-10", "--until", "2026-11-12")
RUN_KEYS = {
    "mailbox",
    "run_id",
    "batch_id",
    "window",
    "verify",
    "published",
    "folders",
    "totals",
    "decisions",
    "checks",
    "bytes_received",
    "commands_sent",
    "seconds",
    "peak_rss_mb",
}
COUNTS = {
    "listed",
    "published",
    "duplicate",
    "excluded",
    "quarantined",
    "vanished",
    "unavailable",
    "pending",
    "already_covered",
}
FOLDER_KEYS = COUNTS | {"folder", "generation", "uidvalidity", "balanced"}
SECONDS = {"verify", "plan", "fetch", "parse", "dedupe", "match", "check", "publish", "total"}


def message(name: str, arrived: dt.datetime, sender: str = "ann@customer.example") -> Append:
    raw = (
        f"From: Ann <{sender}>\r\nTo: sales@acme.example\r\nSubject: {name}\r\n"
        f"Date: {arrived:%a, %d %b %Y %H:%M:%S +0000}\r\nMessage-ID: <{name}@customer.example>\r\n"
        f"\r\nThis is the text of {name}, which no other message has.\r\n"
    )
    return Append(raw.encode(), arrived)


@dataclass
class Product:
    """The product over one database and one mailbox."""

    user: DovecotUser
    capsys: pytest.CaptureFixture[str]

    def call(self, *arguments: str, code: int = 0) -> dict[str, Any]:
        """Run a command with --json and give its document."""
        self.capsys.readouterr()
        found = main([*arguments, "--json"])
        captured = self.capsys.readouterr()
        assert found == code, captured
        assert self.user.server.password not in captured.out + captured.err
        document: dict[str, Any] = json.loads(captured.out)
        return document

    def text(self, *arguments: str, code: int = 0) -> str:
        """Run a command without --json and give what it prints on stdout."""
        self.capsys.readouterr()
        assert main(list(arguments)) == code
        return self.capsys.readouterr().out


@pytest.fixture
def product(
    dovecot_user: DovecotUser,
    database_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Product:
    monkeypatch.setenv("MAILCRM_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("MAILCRM_DATABASE_URL", database_url)
    value = {"login": dovecot_user.name, "password": dovecot_user.server.password}
    for direction in ("IMAP", "SMTP"):
        monkeypatch.setenv(f"AIRFLOW_CONN_MAILBOX_SALES_{direction}", json.dumps(value))
    entry = {
        "id": "sales",
        "address": "sales@acme.example",
        "imap": {
            "host": "127.0.0.1",
            "port": dovecot_user.server.imaps_port,
            "encryption": "tls",
        },
        "smtp": {"host": "127.0.0.1", "port": 1, "encryption": "none"},
        "folders": ["INBOX", "\\Sent"],
        "ownership": "personal",
        "tls": {"ca_file": dovecot_user.server.ca_file},
    }
    (tmp_path / "sales.yaml").write_text(yaml.safe_dump(entry))
    (tmp_path / "contacts.csv").write_text(
        "contact_id,full_name,primary_email\nC1,Ann Arbor,ann@customer.example\n"
    )
    found = Product(dovecot_user, capsys)
    found.call("db", "upgrade")
    found.call("contacts", "import", str(tmp_path / "contacts.csv"))
    found.call("mailbox", "add", str(tmp_path / "sales.yaml"))
    return found


def test_run_of_a_window_publishes_exactly_its_messages_to_the_second(product: Product) -> None:
    inside = [message("first", SINCE), message("last", UNTIL - SECOND)]
    outside = [message("before", SINCE - SECOND), message("after", UNTIL)]
    product.user.append("INBOX", *outside, *inside)
    product.user.append("Sent", message("sent", SINCE + SECOND, "sales@acme.example"))
    flags = product.user.flags()

    preview = product.call("preview", "sales", *WINDOW)
    assert [(f["folder"], f["messages"]) for f in preview["folders"]] == [("INBOX", 2), ("Sent", 1)]
    assert preview["totals"]["messages"] == 3

    report = product.call("run", "sales", *WINDOW)
    assert set(report) >= RUN_KEYS
    assert report["window"] == {"since": SINCE.isoformat(), "until": UNTIL.isoformat()}
    assert report["verify"] == {"imap": "ok", "smtp": "unreachable"}
    assert report["published"] is True
    assert [(f["folder"], f["listed"], f["published"]) for f in report["folders"]] == [
        ("INBOX", 2, 2),
        ("Sent", 1, 1),
    ]
    assert all(set(f) == FOLDER_KEYS and f["balanced"] for f in report["folders"])
    assert set(report["totals"]) >= COUNTS
    assert set(report["decisions"]) == {"matched", "possible", "ambiguous", "unmatched", "ignored"}
    assert report["decisions"]["matched"] == 2
    assert set(report["checks"]) == {"passed", "failed", "held"}
    assert set(report["seconds"]) == SECONDS

    again = product.call("run", "sales", *WINDOW)
    assert (again["totals"]["published"], again["totals"]["already_covered"]) == (0, 3)
    assert product.user.flags() == flags
    with open_services() as services:  # each command was the sign-off of its window
        kept = services.approvals.list_requests("sales")
    assert {request.run_id for request in kept} == {report["run_id"], again["run_id"]}
    assert {(r.state.value, str(r.way), r.decided_by) for r in kept} == {
        ("approved", "command_line", getpass.getuser())
    }


def test_run_without_json_shows_the_certificate_and_what_to_do_next(product: Product) -> None:
    product.user.append("INBOX", message("one", SINCE))
    text = product.text("run", "sales", *WINDOW)
    assert "listed" in text
    assert "INBOX" in text
    assert "Published 1 message." in text
    assert "Nothing new" in product.text("run", "sales", *WINDOW)
    status = product.call("status", "sales")["mailboxes"][0]
    assert (status["imap"]["state"], status["smtp"]["state"]) == ("ok", "unreachable")
    assert status["last_run"]["state"] in ("published", "nothing_new")


def test_verify_with_a_wrong_password_says_refused_and_runs_nothing(
    product: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    value = json.dumps({"login": product.user.name, "password": "hunter2-canary"})
    monkeypatch.setenv("AIRFLOW_CONN_MAILBOX_SALES_IMAP", value)
    found = product.call("verify", "sales", "--imap", code=1)
    assert (found["imap"]["state"], found["imap"]["stage"]) == ("refused", "authenticate")
    assert found["imap"]["server_text"]
    assert found["imap"]["advice"]
    report = product.call("run", "sales", code=1)
    assert report["error"]["class"] == "ImapCredentialError"
    assert report["published"] is False
    assert "hunter2-canary" not in json.dumps([found, report])
    assert "refused" in product.text("verify", "sales", "--imap", code=1)
