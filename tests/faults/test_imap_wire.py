"""What the IMAP adapter makes of floods, drips, cuts, and of its own mistakes."""

import pytest

from faults.imap_sessions import ALL, CAP, body, reading
from mailcrm.errors import (
    MailcrmError,
    ServerUnreachableError,
    SettingsError,
)
from mailcrm.settings import Settings
from servers.scripted_imap import HANG_UP, Drip, run_scripted_imap


@pytest.mark.parametrize("piece", [b"* OK still here\r\n", b"x"])
def test_drip_meets_the_commands_deadline(piece: bytes) -> None:
    answers = {"UID SEARCH": Drip(piece, 0.02)}
    settings = Settings(command_timeout_s=0.3)
    with run_scripted_imap(answers) as server, reading(server, settings) as reader:
        with pytest.raises(ServerUnreachableError) as caught:
            reader.search_uids(ALL)
        assert caught.value.fields["symptom"] == "timeout"


def test_silence_after_many_bytes_meets_the_deadline_all_the_same() -> None:
    answers = {"UID SEARCH": (b"* OK " + b"x" * 1000 + b"\r\n") * 5000}
    settings = Settings(command_timeout_s=0.3)
    with (
        run_scripted_imap(answers) as server,
        reading(server, settings) as reader,
        pytest.raises(ServerUnreachableError),
    ):
        reader.search_uids(ALL)


def test_flood_meets_the_commands_budget() -> None:
    answers = {"UID SEARCH": (b"* OK " + b"x" * 1000 + b"\r\n") * 80_000}
    with (
        run_scripted_imap(answers) as server,
        reading(server) as reader,
        pytest.raises(ServerUnreachableError, match="more than"),
    ):
        reader.search_uids(ALL)


def test_connection_cut_anywhere_in_an_answer_gives_unreachable() -> None:
    whole = body(1, 1) + body(2, 2)
    for cut in range(len(whole)):
        answers = {"UID FETCH": whole[:cut] + HANG_UP}
        with (
            run_scripted_imap(answers) as server,
            reading(server) as reader,
            pytest.raises(ServerUnreachableError),
        ):
            reader.fetch_messages([1, 2], CAP)


def test_bye_in_an_answer_gives_its_words() -> None:
    answers = {"UID SEARCH": b"* BYE Session expired\r\n"}
    with (
        run_scripted_imap(answers) as server,
        reading(server) as reader,
        pytest.raises(MailcrmError, match="Session expired"),
    ):
        reader.search_uids(ALL)


def test_ok_without_text_is_an_ok() -> None:
    answers = {
        "CAPABILITY": b"* CAPABILITY IMAP4rev1\r\n%T OK\r\n",
        "LOGIN": b"%T OK\r\n",
        "EXAMINE": b"* 1 EXISTS\r\n%T OK\r\n",
        "UID SEARCH": b"* SEARCH 4\r\n%T OK\r\n",
    }
    with run_scripted_imap(answers) as server, reading(server) as reader:
        assert list(reader.search_uids(ALL)) == [4]


def test_writing_commands_are_refused_before_they_are_sent() -> None:
    with run_scripted_imap() as server, reading(server) as reader:
        sent = len(server.lines)
        for verb, args in [
            ("SELECT", (b"INBOX",)),
            ("UID", (b"STORE", b"1", b"+FLAGS", b"(x)")),
            ("EXPUNGE", ()),
            ("UID", (b"FETCH", b"1", b"(BODY[])")),
            ("UID", (b"FETCH", b"1", b"(RFC822)")),
            ("LIST", (b'""', b'"a\r\nX LOGOUT"')),
        ]:
            with pytest.raises(SettingsError):
                reader._imap.execute(verb, *args)
        assert len(server.lines) == sent
