"""Line ends in anything that a person or a server names add no command, over IMAP or SMTP."""

import contextlib
import dataclasses
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mailcrm.adapters.imap import open_imap
from mailcrm.adapters.imap.words import check_command
from mailcrm.adapters.smtp_probe import probe_smtp
from mailcrm.adapters.smtp_send import send_message
from mailcrm.errors import MailcrmError, SettingsError
from mailcrm.records import Credential, Direction
from mailcrm.settings import Settings
from servers.dialogues import GREETINGS, dialogue_of
from servers.mailboxes import make_mailbox
from servers.scripted import ScriptedServer, run_scripted
from servers.scripted_imap import ScriptedImap, run_scripted_imap

LIMITS = Settings(connect_timeout_s=5, greeting_timeout_s=5, command_timeout_s=5)
RIGHT = Credential("ann", "secret")
# Text as people type it, with what begins another command more often than chance would have it.
NASTY = st.sampled_from(
    ["\r\n", "\n", "\r", "\0", "A1 DELETE x", "RCPT TO:<x@y.z>", '"', "\\", ">"]
)
TEXT = st.lists(NASTY | st.text(max_size=6), min_size=1, max_size=4).map("".join)
MANY = settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.fixture(scope="module")
def imap() -> Iterator[ScriptedImap]:
    with run_scripted_imap() as server:
        yield server


@contextlib.contextmanager
def _smtp() -> Iterator[ScriptedServer]:
    with run_scripted(GREETINGS[Direction.SMTP], dialogue_of(Direction.SMTP)) as server:
        yield server


@pytest.mark.row("R132")
@MANY
@given(name=TEXT)
def test_imap_folder_of_any_name_is_one_command_or_none(imap: ScriptedImap, name: str) -> None:
    with open_imap(make_mailbox(imap_port=imap.port), RIGHT, LIMITS) as reader:
        before = len(imap.lines)
        with contextlib.suppress(MailcrmError):
            reader.examine(name)
        sent = imap.lines[before:]
    assert [line.split(" ")[1] for line in sent] in ([], ["EXAMINE"], ["EXAMINE", "LOGOUT"])


@pytest.mark.row("R132")
@MANY
@given(username=TEXT, password=TEXT)
def test_imap_login_of_any_text_is_one_command_or_none(
    imap: ScriptedImap, username: str, password: str
) -> None:
    before = len(imap.lines)
    with (
        contextlib.suppress(MailcrmError),
        open_imap(make_mailbox(imap_port=imap.port), Credential(username, password), LIMITS),
    ):
        pass
    verbs = [line.split(" ")[1] for line in imap.lines[before:]]
    assert set(verbs) <= {"CAPABILITY", "LOGIN", "LOGOUT"}
    assert verbs.count("LOGIN") <= 1


@pytest.mark.row("R132")
@given(value=st.binary(max_size=30), end=st.sampled_from([b"\r", b"\n", b"\0", b"\r\nA1 DELETE x"]))
def test_imap_argument_with_a_line_end_is_refused_wherever_it_stands(
    value: bytes, end: bytes
) -> None:
    for arguments in ((value + end,), (end + value,), (b"1", value + end + value)):
        with pytest.raises(SettingsError):
            check_command("EXAMINE", arguments)


@pytest.mark.row("R133")
@MANY
@given(local=TEXT, name=TEXT)
def test_smtp_address_of_any_text_adds_no_command(local: str, name: str) -> None:
    with _smtp() as server:
        mailbox = make_mailbox(smtp_port=server.port, address=f"{local}@acme.example")
        mailbox = dataclasses.replace(mailbox, display_name=name)
        probe_smtp(mailbox, RIGHT, LIMITS)
    verbs = [line.split(" ")[0] for line in server.lines]
    assert verbs in (["EHLO", "AUTH", "MAIL", "RSET", "QUIT"], ["EHLO", "AUTH", "QUIT"])


@pytest.mark.row("R133")
@MANY
@given(recipient=TEXT)
def test_smtp_recipient_of_any_text_is_one_recipient_or_none(recipient: str) -> None:
    with _smtp() as server:
        mailbox = make_mailbox(smtp_port=server.port)
        send_message(mailbox, RIGHT, LIMITS, b"Subject: x\r\n\r\nx\r\n", f"{recipient}@a.example")
    assert max(server.count(verb) for verb in ("RCPT", "MAIL", "DATA")) <= 1
