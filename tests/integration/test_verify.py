"""`verify` over real servers and a real registry: two directions that never harm each other."""

import base64
import contextlib
import logging
import pickle
import sqlite3
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import quote

import pytest
from pydantic import SecretStr

from mailcrm.adapters.secrets import EnvironmentCredentials
from mailcrm.errors import (
    ImapCredentialError,
    MailcrmError,
    PermanentError,
    ServerUnreachableError,
    SettingsError,
    SmtpCredentialError,
    UnknownMailboxError,
)
from mailcrm.records import Direction, Encryption, Mailbox, TlsPolicy, VerifyState
from mailcrm.services.verify import raise_unless_ok, run_verify, to_json
from mailcrm.services.wiring import Services, open_services, upgrade_database
from mailcrm.settings import Settings
from servers.dovecot import DovecotUser
from servers.mailboxes import make_mailbox
from servers.ports import free_port
from servers.scripted import run_scripted
from servers.smtp_sink import SmtpSink, run_smtp_sink

CANARY = "c4nary/+ß'\"-s3cret"
KEYS = {"state", "stage", "host", "port", "encryption", "code", "server_text", "advice"}


def _variables(**secrets: tuple[str, str]) -> Mapping[str, str]:
    form = "%s://%s:%s@ignored.example:1"
    return {
        f"AIRFLOW_CONN_MAILBOX_SALES_{name.upper()}": form
        % (name, quote(login, safe=""), quote(password, safe=""))
        for name, (login, password) in secrets.items()
    }


@contextlib.contextmanager
def _services(home: Path, mailbox: Mailbox, variables: Mapping[str, str]) -> Iterator[Services]:
    settings = Settings(
        home=home,
        database_url=SecretStr(f"sqlite:///{home / 'mailcrm.db'}"),
        greeting_timeout_s=5,
    )
    upgrade_database(settings)
    with open_services(settings, EnvironmentCredentials(variables)) as services:
        services.registry.write_mailbox(mailbox, services.clock.now())
        yield services


def _good_mailbox(user: DovecotUser, sink: SmtpSink) -> Mailbox:
    return make_mailbox(
        imap_port=user.server.imaps_port,
        imap_encryption=Encryption.TLS,
        smtp_port=sink.port,
        tls=TlsPolicy(ca_file=user.server.ca_file),
    )


@pytest.mark.needs_dovecot
def test_run_verify_both_right_is_ok_and_kept_as_health(
    tmp_path: Path, dovecot_user: DovecotUser, smtp_sink: SmtpSink
) -> None:
    variables = _variables(
        imap=(dovecot_user.name, dovecot_user.server.password),
        smtp=(smtp_sink.username, smtp_sink.password),
    )
    with _services(tmp_path, _good_mailbox(dovecot_user, smtp_sink), variables) as services:
        found = run_verify(services, "sales", list(Direction))
        health = services.registry.read_health("sales")
    assert [result.state for result in found.values()] == [VerifyState.OK] * 2
    assert {name: row["state"] for name, row in health.items()} == {"imap": "ok", "smtp": "ok"}
    for result in found.values():
        raise_unless_ok("sales", result)


@pytest.mark.needs_dovecot
def test_run_verify_one_direction_broken_leaves_the_other_ok(
    tmp_path: Path, dovecot_user: DovecotUser, smtp_sink: SmtpSink
) -> None:
    variables = _variables(
        imap=(dovecot_user.name, dovecot_user.server.password),
        smtp=(smtp_sink.username, "wrong"),
    )
    with _services(tmp_path, _good_mailbox(dovecot_user, smtp_sink), variables) as services:
        found = run_verify(services, "sales", list(Direction))
    assert found[Direction.IMAP].state is VerifyState.OK
    assert found[Direction.SMTP].state is VerifyState.REFUSED
    with pytest.raises(SmtpCredentialError, match="Authentication credentials invalid"):
        raise_unless_ok("sales", found[Direction.SMTP])


def test_run_verify_missing_credential_harms_only_its_direction(
    tmp_path: Path, smtp_sink: SmtpSink
) -> None:
    variables = _variables(smtp=(smtp_sink.username, smtp_sink.password))
    with _services(tmp_path, make_mailbox(smtp_port=smtp_sink.port), variables) as services:
        found = run_verify(services, "sales", list(Direction))
    reading = found[Direction.IMAP]
    assert found[Direction.SMTP].state is VerifyState.OK
    assert (reading.state, reading.stage) == (VerifyState.MISCONFIGURED, "credential")
    assert "AIRFLOW_CONN_MAILBOX_SALES_IMAP is not set" in (reading.advice or "")
    with pytest.raises(ImapCredentialError, match="AIRFLOW_CONN_MAILBOX_SALES_IMAP"):
        raise_unless_ok("sales", reading)


def test_run_verify_only_what_was_asked_is_probed(tmp_path: Path, smtp_sink: SmtpSink) -> None:
    variables = _variables(smtp=(smtp_sink.username, smtp_sink.password))
    with _services(tmp_path, make_mailbox(smtp_port=smtp_sink.port), variables) as services:
        found = run_verify(services, "sales", [Direction.SMTP])
    assert list(found) == [Direction.SMTP]
    assert to_json("sales", found)["imap"] is None


def test_run_verify_unknown_mailbox_raises(tmp_path: Path) -> None:
    with (
        _services(tmp_path, make_mailbox(), {}) as services,
        pytest.raises(UnknownMailboxError),
    ):
        run_verify(services, "nobody", list(Direction))


def test_to_json_has_exactly_the_stable_keys(tmp_path: Path) -> None:
    with _services(tmp_path, make_mailbox(), {}) as services:
        document = to_json("sales", run_verify(services, "sales", list(Direction)))
    assert list(document) == ["mailbox", "imap", "smtp", "round_trip"]
    assert document["round_trip"] is None
    for direction in ("imap", "smtp"):
        fields = document[direction]
        assert isinstance(fields, dict)
        assert set(fields) == KEYS


@pytest.mark.parametrize(
    ("port", "encryption", "kind"),
    [("closed", Encryption.TLS, ServerUnreachableError), ("open", Encryption.TLS, SettingsError)],
)
def test_raise_unless_ok_tells_what_heals_from_what_does_not(
    tmp_path: Path,
    smtp_sink: SmtpSink,
    port: str,
    encryption: Encryption,
    kind: type[MailcrmError],
) -> None:
    number = free_port() if port == "closed" else smtp_sink.port
    mailbox = make_mailbox(smtp_port=number, smtp_encryption=encryption)
    variables = _variables(smtp=("user", "secret"))
    with _services(tmp_path, mailbox, variables) as services:
        found = run_verify(services, "sales", [Direction.SMTP])
    with pytest.raises(kind):
        raise_unless_ok("sales", found[Direction.SMTP])


# --- the canary ----------------------------------------------------------------------------------


def _forms(secret: str) -> set[str]:
    raw = secret.encode()
    forms = {secret, quote(secret, safe=""), repr(secret)[1:-1], base64.b64encode(raw).decode()}
    for offset in range(3):
        # The part of the encoding that the secret alone decides.
        encoded = base64.b64encode(b"x" * offset + raw + b"xx").decode()
        forms.add(encoded[4 if offset else 0 : (offset + len(raw)) * 8 // 6])
    return forms


def _echo(verb: str, rest: str) -> bytes | None:
    """A server that repeats whatever it hears in its refusals."""
    replies = {"EHLO": b"250-x\r\n250 AUTH PLAIN LOGIN\r\n", "QUIT": None}
    return replies.get(verb, f"535 5.7.8 you sent {rest} to me\r\n".encode())


def _echo_imap(tag: str, rest: str) -> bytes | None:
    if rest.startswith("CAPABILITY"):
        return f"* CAPABILITY IMAP4rev1 AUTH=PLAIN SASL-IR\r\n{tag} OK\r\n".encode()
    if rest.startswith("AUTHENTICATE"):
        return f"{tag} NO you sent {rest} to me\r\n".encode()
    return f"{tag} NO [AUTHENTICATIONFAILED] you sent {rest} to me\r\n".encode()


@pytest.mark.row("R203")
@pytest.mark.parametrize("secret", [CANARY, "plain-c4nary-123", 'quo"te\\c4nary'])
def test_verify_secret_is_in_no_log_result_error_or_table(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str], secret: str
) -> None:
    caplog.set_level(logging.DEBUG)  # the libraries below us, too
    seen: list[str] = []
    with (
        run_scripted(b"220 hi\r\n", _echo) as smtp,
        run_scripted(b"* OK hi\r\n", _echo_imap) as imap,
        run_smtp_sink() as sink,
    ):
        for imap_port, smtp_port, encryption in (
            (imap.port, smtp.port, Encryption.NONE),
            (sink.port, sink.port, Encryption.NONE),
            (sink.port, smtp.port, Encryption.TLS),
            (free_port(), free_port(), Encryption.STARTTLS),
        ):
            mailbox = make_mailbox(
                imap_port=imap_port,
                imap_encryption=encryption,
                smtp_port=smtp_port,
                smtp_encryption=encryption,
            )
            variables = _variables(imap=("user", secret), smtp=("user", secret))
            with _services(tmp_path, mailbox, variables) as services:
                found = run_verify(services, "sales", list(Direction))
                seen += [repr(services.credentials), repr(to_json("sales", found))]
            for result in found.values():
                with pytest.raises(MailcrmError) as caught:
                    raise_unless_ok("sales", result)
                chain = (caught.value, caught.value.__context__, caught.value.__cause__)
                seen += [repr(result), *map(repr, chain), repr(pickle.dumps(caught.value))]
        assert any("you sent" in text for text in seen)
        assert (
            secret in repr(smtp.raw + imap.raw)
            or base64.b64encode(f"\0user\0{secret}".encode()) in smtp.raw
        )
    with contextlib.closing(sqlite3.connect(tmp_path / "mailcrm.db")) as database:
        seen += list(database.iterdump())
    ours = [record for record in caplog.records if record.name != "mail.log"]  # the sink's own
    seen += [record.getMessage() for record in ours] + list(capfd.readouterr())
    text = "\n".join(seen)
    assert [form for form in _forms(secret) if form in text] == []


def test_raise_unless_ok_permanent_errors_are_permanent() -> None:
    assert issubclass(ImapCredentialError, PermanentError)
    assert issubclass(SettingsError, PermanentError)
    assert not issubclass(ServerUnreachableError, PermanentError)
