"""The IMAP adapter on a real Dovecot: nothing changes, nothing is missed, TLS is verified."""

import datetime as dt
import itertools
import traceback

import pytest
import trustme

from mailcrm.adapters.imap import open_imap
from mailcrm.errors import ImapCredentialError, UnsafeConnectionError
from mailcrm.records import Credential, Encryption, Mailbox, SearchCriteria, TlsPolicy
from mailcrm.settings import Settings
from servers.dovecot import Append, DovecotServer, DovecotUser
from servers.mailboxes import make_mailbox

pytestmark = pytest.mark.needs_dovecot

MIDNIGHT = dt.datetime(2026, 11, 16, tzinfo=dt.UTC)
SECOND = dt.timedelta(seconds=1)
CAP = 1_000_000


def raw_message(number: int) -> bytes:
    return f"From: ann@customer.example\r\nSubject: {number}\r\n\r\nHello {number}\r\n".encode()


def mailbox_on(server: DovecotServer) -> Mailbox:
    return make_mailbox(imap_port=server.imap_port)


def credential_of(user: DovecotUser) -> Credential:
    return Credential(user.name, user.server.password)


def everything(uid_low: int = 1, uid_high: int | None = None) -> SearchCriteria:
    return SearchCriteria(None, None, uid_low, uid_high)


def test_reading_everything_changes_nothing_on_the_server(dovecot_user: DovecotUser) -> None:
    flags = ((), ("\\Seen",), ("\\Flagged", "\\Answered"), ("\\Deleted",), ("\\Draft",))
    for folder in ("INBOX", "Sent", "Work/Deals"):
        messages = [Append(raw_message(n), MIDNIGHT, flags[n % 5]) for n in range(15)]
        dovecot_user.append(folder, *messages)
    before, recent = dovecot_user.flags(), dovecot_user.recent("INBOX")
    for _ in range(2):
        with open_imap(
            mailbox_on(dovecot_user.server), credential_of(dovecot_user), Settings()
        ) as reader:
            for entry in reader.list_folders():
                if entry.selectable:
                    reader.examine(entry.name)
                    uids = reader.search_uids(everything())
                    assert len(list(reader.fetch_listing(uids))) == len(uids)
                    assert len(list(reader.fetch_messages(uids, CAP))) == len(uids)
                    reader.uid_anchors(4)
    assert dovecot_user.flags() == before
    assert dovecot_user.recent("INBOX") == recent == 15


@pytest.mark.parametrize("zone_hours", [-12, 0, 14])
def test_window_edges_are_exact_to_the_second_in_any_zone(
    dovecot_user: DovecotUser, zone_hours: int
) -> None:
    zone = dt.timezone(dt.timedelta(hours=zone_hours))
    since, until = MIDNIGHT, MIDNIGHT + dt.timedelta(days=2)
    moments = [since - SECOND, since, since + SECOND, until - SECOND, until, until + SECOND]
    messages = [Append(raw_message(n), m.astimezone(zone)) for n, m in enumerate(moments)]
    dovecot_user.append("INBOX", *messages)
    widened = SearchCriteria(since.date() - dt.timedelta(days=1), until.date() + dt.timedelta(2))
    with open_imap(
        mailbox_on(dovecot_user.server), credential_of(dovecot_user), Settings()
    ) as reader:
        reader.examine("INBOX")
        listed = list(reader.fetch_listing(reader.search_uids(widened)))
    dates = {row.uid: row.internaldate for row in listed}
    assert [dates[uid] for uid in sorted(dates)] == moments
    inside = {uid for uid, date in dates.items() if date and since <= date < until}
    assert sorted(inside) == [2, 3, 4]


def test_big_folder_windows_by_anchors_cover_every_message_once(dovecot_user: DovecotUser) -> None:
    messages = [Append(raw_message(n), MIDNIGHT + n * SECOND) for n in range(3000)]
    dovecot_user.fill("INBOX", messages)
    dovecot_user.expunge("INBOX", range(500, 1500, 3))
    with open_imap(
        mailbox_on(dovecot_user.server), credential_of(dovecot_user), Settings()
    ) as reader:
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
    dovecot_user: DovecotUser,
) -> None:
    dovecot_user.append("INBOX", *[Append(raw_message(n), MIDNIGHT) for n in range(3)])
    with open_imap(
        mailbox_on(dovecot_user.server), credential_of(dovecot_user), Settings()
    ) as reader:
        reader.examine("INBOX")
        assert list(reader.search_uids(everything())) == [1, 2, 3]
        dovecot_user.expunge("INBOX", [2])
        found = {m.uid: m.raw for m in reader.fetch_messages([1, 2, 3], CAP)}
        assert found.keys() >= {1, 3}
        assert all(raw == raw_message(uid - 1) for uid, raw in found.items())


def test_special_use_attribute_names_the_folder(dovecot_user: DovecotUser) -> None:
    with open_imap(
        mailbox_on(dovecot_user.server), credential_of(dovecot_user), Settings()
    ) as reader:
        entries = {entry.name: entry.attributes for entry in reader.list_folders()}
    assert "\\sent" in entries["Sent"]
    assert "\\drafts" in entries["Drafts"]


@pytest.mark.parametrize("encryption", [Encryption.TLS, Encryption.STARTTLS])
def test_login_over_verified_tls_reports_each_stage(
    dovecot_user: DovecotUser, encryption: Encryption
) -> None:
    stages: list[str] = []
    mailbox = tls_mailbox(dovecot_user.server, encryption, dovecot_user.server.ca_file)
    with open_imap(mailbox, credential_of(dovecot_user), Settings(), stages.append) as reader:
        assert reader.examine("INBOX").exists == 0
    order = {
        Encryption.TLS: ["resolve", "connect", "tls", "greeting", "authenticate"],
        Encryption.STARTTLS: ["resolve", "connect", "greeting", "tls", "authenticate"],
    }
    assert stages == order[encryption]


@pytest.mark.parametrize("encryption", [Encryption.TLS, Encryption.STARTTLS])
def test_unknown_authority_is_refused_before_the_password(
    dovecot_user: DovecotUser, encryption: Encryption, tmp_path_factory: pytest.TempPathFactory
) -> None:
    other = tmp_path_factory.mktemp("ca") / "other.pem"
    trustme.CA().cert_pem.write_to_path(str(other))
    mailbox = tls_mailbox(dovecot_user.server, encryption, str(other))
    stages: list[str] = []
    with pytest.raises(UnsafeConnectionError) as caught:
        open_imap(mailbox, credential_of(dovecot_user), Settings(), stages.append).__enter__()
    assert caught.value.fields["symptom"] == "certificate_unknown_ca"
    assert stages[-1] == "tls"
    assert dovecot_user.name not in dovecot_user.server.log()


@pytest.mark.parametrize("password", ["wrong-S3cret", "wrong-Schlüssel-S3cret"])
def test_wrong_password_is_tried_once_and_never_shown(
    dovecot_user: DovecotUser, password: str
) -> None:
    credential = Credential(dovecot_user.name, password)
    with pytest.raises(ImapCredentialError) as caught:
        open_imap(mailbox_on(dovecot_user.server), credential, Settings()).__enter__()
    shown = "".join(traceback.format_exception(caught.value)) + repr(caught.value.fields)
    assert "S3cret" not in shown
    assert caught.value.fields["code"] == "AUTHENTICATIONFAILED"
    log = [line for line in dovecot_user.server.log().splitlines() if dovecot_user.name in line]
    assert len(log) == 1
    assert "1 attempts" in log[0]


def test_login_name_with_odd_characters_is_quoted(dovecot: DovecotServer) -> None:
    credential = Credential('an "odd\\ name@acme.example', dovecot.password)
    with open_imap(mailbox_on(dovecot), credential, Settings()) as reader:
        assert reader.examine("INBOX").exists == 0


def tls_mailbox(server: DovecotServer, encryption: Encryption, ca_file: str) -> Mailbox:
    port = server.imaps_port if encryption is Encryption.TLS else server.imap_port
    tls = TlsPolicy(ca_file=ca_file)
    return make_mailbox(imap_port=port, imap_encryption=encryption, tls=tls)
