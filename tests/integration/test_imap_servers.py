"""The IMAP adapter on real servers: nothing changes, nothing is missed, TLS is verified."""

import datetime as dt
import itertools
import time
import traceback

import pytest
import trustme

from mailcrm.adapters.imap import open_imap
from mailcrm.errors import ImapCredentialError, UnsafeConnectionError
from mailcrm.records import Credential, Encryption, Mailbox, SearchCriteria, TlsPolicy
from mailcrm.settings import Settings
from servers.dovecot import DovecotServer, DovecotUser
from servers.imap_user import Append, ImapServer, ImapUser
from servers.mailboxes import make_mailbox

MIDNIGHT = dt.datetime(2026, 11, 16, tzinfo=dt.UTC)
SECOND = dt.timedelta(seconds=1)
CAP = 1_000_000


def raw_message(number: int) -> bytes:
    return f"From: ann@customer.example\r\nSubject: {number}\r\n\r\nHello {number}\r\n".encode()


def mailbox_on(server: ImapServer) -> Mailbox:
    return make_mailbox(imap_port=server.imap_port)


def credential_of(user: ImapUser) -> Credential:
    return Credential(user.name, user.server.password)


def everything(uid_low: int = 1, uid_high: int | None = None) -> SearchCriteria:
    return SearchCriteria(None, None, uid_low, uid_high)


def log_lines(user: DovecotUser) -> list[str]:
    """What the server logged about the user; it may write a moment after it answered."""
    deadline = time.monotonic() + 30
    while user.name not in user.server.log() and time.monotonic() < deadline:
        time.sleep(0.01)
    return [line for line in user.server.log().splitlines() if user.name in line]


def test_reading_everything_changes_nothing_on_the_server(imap_user: ImapUser) -> None:
    flags = ((), ("\\Seen",), ("\\Flagged", "\\Answered"), ("\\Deleted",), ("\\Draft",))
    folders = [imap_user.folder(*parts) for parts in (("INBOX",), ("Sent",), ("Work", "Deals"))]
    for folder in folders:
        messages = [Append(raw_message(n), MIDNIGHT, flags[n % 5]) for n in range(15)]
        imap_user.append(folder, *messages)
    before, recent = imap_user.flags(), imap_user.recent("INBOX")
    for _ in range(2):
        with open_imap(
            mailbox_on(imap_user.server), credential_of(imap_user), Settings()
        ) as reader:
            for entry in reader.list_folders():
                if entry.selectable:
                    reader.examine(entry.name)
                    uids = reader.search_uids(everything())
                    assert len(list(reader.fetch_listing(uids))) == len(uids)
                    assert len(list(reader.fetch_messages(uids, CAP))) == len(uids)
                    reader.uid_anchors(4)
    assert imap_user.flags() == before
    assert imap_user.recent("INBOX") == recent == 15


@pytest.mark.parametrize("zone_hours", [-12, 0, 14])
def test_window_edges_are_exact_to_the_second_in_any_zone(
    imap_user: ImapUser, zone_hours: int
) -> None:
    zone = dt.timezone(dt.timedelta(hours=zone_hours))
    since, until = MIDNIGHT, MIDNIGHT + dt.timedelta(days=2)
    moments = [since - SECOND, since, since + SECOND, until - SECOND, until, until + SECOND]
    messages = [Append(raw_message(n), m.astimezone(zone)) for n, m in enumerate(moments)]
    imap_user.append("INBOX", *messages)
    widened = SearchCriteria(since.date() - dt.timedelta(days=1), until.date() + dt.timedelta(2))
    with open_imap(mailbox_on(imap_user.server), credential_of(imap_user), Settings()) as reader:
        reader.examine("INBOX")
        listed = list(reader.fetch_listing(reader.search_uids(widened)))
    dates = {row.uid: row.internaldate for row in listed}
    assert [dates[uid] for uid in sorted(dates)] == moments
    inside = {uid for uid, date in dates.items() if date and since <= date < until}
    assert sorted(inside) == [2, 3, 4]


def test_big_folder_windows_by_anchors_cover_every_message_once(imap_user: ImapUser) -> None:
    messages = [Append(raw_message(n), MIDNIGHT + n * SECOND) for n in range(3000)]
    imap_user.fill("INBOX", messages)
    imap_user.expunge("INBOX", range(500, 1500, 3))
    with open_imap(mailbox_on(imap_user.server), credential_of(imap_user), Settings()) as reader:
        status = reader.examine("INBOX")
        anchors = list(reader.uid_anchors(100))
        borders = [*anchors, (status.uidnext or 0)]
        windows = [
            list(reader.search_uids(everything(low, high - 1)))
            for low, high in itertools.pairwise(borders)
        ]
        uids = [uid for window in windows for uid in window]
        commands = reader.commands_sent
        listed = {row.uid for row in reader.fetch_listing(uids)}
        listing_commands = reader.commands_sent - commands
    gone = set(range(500, 1500, 3))
    assert uids == [uid for uid in range(1, 3001) if uid not in gone]
    assert {len(window) for window in windows[:-1]} == {100}
    assert listed == set(uids)
    assert listing_commands <= 8


def test_expunge_by_another_session_leaves_the_message_out_or_gives_it(
    imap_user: ImapUser,
) -> None:
    imap_user.append("INBOX", *[Append(raw_message(n), MIDNIGHT) for n in range(3)])
    with open_imap(mailbox_on(imap_user.server), credential_of(imap_user), Settings()) as reader:
        reader.examine("INBOX")
        assert list(reader.search_uids(everything())) == [1, 2, 3]
        imap_user.expunge("INBOX", [2])
        found = {m.uid: m.raw for m in reader.fetch_messages([1, 2, 3], CAP)}
        assert found.keys() >= {1, 3}
        assert all(raw == raw_message(uid - 1) for uid, raw in found.items())


def test_special_use_attribute_names_the_folder(imap_user: ImapUser) -> None:
    with open_imap(mailbox_on(imap_user.server), credential_of(imap_user), Settings()) as reader:
        entries = {entry.name: entry.attributes for entry in reader.list_folders()}
    assert "\\sent" in entries[imap_user.folder("Sent")]
    assert "\\drafts" in entries[imap_user.folder("Drafts")]


@pytest.mark.parametrize("encryption", [Encryption.TLS, Encryption.STARTTLS])
def test_login_over_verified_tls_reports_each_stage(
    imap_user: ImapUser, encryption: Encryption
) -> None:
    stages: list[str] = []
    mailbox = tls_mailbox(imap_user.server, encryption, imap_user.server.ca_file)
    with open_imap(mailbox, credential_of(imap_user), Settings(), stages.append) as reader:
        assert reader.examine("INBOX").exists == 0
    order = {
        Encryption.TLS: ["resolve", "connect", "tls", "greeting", "authenticate"],
        Encryption.STARTTLS: ["resolve", "connect", "greeting", "tls", "authenticate"],
    }
    assert stages == order[encryption]


@pytest.mark.parametrize("encryption", [Encryption.TLS, Encryption.STARTTLS])
def test_unknown_authority_is_refused_before_the_password(
    imap_user: ImapUser, encryption: Encryption, tmp_path_factory: pytest.TempPathFactory
) -> None:
    other = tmp_path_factory.mktemp("ca") / "other.pem"
    trustme.CA().cert_pem.write_to_path(str(other))
    mailbox = tls_mailbox(imap_user.server, encryption, str(other))
    stages: list[str] = []
    with pytest.raises(UnsafeConnectionError) as caught:
        open_imap(mailbox, credential_of(imap_user), Settings(), stages.append).__enter__()
    assert caught.value.fields["symptom"] == "certificate_unknown_ca"
    assert stages[-1] == "tls"
    if isinstance(imap_user, DovecotUser):  # the other one writes no log of its own
        assert imap_user.name not in imap_user.server.log()


@pytest.mark.parametrize("password", ["wrong-S3cret", "wrong-Schlüssel-S3cret"])
def test_wrong_password_is_tried_once_and_never_shown(imap_user: ImapUser, password: str) -> None:
    credential = Credential(imap_user.name, password)
    with pytest.raises(ImapCredentialError) as caught:
        open_imap(mailbox_on(imap_user.server), credential, Settings()).__enter__()
    shown = "".join(traceback.format_exception(caught.value)) + repr(caught.value.fields)
    assert "S3cret" not in shown
    if isinstance(imap_user, DovecotUser):  # the other one gives no code, and writes no log
        assert caught.value.fields["code"] == "AUTHENTICATIONFAILED"
        lines = log_lines(imap_user)
        assert len(lines) == 1
        assert "1 attempts" in lines[0]


@pytest.mark.needs_dovecot
def test_login_name_with_odd_characters_is_quoted(dovecot: DovecotServer) -> None:
    credential = Credential('an "odd\\ name@acme.example', dovecot.password)
    with open_imap(mailbox_on(dovecot), credential, Settings()) as reader:
        assert reader.examine("INBOX").exists == 0


def tls_mailbox(server: ImapServer, encryption: Encryption, ca_file: str) -> Mailbox:
    port = server.imaps_port if encryption is Encryption.TLS else server.imap_port
    tls = TlsPolicy(ca_file=ca_file)
    return make_mailbox(imap_port=port, imap_encryption=encryption, tls=tls)
