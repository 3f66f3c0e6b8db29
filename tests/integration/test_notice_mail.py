"""Notices by mail: one for a break, one for a recovery, to whoever looks after the credentials."""

import contextlib
import dataclasses
import email
import email.policy
import json
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from mailcrm.adapters.notify_mail import read_route
from mailcrm.adapters.secrets import LocalCredentials
from mailcrm.errors import SettingsError
from mailcrm.records import (
    ConnectionFields,
    Direction,
    Encryption,
    Endpoint,
    Mailbox,
    Ownership,
    SharedChecklist,
)
from mailcrm.services.verify import run_verify
from mailcrm.services.wiring import Services, open_services, upgrade_database
from mailcrm.settings import Settings
from servers.certificates import TestAuthority
from servers.mailboxes import make_mailbox
from servers.ports import free_port
from servers.smtp_sink import SmtpSink, run_smtp_sink

OWNER = "it@acme.example"
SECRET = "n0tice-c4nary"
SHARED = SharedChecklist("Sales", "contacts", "team", OWNER, OWNER)


@contextlib.contextmanager
def _services(
    home: Path, mailbox: Mailbox, connection: object, webhook: str | None = None
) -> Iterator[tuple[Services, dict[str, str]]]:
    settings = Settings(
        home=home,
        database_url=SecretStr(f"sqlite:///{home / 'mailcrm.db'}"),
        notify_smtp_connection="mail_out",
        notify_webhook=None if webhook is None else SecretStr(webhook),
    )
    upgrade_database(settings)
    environment = {}
    if connection is not None:
        is_uri = isinstance(connection, str)
        environment["AIRFLOW_CONN_MAIL_OUT"] = connection if is_uri else json.dumps(connection)
    with open_services(settings, LocalCredentials(None, environment)) as services:
        services.registry.write_mailbox(mailbox, services.clock.now())
        yield services, environment


def _connection(sink: SmtpSink, **extra: object) -> dict[str, object]:
    return {
        "conn_type": "smtp",
        "host": "127.0.0.1",
        "port": sink.port,
        "login": sink.username,
        "password": sink.password,
        "extra": {"from_email": "mailcrm@acme.example", **extra},
    }


PLAIN = {"disable_ssl": True, "disable_tls": True}


def _verify(services: Services, environment: dict[str, str], sink: SmtpSink, secret: str) -> None:
    login = {"conn_type": "smtp", "login": sink.username, "password": secret}
    environment["AIRFLOW_CONN_MAILBOX_SALES_SMTP"] = json.dumps(login)
    run_verify(services, "sales", [Direction.SMTP])


@pytest.mark.parametrize("is_shared", [True, False])
def test_break_and_recovery_are_mailed_once_each_to_the_owner(
    tmp_path: Path, smtp_sink: SmtpSink, is_shared: bool
) -> None:
    mailbox = make_mailbox(smtp_port=smtp_sink.port)
    if is_shared:
        mailbox = dataclasses.replace(mailbox, ownership=Ownership.SHARED, shared=SHARED)
    with (
        run_smtp_sink() as out,
        _services(tmp_path, mailbox, _connection(out, **PLAIN)) as (services, environment),
    ):
        for secret in (smtp_sink.password, SECRET, SECRET, smtp_sink.password):
            _verify(services, environment, smtp_sink, secret)
            _verify(services, environment, smtp_sink, secret)
    owner = OWNER if is_shared else "sales@acme.example"
    assert [message.rcpt_tos for message in out.messages] == [(owner,), (owner,)]
    assert {message.mail_from for message in out.messages} == {"mailcrm@acme.example"}
    broke, recovered = (
        email.message_from_bytes(message.content, policy=email.policy.SMTP)
        for message in out.messages
    )
    assert broke["Subject"] == "mailcrm: sending of mailbox sales is broken"
    assert recovered["Subject"] == "mailcrm: sending of mailbox sales works again"
    assert broke["Auto-Submitted"] == "auto-generated"
    body = " ".join(broke.get_content().split())
    assert "mailbox_sales_smtp" in body
    assert "mailcrm verify sales" in body
    assert SECRET not in body


@pytest.mark.parametrize("mode", ["tls", "starttls"])
def test_notice_goes_through_verified_tls(
    tmp_path: Path, smtp_sink: SmtpSink, authority: TestAuthority, mode: str
) -> None:
    context = authority.server_context()
    kind = {"tls": context} if mode == "tls" else {"starttls": context}
    with run_smtp_sink(**kind) as out:
        more = {"disable_ssl": mode == "starttls"}
        for trusted in (None, authority.ca_file):
            home = tmp_path / str(trusted is not None)
            connection = _connection(out, ca_file=trusted, **more)
            mailbox = make_mailbox(smtp_port=smtp_sink.port)
            with _services(home, mailbox, connection) as (services, environment):
                _verify(services, environment, smtp_sink, SECRET)
            assert len(out.messages) == len(out.logins) == (trusted is not None)


def test_notice_that_nobody_took_is_sent_again_later(
    tmp_path: Path, smtp_sink: SmtpSink, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    mailbox = make_mailbox(smtp_port=smtp_sink.port)
    with (
        run_smtp_sink() as out,
        _services(tmp_path, mailbox, None) as (services, environment),
    ):
        for _ in range(7):  # more often than a notice that nobody took is tried
            _verify(services, environment, smtp_sink, SECRET)
        assert "no such connection" in caplog.text
        environment["AIRFLOW_CONN_MAIL_OUT"] = json.dumps(_connection(out, **PLAIN))
        out.replies["RCPT"] = "450 4.2.0 later"
        _verify(services, environment, smtp_sink, SECRET)
        assert out.messages == []
        out.replies.clear()
        _verify(services, environment, smtp_sink, SECRET)
        _verify(services, environment, smtp_sink, SECRET)
    assert len(out.messages) == 1
    assert out.password not in caplog.text


def test_notice_connection_whose_login_is_rejected_is_tried_once(
    tmp_path: Path, smtp_sink: SmtpSink
) -> None:
    mailbox = make_mailbox(smtp_port=smtp_sink.port)
    with run_smtp_sink() as out:
        wrong = {**_connection(out, **PLAIN), "password": "wrong"}
        with _services(tmp_path, mailbox, wrong) as (services, environment):
            for _ in range(3):
                _verify(services, environment, smtp_sink, SECRET)
    assert (len(out.logins), out.messages) == (1, [])


def test_notice_taken_by_one_channel_is_not_sent_again(tmp_path: Path, smtp_sink: SmtpSink) -> None:
    mailbox = make_mailbox(smtp_port=smtp_sink.port)
    nobody = f"http://127.0.0.1:{free_port()}/hook"
    with (
        run_smtp_sink() as out,
        _services(tmp_path, mailbox, _connection(out, **PLAIN), nobody) as (services, environment),
    ):
        for _ in range(3):
            _verify(services, environment, smtp_sink, SECRET)
    assert len(out.messages) == 1


@pytest.mark.parametrize(
    ("extra", "port", "expected"),
    [
        ({}, None, Endpoint("mail.acme.example", 465, Encryption.TLS)),
        ({"disable_ssl": True}, None, Endpoint("mail.acme.example", 587, Encryption.STARTTLS)),
        ({"disable_ssl": "true"}, 25, Endpoint("mail.acme.example", 25, Encryption.STARTTLS)),
        ({"disable_tls": True}, None, Endpoint("mail.acme.example", 465, Encryption.TLS)),
    ],
)
def test_read_route_takes_the_fields_of_airflows_smtp_connection(
    extra: dict[str, object], port: int | None, expected: Endpoint
) -> None:
    fields = ConnectionFields("mail.acme.example", port, "out@acme.example", SECRET, extra)
    route, credential = read_route("mail_out", fields)
    assert (route.smtp, route.address) == (expected, "out@acme.example")
    assert credential is not None
    assert SECRET not in repr((fields, route, credential))


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        (ConnectionFields("", None, "a@b.example", "x"), "needs a host"),
        (ConnectionFields("mail.acme.example", None, "nobody", "x"), "from_email"),
        (ConnectionFields("mail.acme.example", None, "a@b.example", "x", PLAIN), "this machine"),
    ],
)
def test_read_route_refuses_what_cannot_be_used(fields: ConnectionFields, problem: str) -> None:
    with pytest.raises(SettingsError, match=problem):
        read_route("mail_out", fields)


@pytest.mark.parametrize("form", ["json", "extra as text", "uri"])
def test_read_connection_understands_airflows_forms(form: str) -> None:
    extra = {"from_email": "x@acme.example"}
    values = {
        "json": json.dumps({"host": "h.example", "port": "587", "login": "a", "extra": extra}),
        "extra as text": json.dumps(
            {"host": "h.example", "port": 587, "login": "a", "extra": json.dumps(extra)}
        ),
        "uri": "smtp://a:p%40@h.example:587/?from_email=x%40acme.example",
    }
    store = LocalCredentials(None, {"AIRFLOW_CONN_MAIL_OUT": values[form]})
    fields = store.read_connection("mail_out")
    assert fields is not None
    assert (fields.host, fields.port, fields.login) == ("h.example", 587, "a")
    assert dict(fields.extra) == extra
    assert store.read_connection("other") is None


@pytest.mark.parametrize("value", ["{broken", "nonsense", '{"port": "x"}', '{"extra": "[1]"}'])
def test_read_connection_that_is_broken_says_so_without_its_value(value: str) -> None:
    with pytest.raises(SettingsError, match="connection mail_out") as caught:
        LocalCredentials(None, {"AIRFLOW_CONN_MAIL_OUT": value}).read_connection("mail_out")
    assert value not in str(caught.value)
