"""What the IMAP adapter sends, and does not send, when it logs in."""

import pytest

from faults.imap_sessions import try_login
from mailcrm.errors import (
    ImapCredentialError,
    MailcrmError,
    ServerUnreachableError,
    ThrottledError,
    UnsafeConnectionError,
)
from mailcrm.records import (
    AuthKind,
    Credential,
)
from servers.scripted_imap import Answers, run_scripted_imap


def test_login_refused_is_tried_once_and_hides_the_secret() -> None:
    refusal = b"%T NO [AUTHENTICATIONFAILED] wrong: s3cret-Pass\r\n"
    with (
        run_scripted_imap({"LOGIN": refusal}) as server,
        pytest.raises(ImapCredentialError) as caught,
    ):
        try_login(server)
    assert server.verbs().count("LOGIN") == 1
    assert server.connections == 1
    assert "s3cret" not in repr(caught.value) + str(caught.value) + str(caught.value.fields)
    assert caught.value.__cause__ is None
    assert caught.value.fields["code"] == "AUTHENTICATIONFAILED"


def test_login_refused_for_now_raises_throttled() -> None:
    with (
        run_scripted_imap({"LOGIN": b"%T NO [UNAVAILABLE] later\r\n"}) as server,
        pytest.raises(ThrottledError),
    ):
        try_login(server)


def test_login_quotes_name_and_password() -> None:
    with run_scripted_imap() as server:
        try_login(server, Credential('a "b', 'p\\"w x'))
    login = next(line for line in server.lines if " LOGIN " in line)
    assert login.split(" ", 2)[2] == '"a \\"b" "p\\\\\\"w x"'


@pytest.mark.row("R132")
@pytest.mark.parametrize("credential", [Credential("a\r\nX", "p"), Credential("a", "p\0q")])
def test_login_with_a_line_end_inside_is_never_sent(credential: Credential) -> None:
    with run_scripted_imap() as server, pytest.raises(ImapCredentialError):
        try_login(server, credential)
    assert "LOGIN" not in server.verbs()


def test_login_with_other_letters_uses_authenticate_plain() -> None:
    answers: Answers = {
        "CAPABILITY": b"* CAPABILITY IMAP4rev1 AUTH=PLAIN\r\n%T OK done\r\n",
        "AUTHENTICATE": b"+ \r\n",
        "": b"A OK\r\n",
    }
    sent: list[str] = []

    def finish(line: str) -> bytes:
        sent.append(line)
        tag = next(text.split(" ")[0] for text in server.lines if "AUTHENTICATE" in text)
        return tag.encode() + b" OK done\r\n"

    answers[""] = finish
    with run_scripted_imap(answers) as server:
        try_login(server, Credential("ann", "pässword"))
    assert "LOGIN" not in server.verbs()
    assert sent == ["AGFubgBww6Rzc3dvcmQ="]


def test_authenticate_refused_before_the_challenge_sends_no_secret() -> None:
    answers: Answers = {
        "CAPABILITY": b"* CAPABILITY IMAP4rev1 AUTH=PLAIN LOGINDISABLED\r\n%T OK done\r\n",
        "AUTHENTICATE": b"%T BAD no\r\n",
    }
    with run_scripted_imap(answers) as server, pytest.raises(MailcrmError):
        try_login(server)
    assert server.verbs().count("AUTHENTICATE") == 1
    assert not any("c2VjcmV0" in line or "s3cret" in line for line in server.lines)


def test_logindisabled_without_plain_sends_nothing() -> None:
    capabilities = b"* CAPABILITY IMAP4rev1 LOGINDISABLED\r\n%T OK done\r\n"
    with run_scripted_imap({"CAPABILITY": capabilities}) as server, pytest.raises(MailcrmError):
        try_login(server)
    assert set(server.verbs()) <= {"CAPABILITY", "LOGOUT"}


def test_xoauth2_answers_the_error_challenge_with_nothing() -> None:
    answers: Answers = {"AUTHENTICATE": b"+ \r\n"}
    replies = iter([b"+ eyJzdGF0dXMiOiI0MDEifQ==\r\n", b"%T NO invalid token\r\n"])
    sent: list[str] = []

    def reply(line: str) -> bytes:
        sent.append(line)
        tag = next(text.split(" ")[0] for text in server.lines if "AUTHENTICATE" in text)
        return next(replies).replace(b"%T", tag.encode())

    answers[""] = reply
    with run_scripted_imap(answers) as server, pytest.raises(ImapCredentialError):
        try_login(server, auth=AuthKind.XOAUTH2)
    assert len(sent) == 2
    assert sent[1] == ""


@pytest.mark.parametrize(
    ("greeting", "symptom"),
    [
        (b"220 smtp.example ESMTP\r\n", "smtp_server"),
        (b"HTTP/1.1 302 Found\r\n\r\n", "http_server"),
        (b"+OK POP3 ready\r\n", "pop3_server"),
        (b"SSH-2.0-OpenSSH_9\r\n", "ssh_server"),
        (b"* PREAUTH welcome\r\n", "preauth"),
        (b"what\r\n", "protocol"),
    ],
)
def test_greeting_of_something_else_is_unsafe(greeting: bytes, symptom: str) -> None:
    with (
        run_scripted_imap(greeting=greeting) as server,
        pytest.raises(UnsafeConnectionError) as caught,
    ):
        try_login(server)
    assert caught.value.fields["symptom"] == symptom
    assert not any("s3cret" in line for line in server.lines)


def test_greeting_bye_gives_its_words() -> None:
    with (
        run_scripted_imap(greeting=b"* BYE Too many connections\r\n") as server,
        pytest.raises(ThrottledError, match="Too many connections"),
    ):
        try_login(server)


def test_greeting_that_never_comes_is_unreachable() -> None:
    with run_scripted_imap(greeting=b"") as server, pytest.raises(ServerUnreachableError) as caught:
        try_login(server)
    assert caught.value.fields["symptom"] == "silent"
