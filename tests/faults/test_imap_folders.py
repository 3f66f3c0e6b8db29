"""What the IMAP adapter makes of odd folders."""

import pytest

from faults.imap_sessions import CREDENTIAL, reading
from mailcrm.adapters.imap import open_imap
from mailcrm.errors import (
    FolderMissingError,
    ServerRefusedError,
)
from mailcrm.settings import Settings
from servers.mailboxes import make_mailbox
from servers.scripted_imap import Answers, run_scripted_imap


def test_list_odd_names_harm_only_themselves() -> None:
    lines = (
        b'* LIST () "/" inbox\r\n* LIST () NIL "a b"\r\n* LIST (\\Noselect) "/" 12\r\n'
        b'* LIST () "/" {5}\r\nx"y\\z\r\n* LIST () "/" "bad&zzz"\r\n* LIST () "/" "&AA"\r\n'
        b'* LIST () "/" caf\xe9\r\n* LIST (\\SENT) "/" "&ZeVnLIqe-"\r\n* LIST () "/" NIL\r\n'
        b'* LIST garbage\r\n* LIST () "/" ""\r\n* LIST () "/" ' + b"n" * 5000 + b"\r\n"
        b'* LIST () "/" "Inbox"\r\n%T OK done\r\n'
    )
    with (
        run_scripted_imap({"LIST": lines}) as server,
        open_imap(make_mailbox(imap_port=server.port), CREDENTIAL, Settings()) as reader,
    ):
        entries = {entry.name: entry for entry in reader.list_folders()}
        assert list(entries) == [
            "INBOX",
            "a b",
            "12",
            'x"y\\z',
            "bad&zzz",
            "&AA",
            "caf\\xe9",
            "日本語",
            "NIL",
        ]
        assert not entries["12"].selectable
        assert entries["日本語"].attributes == {"\\sent"}
        for name in entries:
            reader.examine(name)
    sent = [line.split(" ", 2)[2] for line in server.lines if " EXAMINE " in line]
    assert sent[3:] == ['"x\\"y\\\\z"', '"bad&zzz"', '"&AA"', '"caf\xe9"', '"&ZeVnLIqe-"', '"NIL"']


def test_examine_undecodable_name_in_a_new_session_finds_its_bytes() -> None:
    def answer(line: str) -> bytes:
        ok = line.endswith('"bad&zzz"')
        return b"* 3 EXISTS\r\n%T OK done\r\n" if ok else b"%T NO no such folder\r\n"

    answers: Answers = {"LIST": b'* LIST () "/" "bad&zzz"\r\n%T OK done\r\n', "EXAMINE": answer}
    with (
        run_scripted_imap(answers) as server,
        open_imap(make_mailbox(imap_port=server.port), CREDENTIAL, Settings()) as reader,
    ):
        assert reader.examine("bad&zzz").exists == 3
        with pytest.raises(FolderMissingError):
            reader.examine("other")


@pytest.mark.parametrize(
    ("codes", "expected"),
    [
        (b"", (None, None)),
        (b"* OK [UIDVALIDITY 0] x\r\n* OK [UIDNEXT 4294967295] x\r\n", (0, 4294967295)),
        (b"* OK [UIDVALIDITY 4294967296] x\r\n* OK [UIDNEXT abc] x\r\n", (None, None)),
    ],
)
def test_examine_odd_or_missing_codes_are_unknown(
    codes: bytes, expected: tuple[int | None, int | None]
) -> None:
    answers = {"EXAMINE": codes + b"* 5 EXISTS\r\n%T OK done\r\n"}
    with (
        run_scripted_imap(answers) as server,
        open_imap(make_mailbox(imap_port=server.port), CREDENTIAL, Settings()) as reader,
    ):
        status = reader.examine("INBOX")
    assert (status.uidvalidity, status.uidnext) == expected
    assert status.exists == 5


def test_examine_listed_but_refused_folder_raises_refused() -> None:
    answers = {"EXAMINE": b"%T NO [NOPERM] not yours\r\n"}
    with (
        run_scripted_imap(answers) as server,
        open_imap(make_mailbox(imap_port=server.port), CREDENTIAL, Settings()) as reader,
        pytest.raises(ServerRefusedError, match="not yours"),
    ):
        reader.examine("INBOX")


def test_id_is_sent_after_login_where_advertised() -> None:
    answers: Answers = {
        "CAPABILITY": b"* CAPABILITY IMAP4rev1 ID\r\n%T OK done\r\n",
        "ID": b"* ID NIL\r\n%T OK done\r\n",
    }
    with run_scripted_imap(answers) as server, reading(server):
        assert server.verbs()[-3:] == ["CAPABILITY", "ID", "EXAMINE"]
        assert '("name" "mailcrm" "version" ' in server.lines[-2]


def test_unsafe_login_is_answered_with_id_and_one_more_try() -> None:
    unsafe = b"%T NO EXAMINE Unsafe Login. Please contact kefu@188.com for help\r\n"
    answers: Answers = {
        "EXAMINE": [unsafe, b"* 2 EXISTS\r\n%T OK done\r\n"],
        "ID": b"* ID NIL\r\n%T OK done\r\n",
    }
    with run_scripted_imap(answers) as server, reading(server):
        assert server.verbs()[-3:] == ["EXAMINE", "ID", "EXAMINE"]
