"""The round trip: one message to itself, at most once, compared, and kept out of the CRM."""

import contextlib
import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from mailcrm.adapters.secrets import EnvironmentCredentials
from mailcrm.records import Mailbox, RoundTrip, RoundTripState
from mailcrm.services.round_trip import run_round_trip
from mailcrm.services.run import run_mailbox
from mailcrm.services.wiring import Services, open_services, upgrade_database
from mailcrm.settings import Settings
from servers.mail_devel import MailDevelServer
from servers.mailboxes import make_mailbox
from servers.smtp_sink import SmtpSink


@pytest.fixture
def address(tmp_path: Path) -> str:
    return f"ann-{tmp_path.name.replace('_', '-')[-20:]}@acme.example"


@contextlib.contextmanager
def _services(home: Path, mailbox: Mailbox, password: str, smtp: str = "") -> Iterator[Services]:
    settings = Settings(home=home, database_url=SecretStr(f"sqlite:///{home / 'mailcrm.db'}"))
    upgrade_database(settings)
    form = '{"conn_type": "%s", "login": "%s", "password": "%s"}'
    variables = {
        "AIRFLOW_CONN_MAILBOX_SALES_IMAP": form % ("imap", mailbox.address, password),
        "AIRFLOW_CONN_MAILBOX_SALES_SMTP": form % ("smtp", mailbox.address, smtp or password),
    }
    with open_services(settings, EnvironmentCredentials(variables)) as services:
        services.registry.write_mailbox(mailbox, services.clock.now())
        yield services


def _mailbox(server: MailDevelServer, address: str) -> Mailbox:
    return make_mailbox(imap_port=server.imap_port, smtp_port=server.smtp_port, address=address)


def _inbox(server: MailDevelServer, address: str) -> list[bytes]:
    with server.connect(address) as client:
        client.select_folder("INBOX", readonly=True)
        uids = client.search()
        return [row[b"BODY[]"] for row in client.fetch(uids, ["BODY.PEEK[]"]).values()]


@pytest.mark.row("R146", "R147")
def test_round_trip_arrives_is_confirmed_and_stays_out_of_the_crm(
    tmp_path: Path, mail_devel: MailDevelServer, address: str
) -> None:
    with _services(tmp_path, _mailbox(mail_devel, address), mail_devel.password) as services:
        trip = run_round_trip(services, "sales", "request 1", wait_s=20)
        assert (trip.state, trip.detail) == (RoundTripState.CONFIRMED, None)
        report = run_mailbox(services, "sales")
        assert report.failure is None
        totals: dict[str, Any] = report.to_json()["totals"]
        again = run_mailbox(services, "sales").to_json()["totals"]
    assert (totals["excluded"], totals["published"], totals["balanced"]) == (1, 0, True)
    assert (again["already_covered"], again["excluded"]) == (1, 0)
    assert len(_inbox(mail_devel, address)) == 1


def test_round_trip_asked_again_under_the_same_request_sends_no_second_message(
    tmp_path: Path, mail_devel: MailDevelServer, address: str
) -> None:
    with _services(tmp_path, _mailbox(mail_devel, address), mail_devel.password) as services:
        for _ in range(3):
            trip = run_round_trip(services, "sales", "request 1", wait_s=20)
            assert trip.state is RoundTripState.CONFIRMED
    assert len(_inbox(mail_devel, address)) == 1


def test_round_trip_that_died_after_it_was_written_down_is_awaited_not_sent(
    tmp_path: Path, mail_devel: MailDevelServer, address: str
) -> None:
    died = RoundTrip("a" * 32, "sales", "request 1", f"mailcrm-{'a' * 32}@acme.example")
    with _services(tmp_path, _mailbox(mail_devel, address), mail_devel.password) as services:
        assert services.upkeep.trips.begin_trip(died, services.clock.now()) is None
        trip = run_round_trip(services, "sales", "request 1", wait_s=0)
    assert (trip.token, trip.state) == (died.token, RoundTripState.NOT_CONFIRMED)
    assert _inbox(mail_devel, address) == []


def test_round_trip_with_another_sender_name_says_which_field(
    tmp_path: Path, mail_devel: MailDevelServer, address: str
) -> None:
    mailbox = _mailbox(mail_devel, address)
    with _services(tmp_path, mailbox, mail_devel.password) as services:
        run_round_trip(services, "sales", "request 1", wait_s=20)
        services.upkeep.trips.finish_trip(
            _token(mail_devel, address), RoundTripState.SENT, None, services.clock.now()
        )
        renamed = dataclasses.replace(mailbox, display_name="Acme Billing")
        services.registry.write_mailbox(renamed, services.clock.now())
        trip = run_round_trip(services, "sales", "request 1", wait_s=20)
    assert trip.state is RoundTripState.ARRIVED_WITH_OTHER_IDENTITY
    assert trip.detail == "display name: expected 'Acme Billing', got 'Acme Sales'"


def _token(server: MailDevelServer, address: str) -> str:
    (raw,) = _inbox(server, address)
    return raw.decode().partition("<mailcrm-")[2].partition("@")[0]


@pytest.mark.row("R150", "R153")
@pytest.mark.parametrize(
    ("verb", "reply", "stage"),
    [
        ("MAIL", "553 5.7.1 not owned by user", "identity"),
        ("RCPT", "550 5.7.1 no", "identity"),
        ("DATA", "554 5.7.1 spam", "content"),
    ],
)
def test_round_trip_refused_says_where(
    tmp_path: Path, smtp_sink: SmtpSink, verb: str, reply: str, stage: str
) -> None:
    smtp_sink.replies[verb] = reply
    mailbox = make_mailbox(smtp_port=smtp_sink.port, address=smtp_sink.username)
    with _services(tmp_path, mailbox, smtp_sink.password) as services:
        trip = run_round_trip(services, "sales", "request 1", wait_s=0)
    assert trip.state is RoundTripState.REFUSED
    assert f"at {stage}" in (trip.detail or "")
    assert smtp_sink.messages == []
    assert len(smtp_sink.logins) == 1


@pytest.mark.row("R153")
def test_round_trip_message_has_whole_line_ends_and_one_recipient(
    tmp_path: Path, smtp_sink: SmtpSink
) -> None:
    mailbox = dataclasses.replace(
        make_mailbox(smtp_port=smtp_sink.port, address=smtp_sink.username),
        display_name='Ünï "Sales" <x@evil.example>, Bcc: y',
    )
    with _services(tmp_path, mailbox, smtp_sink.password) as services:
        trip = run_round_trip(services, "sales", "request 1", wait_s=0)
    assert trip.state is RoundTripState.NOT_CONFIRMED
    (message,) = smtp_sink.messages
    assert message.rcpt_tos == (smtp_sink.username,)
    assert b"\n" not in message.content.replace(b"\r\n", b"")
    assert b"\r\nBcc:" not in message.content
