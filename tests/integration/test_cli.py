"""The command line: exit codes, one JSON document, one clear line, and nothing half written."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from mailcrm.cli import main
from servers.ports import free_ports

SECRET = "hunter2-canary"
CONTACTS = (
    "contact_id,full_name,primary_email,other_emails,company,domain\n"
    "C1,Ann,ann@customer.example,ann@home.example;ann2@home.example,Customer,customer.example\n"
    "C2,Bob,,,,\n"
)


@dataclass(frozen=True)
class Answer:
    """What one command line gave."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> dict[str, Any]:
        """The JSON document; fails where stdout holds anything else."""
        found = json.loads(self.out)
        assert isinstance(found, dict)
        return found

    @property
    def error(self) -> dict[str, str]:
        """The document's error."""
        found = self.document["error"]
        assert set(found) == {"class", "message"}
        return dict(found)


Call = Callable[..., Answer]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in os.environ:
        if name.startswith(("MAILCRM_", "AIRFLOW_CONN_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("MAILCRM_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def call(home: Path, capsys: pytest.CaptureFixture[str]) -> Call:
    def run(*arguments: object) -> Answer:
        capsys.readouterr()
        code = main([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        assert "Traceback" not in captured.err
        assert SECRET not in captured.out + captured.err
        return Answer(code, captured.out, captured.err)

    return run


@pytest.fixture
def migrated(call: Call) -> Call:
    assert call("db", "upgrade").code == 0
    return call


def mailbox_file(tmp_path: Path, **changes: Any) -> Path:
    imap_port, smtp_port = free_ports(2)
    entry = {
        "id": "sales",
        "address": "sales@acme.example",
        "imap": {"host": "127.0.0.1", "port": imap_port, "encryption": "none"},
        "smtp": {"host": "127.0.0.1", "port": smtp_port, "encryption": "none"},
        "folders": ["INBOX"],
        "ownership": "personal",
        **changes,
    }
    path = tmp_path / f"{entry['id']}.yaml"
    path.write_text(yaml.safe_dump(entry))
    return path


def set_connections(monkeypatch: pytest.MonkeyPatch, mailbox_id: str = "sales") -> None:
    for direction in ("imap", "smtp"):
        value = {"conn_type": direction, "login": "me", "password": SECRET}
        name = f"AIRFLOW_CONN_MAILBOX_{mailbox_id}_{direction}".upper()
        monkeypatch.setenv(name, json.dumps(value))


# --- usage -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "arguments",
    [
        ["nonsense"],
        ["run"],
        ["run", "sales", "extra"],
        ["run", "sales", "--bogus"],
        ["run", "sales", "--since"],
        ["run", "sales", "--since", "yesterday"],
        ["run", "sales", "--since", "2026-02-30"],
        ["run", "sales", "--since", "2026-1-1"],
        ["run", "sales", "--since", ""],
        ["run", "sales", "--since", "2026-01-01T00:00:00"],
        ["run", "sales", "--until", "\uff12\uff10\uff12\uff16-01-01"],
        ["run", "sales", "--since", "2026-01-02", "--until", "2026-01-02"],
        ["run", "sales", "--since", "2026-01-02", "--until", "2026-01-01"],
        ["run", "sales", "--since", "9999-12-31"],
        ["preview", "sales", "--since", "2026-01-02", "--until", "2026-01-01"],
        ["preview", "sales", "--since", "never"],
        ["mailbox"],
        ["mailbox", "add"],
        ["mailbox", "show"],
        ["contacts", "import"],
        ["quarantine", "show", "first"],
        ["quarantine", "show", "99999999999999999999"],
        [],
    ],
    ids=lambda arguments: " ".join(arguments) or "nothing",
)
def test_wrong_usage_exits_2_with_one_line_or_document(call: Call, arguments: list[str]) -> None:
    plain = call(*arguments)
    assert plain.code == 2
    assert plain.out == ""
    if arguments not in ([], ["mailbox"]):  # these show the help
        assert plain.err.startswith("error: ")
        assert plain.err.count("\n") == 1
    answer = call(*arguments, "--json")
    assert answer.code == 2
    assert answer.error["class"] == "UsageError"
    assert answer.error["message"]


def test_date_that_is_none_names_the_option_and_the_form(call: Call) -> None:
    message = call("run", "sales", "--since", "soon", "--json").error["message"]
    assert "'--since'" in message
    assert "YYYY-MM-DD" in message


@pytest.mark.parametrize("command", ["run", "preview"])
def test_date_before_all_mail_is_refused(migrated: Call, tmp_path: Path, command: str) -> None:
    migrated("mailbox", "add", mailbox_file(tmp_path))
    answer = migrated(command, "sales", "--since", "0001-01-01")
    assert answer.code == 2
    assert "before all mail" in answer.err
    wrong = mailbox_file(tmp_path, backfill={"since": "0001-01-01"})
    assert "backfill.since must be 1900-01-01 or later" in migrated("mailbox", "add", wrong).err


@pytest.mark.parametrize("arguments", [["--help"], ["run", "--help"], ["mailbox", "-h"]])
def test_help_exits_0(call: Call, arguments: list[str]) -> None:
    answer = call(*arguments)
    assert answer.code == 0
    assert "Usage: mailcrm" in answer.out


def test_help_imports_nothing_heavy() -> None:
    heavy = ("sqlalchemy", "great_expectations", "pandas", "imapclient", "alembic", "airflow")
    script = (
        "import sys; from mailcrm.cli import main; main(['--help'])\n"
        f"found = [name for name in {heavy!r} if name in sys.modules]\n"
        "sys.exit(' '.join(found) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


# --- database and settings -------------------------------------------------------------------


def test_db_upgrade_twice_is_fine(call: Call) -> None:
    first, second = call("db", "upgrade", "--json"), call("db", "upgrade", "--json")
    assert (first.code, second.code) == (0, 0)
    assert first.document == second.document


@pytest.mark.parametrize(
    "arguments", [["mailbox", "list"], ["status"], ["run", "sales"], ["verify", "sales"]]
)
def test_database_without_tables_names_the_command(call: Call, arguments: list[str]) -> None:
    answer = call(*arguments, "--json")
    assert answer.code == 1
    assert answer.error["class"] == "DatabaseError"
    assert "mailcrm db upgrade" in answer.error["message"]


def test_database_that_is_down_gives_one_line(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    (port,) = free_ports(1)
    url = f"postgresql://me:{SECRET}@127.0.0.1:{port}/crm"
    monkeypatch.setenv("MAILCRM_DATABASE_URL", url)
    for arguments in (["status"], ["db", "upgrade"], ["run", "sales"]):
        answer = call(*arguments, "--json")
        assert (answer.code, answer.error["class"]) == (1, "StoreBusyError")
        assert str(port) in answer.error["message"]


@pytest.mark.parametrize(
    "url",
    [
        f"nonsense {SECRET}",
        f"mysql://me:{SECRET}@127.0.0.1/crm",
        f"postgresql://me@127.0.0.1:{SECRET}/crm",
        f"postgresql://me:with@{SECRET}@127.0.0.1/crm",
        "",
    ],
)
def test_database_url_that_is_wrong_gives_one_line(
    call: Call, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    monkeypatch.setenv("MAILCRM_DATABASE_URL", url)
    answer = call("status", "--json")
    assert (answer.code, answer.error["class"]) == (1, "DatabaseError")
    assert "MAILCRM_DATABASE_URL" in answer.error["message"]


def test_setting_that_does_not_parse_names_the_variable(
    call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MAILCRM_SLICE_MESSAGES", SECRET)
    answer = call("status", "--json")
    assert (answer.code, answer.error["class"]) == (1, "SettingsError")
    assert "MAILCRM_SLICE_MESSAGES" in answer.error["message"]


# --- contacts --------------------------------------------------------------------------------


def test_contacts_import_counts_and_imports_again_without_change(
    migrated: Call, tmp_path: Path
) -> None:
    path = tmp_path / "contacts.csv"
    path.write_text(CONTACTS)
    answer = migrated("contacts", "import", path, "--json")
    assert answer.code == 0
    counts = {name: answer.document[name] for name in ("contacts", "addresses", "changed", "total")}
    assert counts == {"contacts": 2, "addresses": 3, "changed": 2, "total": 2}
    assert migrated("contacts", "import", path, "--json").document["changed"] == 0
    assert "2 contacts" in migrated("contacts", "import", path).out


def test_contacts_import_of_a_wrong_file_writes_nothing(migrated: Call, tmp_path: Path) -> None:
    path = tmp_path / "contacts.csv"
    path.write_text(CONTACTS + "C3,Eve,not-an-address,,,\n")
    answer = migrated("contacts", "import", path, "--json")
    assert (answer.code, answer.error["class"]) == (1, "SettingsError")
    assert "contacts.csv: line 4: primary_email" in answer.error["message"]
    path.write_text(CONTACTS.splitlines()[0])
    assert "no contact below it" in migrated("contacts", "import", path, "--json").error["message"]
    path.write_text(CONTACTS)
    assert migrated("contacts", "import", path, "--json").document["changed"] == 2


# --- the registry ----------------------------------------------------------------------------


def snapshot(home: Path) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = json.loads((home / "registry.json").read_text())
    return rows


def test_mailbox_life_from_add_to_remove(migrated: Call, tmp_path: Path, home: Path) -> None:
    path = mailbox_file(tmp_path)
    added = migrated("mailbox", "add", path, "--json")
    assert (added.code, added.document["change"]) == (0, "connected")
    assert migrated("mailbox", "add", path, "--json").document["change"] == "unchanged"
    assert [row["id"] for row in snapshot(home)] == ["sales"]
    mailbox_file_again = mailbox_file(tmp_path, folders=["INBOX", "\\Sent"])
    assert migrated("mailbox", "add", mailbox_file_again, "--json").document["change"] == "changed"
    assert snapshot(home)[0]["folders"] == ["INBOX", "\\Sent"]
    for command, state in (("pause", "paused"), ("resume", "active")):
        assert migrated("mailbox", command, "sales", "--json").document["state"] == state
        assert snapshot(home)[0]["state"] == state
    shown = migrated("mailbox", "show", "sales", "--json").document
    assert shown["mailbox"] == "sales"
    assert shown["entry"]["folders"] == ["INBOX", "\\Sent"]
    listed = migrated("mailbox", "list", "--json").document["mailboxes"]
    assert [row["mailbox"] for row in listed] == ["sales"]
    assert "stay in the CRM" in migrated("mailbox", "remove", "sales").out
    assert snapshot(home) == []
    assert migrated("mailbox", "list", "--json").document == {"mailboxes": []}
    assert migrated("mailbox", "add", path, "--json").document["change"] == "connected"


def test_mailbox_add_of_a_wrong_file_stores_nothing(
    migrated: Call, tmp_path: Path, home: Path
) -> None:
    path = mailbox_file(tmp_path, password=SECRET)
    answer = migrated("mailbox", "add", path, "--json")
    assert (answer.code, answer.error["class"]) == (1, "SettingsError")
    assert answer.error["message"].startswith("sales.yaml: password does not belong")
    assert migrated("mailbox", "list", "--json").document == {"mailboxes": []}
    assert not (home / "registry.json").exists()


@pytest.mark.parametrize(
    "arguments",
    [
        ["mailbox", "show", "nobody"],
        ["mailbox", "pause", "nobody"],
        ["mailbox", "resume", "nobody"],
        ["mailbox", "remove", "nobody"],
        ["verify", "nobody"],
        ["preview", "nobody"],
        ["run", "nobody"],
        ["status", "nobody"],
    ],
    ids=" ".join,
)
def test_unknown_mailbox_gives_one_line_and_is_named_in_the_document(
    migrated: Call, arguments: list[str]
) -> None:
    plain = migrated(*arguments)
    assert (plain.code, plain.out) == (1, "")
    assert plain.err.startswith("error: unknown mailbox nobody")
    assert plain.err.count("\n") == 1
    answer = migrated(*arguments, "--json")
    assert answer.code == 1
    assert answer.document["mailbox"] == "nobody"
    assert answer.error["class"] == "UnknownMailboxError"


def test_home_that_cannot_be_written_keeps_the_mailbox_and_warns(
    call: Call,
    tmp_path: Path,
    home: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setenv("MAILCRM_DATABASE_URL", f"sqlite:///{tmp_path / 'elsewhere.db'}")
    home.write_text("in the way")
    assert call("db", "upgrade").code == 0
    answer = call("mailbox", "add", mailbox_file(tmp_path), "--json")
    assert (answer.code, answer.document["state"]) == (0, "active")
    assert "registry.copy_not_written" in caplog.text


# --- servers that are not there --------------------------------------------------------------

DIRECTION_KEYS = {
    "state",
    "stage",
    "host",
    "port",
    "encryption",
    "code",
    "server_text",
    "advice",
}


def test_verify_without_credentials_says_which_variable_is_missing(
    migrated: Call, tmp_path: Path
) -> None:
    migrated("mailbox", "add", mailbox_file(tmp_path))
    answer = migrated("verify", "sales", "--json")
    assert answer.code == 1
    assert set(answer.document) == {"mailbox", "imap", "smtp", "round_trip"}
    for direction in ("imap", "smtp"):
        found = answer.document[direction]
        assert set(found) == DIRECTION_KEYS
        assert found["state"] == "misconfigured"
        assert f"AIRFLOW_CONN_MAILBOX_SALES_{direction.upper()}" in found["advice"]


def test_verify_that_fails_says_so_in_one_line_on_stderr(
    migrated: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_connections(monkeypatch)
    migrated("mailbox", "add", mailbox_file(tmp_path))
    for more in ((), ("--json",)):
        answer = migrated("verify", "sales", *more)
        assert answer.code == 1
        (line,) = [line for line in answer.err.splitlines() if line.startswith("error: ")]
        assert line.startswith("error: mailbox sales: imap unreachable at connect: Nothing listens")
        assert "smtp unreachable at connect" in line
    assert "error" not in answer.document


def test_mailbox_add_of_an_address_that_is_connected_warns(migrated: Call, tmp_path: Path) -> None:
    assert migrated("mailbox", "add", mailbox_file(tmp_path), "--json").document["warnings"] == []
    answer = migrated("mailbox", "add", mailbox_file(tmp_path, id="sales_two"))
    assert answer.code == 0
    assert "Warning: sales@acme.example is connected as sales, too" in answer.out


def test_verify_of_one_direction_leaves_the_other_null(
    migrated: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_connections(monkeypatch)
    migrated("mailbox", "add", mailbox_file(tmp_path))
    answer = migrated("verify", "sales", "--smtp", "--json")
    assert answer.code == 1
    assert answer.document["imap"] is None
    assert answer.document["smtp"]["state"] == "unreachable"
    health = migrated("status", "sales", "--json").document["mailboxes"][0]
    assert (health["imap"], health["smtp"]["state"]) == (None, "unreachable")


@pytest.mark.parametrize("command", ["preview", "run"])
def test_missing_credential_fails_with_one_line(
    migrated: Call, tmp_path: Path, command: str
) -> None:
    migrated("mailbox", "add", mailbox_file(tmp_path))
    answer = migrated(command, "sales", "--json")
    assert (answer.code, answer.error["class"]) == (1, "ImapCredentialError")
    assert "AIRFLOW_CONN_MAILBOX_SALES_IMAP is not set" in answer.error["message"]
    assert answer.document["mailbox"] == "sales"


def test_run_on_an_unreachable_server_keeps_the_keys_and_says_where(
    migrated: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_connections(monkeypatch)
    path = mailbox_file(tmp_path)
    migrated("mailbox", "add", path)
    port = yaml.safe_load(path.read_text())["imap"]["port"]
    answer = migrated("run", "sales", "--json")
    assert (answer.code, answer.error["class"]) == (1, "ServerUnreachableError")
    assert f"127.0.0.1:{port}" in answer.error["message"]
    assert answer.document["published"] is False
    assert answer.document["verify"] == {"imap": "unreachable", "smtp": "unreachable"}
    plain = migrated("run", "sales")
    assert plain.code == 1
    assert "Not published" in plain.out
    assert plain.err.count("error: ") == 1


def test_run_of_a_paused_mailbox_says_how_to_resume(migrated: Call, tmp_path: Path) -> None:
    migrated("mailbox", "add", mailbox_file(tmp_path))
    migrated("mailbox", "pause", "sales")
    answer = migrated("run", "sales", "--json")
    assert answer.code == 1
    assert "mailcrm mailbox resume sales" in answer.error["message"]


# --- the process -----------------------------------------------------------------------------


def start(home: Path, *arguments: str, **extra: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "MAILCRM_HOME": str(home), **extra}
    command = [sys.executable, "-m", "mailcrm.cli", *arguments]
    return subprocess.run(command, capture_output=True, text=True, env=environment)


def test_process_exits_with_the_code_and_prints_json_alone(home: Path) -> None:
    done = start(home, "status", "--json")
    assert done.returncode == 1
    assert json.loads(done.stdout)["error"]["class"] == "DatabaseError"
    assert "Traceback" not in done.stderr


def test_reader_that_goes_away_is_no_traceback(home: Path) -> None:
    command = [sys.executable, "-m", "mailcrm.cli", "--help"]
    read_end, write_end = os.pipe()
    os.close(read_end)
    done = subprocess.run(command, stdout=write_end, stderr=subprocess.PIPE, text=True)
    os.close(write_end)
    assert "Traceback" not in done.stderr
