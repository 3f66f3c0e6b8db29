"""A rejected login is tried once; a new secret is verified before it is stored."""

import contextlib
import dataclasses
import datetime as dt
import json
import stat
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from pydantic import SecretStr

from mailcrm.adapters.secrets import LocalCredentials
from mailcrm.errors import ImapCredentialError, SettingsError
from mailcrm.records import Direction, Mailbox, VerifyState
from mailcrm.services.fetch import run_fetch
from mailcrm.services.plan import run_plan
from mailcrm.services.preview import run_preview
from mailcrm.services.registry import resume_mailbox
from mailcrm.services.rotate import run_rotate
from mailcrm.services.run import run_mailbox
from mailcrm.services.status import read_status
from mailcrm.services.verify import run_verify
from mailcrm.services.wiring import Services, open_services, upgrade_database
from mailcrm.settings import Settings
from servers.mail_devel import MailDevelServer
from servers.mailboxes import make_mailbox
from servers.scripted import ScriptedServer, run_scripted
from servers.scripted_imap import run_scripted_imap
from servers.smtp_sink import SmtpSink

USER = "sales@acme.example"
CANARY = "canary-wrong-s3cret"


def _reject(verb: str, rest: str) -> bytes | None:
    """An IMAP server that knows nobody."""
    command = rest.split(" ")[0].upper()
    if command == "LOGIN":
        return f"{verb} NO [AUTHENTICATIONFAILED] Authentication failed.\r\n".encode()
    if command == "CAPABILITY":
        return f"* CAPABILITY IMAP4rev1\r\n{verb} OK done\r\n".encode()
    return f"{verb} OK done\r\n".encode()


@pytest.fixture
def strict_imap() -> Iterator[ScriptedServer]:
    with run_scripted(b"* OK [CAPABILITY IMAP4rev1] ready\r\n", _reject) as server:
        yield server


def _logins(server: ScriptedServer) -> int:
    return sum(" LOGIN " in line for line in server.lines)


def _store(path: Path, **secrets: tuple[str, str]) -> None:
    path.write_text(
        json.dumps(
            {
                f"mailbox_sales_{name}": {"conn_type": name, "login": login, "password": password}
                for name, (login, password) in secrets.items()
            }
        )
    )
    path.chmod(0o600)


@contextlib.contextmanager
def _services(
    home: Path, mailbox: Mailbox, webhook: str | None = None, **environment: str
) -> Iterator[Services]:
    settings = Settings(
        home=home,
        database_url=SecretStr(f"sqlite:///{home / 'mailcrm.db'}"),
        greeting_timeout_s=5,
        connections_file=home / "connections.json",
        notify_webhook=None if webhook is None else SecretStr(webhook),
    )
    upgrade_database(settings)
    credentials = LocalCredentials(settings.connections_file, environment)
    with open_services(settings, credentials) as services:
        services.registry.write_mailbox(mailbox, services.clock.now())
        yield services


@pytest.mark.row("R136", "R142")
def test_rejected_login_is_tried_once_whoever_asks(
    tmp_path: Path, strict_imap: ScriptedServer, smtp_sink: SmtpSink
) -> None:
    wrong, right = ("ann", CANARY), (smtp_sink.username, smtp_sink.password)
    _store(tmp_path / "connections.json", imap=wrong, smtp=right)
    mailbox = make_mailbox(imap_port=strict_imap.port, smtp_port=smtp_sink.port)
    with _services(tmp_path, mailbox) as services:
        for _ in range(4):
            found = run_verify(services, "sales", list(Direction))
            report = run_mailbox(services, "sales")
            assert isinstance(report.failure, ImapCredentialError)
            with pytest.raises(ImapCredentialError, match="Not tried again"):
                run_plan(services, "sales", "run-1")
            assert found[Direction.SMTP].state is VerifyState.OK
        status = read_status(services, "sales")["mailboxes"][0]
    assert _logins(strict_imap) == 1
    assert status["imap"]["health"] == "paused"
    assert "mailbox_sales_imap" in status["imap"]["last_reason"]
    assert status["smtp"]["health"] == "ok"
    assert CANARY.encode() not in (tmp_path / "mailcrm.db").read_bytes()


@pytest.mark.row("R136")
@pytest.mark.parametrize("task", ["plan", "fetch", "preview"])
def test_login_rejected_inside_a_task_is_health_at_once_and_not_tried_again(
    tmp_path: Path, smtp_sink: SmtpSink, task: str
) -> None:
    _store(tmp_path / "connections.json", imap=("ann", "right"))
    listed = (
        b"* 1 EXISTS\r\n* OK [UIDVALIDITY 7] x\r\n* OK [UIDNEXT 2] x\r\n%T OK [READ-ONLY] x\r\n"
    )
    item = (
        b'* 1 FETCH (UID 1 INTERNALDATE "20-Nov-2026 09:00:00 +0000" RFC822.SIZE 9)\r\n%T OK x\r\n'
    )
    answers: dict[str, Any] = {
        "LOGIN": [b"%T OK in\r\n"] * (task == "fetch")
        + [b"%T NO [AUTHENTICATIONFAILED] Authentication failed.\r\n"],
        "EXAMINE": listed,
        "UID SEARCH": b"* SEARCH 1\r\n%T OK x\r\n",
        "UID FETCH": item,
    }
    with _webhook() as (url, told), run_scripted_imap(answers) as imap:
        mailbox = make_mailbox(imap_port=imap.port, smtp_port=smtp_sink.port)
        with _services(tmp_path, mailbox, url) as services:
            for number in range(3):
                with pytest.raises(ImapCredentialError):
                    _run_task(services, task, f"run-{number}")
            status = read_status(services, "sales")["mailboxes"][0]
        assert imap.verbs().count("LOGIN") == (2 if task == "fetch" else 1)
    assert (status["imap"]["state"], status["imap"]["health"]) == ("refused", "paused")
    assert "AUTHENTICATIONFAILED" in status["imap"]["last_reason"]
    assert status["smtp"] is None
    assert [(row["event"], row["direction"]) for row in told] == [("broke", "imap")]


def _run_task(services: Services, task: str, run_id: str) -> None:
    since = dt.datetime(2026, 11, 1, tzinfo=dt.UTC)
    if task == "preview":
        run_preview(services, "sales", since)
    planned = run_plan(services, "sales", run_id, since)
    run_fetch(services, planned.lease, planned.slices[0])


@pytest.mark.row("R136")
def test_rejected_login_is_tried_again_once_the_credential_or_the_server_changes(
    tmp_path: Path, strict_imap: ScriptedServer
) -> None:
    mailbox = make_mailbox(imap_port=strict_imap.port)
    with _services(tmp_path, mailbox) as services:
        for login in (("ann", "one"), ("ann", "one"), ("ann", "two"), ("bob", "two")):
            _store(tmp_path / "connections.json", imap=login)
            run_verify(services, "sales", [Direction.IMAP])
        assert _logins(strict_imap) == 3
        with run_scripted(b"* OK ready\r\n", _reject) as other:
            moved = dataclasses.replace(
                mailbox, imap=dataclasses.replace(mailbox.imap, port=other.port)
            )
            services.registry.write_mailbox(moved, services.clock.now())
            run_verify(services, "sales", [Direction.IMAP])
            assert _logins(other) == 1


def test_rejected_login_is_tried_once_more_after_resume(
    tmp_path: Path, strict_imap: ScriptedServer
) -> None:
    _store(tmp_path / "connections.json", imap=("ann", CANARY))
    with _services(tmp_path, make_mailbox(imap_port=strict_imap.port)) as services:
        run_verify(services, "sales", [Direction.IMAP])
        resume_mailbox(services, "sales")
        for _ in range(2):
            run_verify(services, "sales", [Direction.IMAP])
    assert _logins(strict_imap) == 2


@pytest.mark.row("R137")
def test_temporary_login_failure_is_tried_again(tmp_path: Path) -> None:
    def busy(verb: str, rest: str) -> bytes | None:
        if rest.startswith("LOGIN"):
            return f"{verb} NO [UNAVAILABLE] Temporary authentication failure.\r\n".encode()
        return _reject(verb, rest)

    with run_scripted(b"* OK [CAPABILITY IMAP4rev1] ready\r\n", busy) as server:
        _store(tmp_path / "connections.json", imap=("ann", CANARY))
        with _services(tmp_path, make_mailbox(imap_port=server.port)) as services:
            for _ in range(3):
                run_verify(services, "sales", [Direction.IMAP])
            health = services.registry.read_health("sales")["imap"]["health"]
        assert _logins(server) == 3
    assert health == "broken"


def test_login_key_is_of_the_owner_only(tmp_path: Path, strict_imap: ScriptedServer) -> None:
    _store(tmp_path / "connections.json", imap=("ann", CANARY))
    with _services(tmp_path, make_mailbox(imap_port=strict_imap.port)) as services:
        run_verify(services, "sales", [Direction.IMAP])
    assert stat.S_IMODE((tmp_path / "login.key").stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.glob("login.key*")] == ["login.key"]


@pytest.fixture
def local_mailbox(mail_devel: MailDevelServer) -> Mailbox:
    """A mailbox whose two servers know the same password."""
    return make_mailbox(imap_port=mail_devel.imap_port, smtp_port=mail_devel.smtp_port)


@pytest.mark.row("R144")
def test_rotate_accepted_secret_is_stored_and_the_next_run_goes_on(
    tmp_path: Path, local_mailbox: Mailbox, mail_devel: MailDevelServer
) -> None:
    old = (USER, CANARY)
    path = tmp_path / "connections.json"
    _store(path, imap=old, smtp=old)
    with _services(tmp_path, local_mailbox) as services:
        assert run_mailbox(services, "sales").failure is not None
        rotation = run_rotate(services, "sales", list(Direction), mail_devel.password)
        assert rotation.stored == frozenset(Direction)
        assert run_mailbox(services, "sales").failure is None
        health = services.registry.read_health("sales")
    assert {name: row["health"] for name, row in health.items()} == {"imap": "ok", "smtp": "ok"}
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert CANARY not in path.read_text()


def test_rotate_rejected_secret_changes_nothing(
    tmp_path: Path, local_mailbox: Mailbox, mail_devel: MailDevelServer
) -> None:
    login = (USER, mail_devel.password)
    path = tmp_path / "connections.json"
    _store(path, imap=login, smtp=login)
    before = path.read_bytes()
    with _services(tmp_path, local_mailbox) as services:
        run_verify(services, "sales", list(Direction))
        rotation = run_rotate(services, "sales", list(Direction), CANARY)
        health = services.registry.read_health("sales")
    assert not rotation.is_accepted
    assert not rotation.stored
    assert path.read_bytes() == before
    assert {row["health"] for row in health.values()} == {"ok"}


def test_rotate_store_that_cannot_be_written_says_what_to_set(
    tmp_path: Path, local_mailbox: Mailbox, mail_devel: MailDevelServer
) -> None:
    form = json.dumps({"conn_type": "imap", "login": USER, "password": "old"})
    names = {f"AIRFLOW_CONN_MAILBOX_SALES_{d.value.upper()}": form for d in Direction}
    with _services(tmp_path, local_mailbox, **names) as services:
        rotation = run_rotate(services, "sales", list(Direction), mail_devel.password)
    assert rotation.is_accepted
    assert not rotation.stored
    for direction, text in rotation.to_do.items():
        assert f"AIRFLOW_CONN_MAILBOX_SALES_{direction.value.upper()}" in text
        assert mail_devel.password not in text
    assert not (tmp_path / "connections.json").exists()


def test_rotate_without_any_login_asks_for_it(tmp_path: Path) -> None:
    with (
        _services(tmp_path, make_mailbox()) as services,
        pytest.raises(SettingsError, match="--username"),
    ):
        run_rotate(services, "sales", [Direction.IMAP], "secret")


def test_connections_file_that_others_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "connections.json"
    _store(path, imap=("ann", CANARY))
    path.chmod(0o644)
    with pytest.raises(SettingsError, match="chmod 600"):
        LocalCredentials(path, {}).read_credential("sales", Direction.IMAP)


@contextlib.contextmanager
def _webhook(code: int = 204) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    heard: list[dict[str, Any]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            heard.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(code)
            self.end_headers()

        def log_message(self, *args: object) -> None:
            return

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/hook", heard
    finally:
        server.shutdown()
        server.server_close()


def test_notices_break_and_recovery_go_out_once(tmp_path: Path, smtp_sink: SmtpSink) -> None:
    path = tmp_path / "connections.json"
    mailbox = make_mailbox(smtp_port=smtp_sink.port)
    with _webhook() as (url, heard), _services(tmp_path, mailbox, url) as services:
        for password in (smtp_sink.password, CANARY, CANARY, smtp_sink.password):
            _store(path, smtp=(smtp_sink.username, password))
            run_verify(services, "sales", [Direction.SMTP])
            run_verify(services, "sales", [Direction.SMTP])
    assert [notice["event"] for notice in heard] == ["broke", "recovered"]
    assert heard[0]["recipient"] == "sales@acme.example"
    assert heard[0]["direction"] == "smtp"
    assert CANARY not in json.dumps(heard)


def test_notices_webhook_that_fails_stops_nothing_and_ends(
    tmp_path: Path, smtp_sink: SmtpSink
) -> None:
    _store(tmp_path / "connections.json", smtp=(smtp_sink.username, CANARY))
    mailbox = make_mailbox(smtp_port=smtp_sink.port)
    with _webhook(500) as (url, heard), _services(tmp_path, mailbox, url) as services:
        for _ in range(8):
            found = run_verify(services, "sales", [Direction.SMTP])
    assert found[Direction.SMTP].state is VerifyState.REFUSED
    assert len(heard) == 5
