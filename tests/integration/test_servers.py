"""The test servers themselves: each one is real, answers, and keeps tests apart."""

import datetime as dt
import smtplib
import ssl

import pytest
from imapclient import IMAPClient
from sqlalchemy import create_engine, text

from servers.imap_user import Append, ImapUser
from servers.mail_devel import MailDevelServer
from servers.postgres import PostgresServer

RAW = b"From: a@acme.example\r\nTo: b@acme.example\r\nSubject: x\r\n\r\nbody\r\n"


def test_imap_server_fresh_user_has_empty_inbox_and_special_folders(
    imap_user: ImapUser,
) -> None:
    assert set(imap_user.flags()) == {
        imap_user.folder(name) for name in ("INBOX", "Sent", "Drafts")
    }
    assert not imap_user.flags()["INBOX"][2]


def test_imap_server_append_keeps_date_and_flags(imap_user: ImapUser) -> None:
    moment = dt.datetime(2026, 11, 15, 23, 59, 59, tzinfo=dt.UTC)
    imap_user.append("INBOX", Append(RAW, moment, ("\\Seen",)))
    imap_user.fill("INBOX", [Append(RAW, moment, ("\\Flagged",))])
    with imap_user.connect() as client:
        client.normalise_times = False
        client.select_folder("INBOX", readonly=True)
        rows = client.fetch([1, 2], ["INTERNALDATE", "FLAGS"])
    assert {row[b"INTERNALDATE"] for row in rows.values()} == {moment}
    assert b"\\Seen" in rows[1][b"FLAGS"]
    assert b"\\Flagged" in rows[2][b"FLAGS"]


def test_imap_server_recreated_folder_has_another_uidvalidity(imap_user: ImapUser) -> None:
    work = imap_user.folder("Work")
    imap_user.append(work, Append(RAW))
    before = imap_user.flags()[work][0]
    imap_user.delete_folder(work)
    imap_user.create_folder(work)
    assert imap_user.flags()[work][0] != before


def test_imap_server_tls_port_serves_a_certificate_of_its_ca(imap_user: ImapUser) -> None:
    server = imap_user.server
    context = ssl.create_default_context(cafile=server.ca_file)
    with IMAPClient(server.host, server.imaps_port, ssl_context=context, timeout=30) as client:
        assert client.capabilities()


def test_mail_devel_takes_mail_by_smtp_and_shows_it_by_imap(mail_devel: MailDevelServer) -> None:
    with smtplib.SMTP(mail_devel.host, mail_devel.smtp_port, timeout=30) as smtp:
        smtp.login("a@acme.example", mail_devel.password)
        smtp.sendmail("a@acme.example", ["b@acme.example"], RAW)
    with mail_devel.connect("b@acme.example") as client:
        assert client.select_folder("INBOX", readonly=True)[b"EXISTS"] == 1


@pytest.mark.needs_postgres
def test_postgres_databases_of_two_tests_are_apart(postgres: PostgresServer) -> None:
    names = [postgres.create_database() for _ in range(2)]
    try:
        engine = create_engine(postgres.url(names[0]))
        with engine.begin() as connection:
            connection.execute(text("CREATE TABLE only_here (x int)"))
        engine.dispose()
        other = create_engine(postgres.url(names[1]))
        with other.connect() as connection:
            found = connection.execute(text("SELECT to_regclass('only_here')")).scalar()
        other.dispose()
        assert found is None
    finally:
        for name in names:
            postgres.drop_database(name)


def test_database_url_is_an_empty_database(database_url: str) -> None:
    engine = create_engine(database_url)
    with engine.connect() as connection:
        assert connection.execute(text("SELECT 1")).scalar() == 1
    engine.dispose()
