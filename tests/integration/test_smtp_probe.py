"""Verifying sending against real and scripted SMTP servers."""

import base64

import pytest

from mailcrm.adapters.smtp_probe import probe_smtp
from mailcrm.records import (
    AuthKind,
    Credential,
    Encryption,
    Mailbox,
    TlsPolicy,
    VerifyResult,
    VerifyState,
)
from mailcrm.settings import Settings
from servers.certificates import TestAuthority
from servers.mail_devel import MailDevelServer
from servers.mailboxes import make_mailbox
from servers.ports import free_port
from servers.scripted import Answer, ScriptedServer, run_scripted
from servers.smtp_sink import SmtpSink, run_smtp_sink

QUICK = Settings(connect_timeout_s=5, greeting_timeout_s=0.5, verify_timeout_s=20)
NORMAL = Settings(connect_timeout_s=20, greeting_timeout_s=30, verify_timeout_s=60)
ADDRESS = "sales@acme.example"


def _mailbox(port: int, encryption: Encryption, **more: object) -> Mailbox:
    return make_mailbox(smtp_port=port, smtp_encryption=encryption, **more)  # type: ignore[arg-type]


def _credential(sink: SmtpSink) -> Credential:
    return Credential(sink.username, sink.password)


def _trust(authority: TestAuthority) -> TlsPolicy:
    return TlsPolicy(ca_file=authority.ca_file)


def _where(result: VerifyResult) -> tuple[VerifyState, str]:
    return result.state, result.stage


def test_probe_smtp_plain_loopback_is_ok_and_sends_nothing(smtp_sink: SmtpSink) -> None:
    mailbox = _mailbox(smtp_sink.port, Encryption.NONE)
    result = probe_smtp(mailbox, _credential(smtp_sink), NORMAL)
    assert _where(result) == (VerifyState.OK, "identity")
    assert smtp_sink.logins == ["PLAIN"]
    assert not {"RCPT", "DATA"} & set(smtp_sink.verbs)
    assert smtp_sink.messages == []


def test_probe_smtp_second_server_is_ok(mail_devel: MailDevelServer) -> None:
    credential = Credential(ADDRESS, mail_devel.password)
    result = probe_smtp(_mailbox(mail_devel.smtp_port, Encryption.NONE), credential, NORMAL)
    assert _where(result) == (VerifyState.OK, "identity"), result


def test_probe_smtp_second_server_wrong_password_is_refused(mail_devel: MailDevelServer) -> None:
    mailbox = _mailbox(mail_devel.smtp_port, Encryption.NONE)
    result = probe_smtp(mailbox, Credential(ADDRESS, "wrong"), NORMAL)
    assert _where(result) == (VerifyState.REFUSED, "authenticate"), result


def test_probe_smtp_implicit_tls_is_ok(smtp_sink_tls: SmtpSink, authority: TestAuthority) -> None:
    mailbox = _mailbox(smtp_sink_tls.port, Encryption.TLS, tls=_trust(authority))
    result = probe_smtp(mailbox, _credential(smtp_sink_tls), NORMAL)
    assert _where(result) == (VerifyState.OK, "identity")


def test_probe_smtp_starttls_is_ok(smtp_sink_starttls: SmtpSink, authority: TestAuthority) -> None:
    mailbox = _mailbox(smtp_sink_starttls.port, Encryption.STARTTLS, tls=_trust(authority))
    result = probe_smtp(mailbox, _credential(smtp_sink_starttls), NORMAL)
    assert _where(result) == (VerifyState.OK, "identity")
    assert smtp_sink_starttls.verbs.count("EHLO") == 2


def test_probe_smtp_only_login_offered_is_ok() -> None:
    with run_smtp_sink(mechanisms=("LOGIN",)) as sink:
        result = probe_smtp(_mailbox(sink.port, Encryption.NONE), _credential(sink), NORMAL)
    assert result.state is VerifyState.OK
    assert sink.logins == ["LOGIN"]


@pytest.mark.row("R154")
@pytest.mark.parametrize(
    "password", ["pässwörd é 密码", 'a"b\\c{3}', " lead and trail ", "x" * 200]
)
def test_probe_smtp_odd_password_is_sent_exactly(password: str) -> None:
    with run_smtp_sink(password=password) as sink:
        result = probe_smtp(_mailbox(sink.port, Encryption.NONE), _credential(sink), NORMAL)
    assert result.state is VerifyState.OK


@pytest.mark.row("R154")
def test_probe_smtp_non_ascii_password_where_only_login_is_offered_is_not_tried() -> None:
    with run_smtp_sink(mechanisms=("LOGIN",), password="pässwörd") as sink:
        result = probe_smtp(_mailbox(sink.port, Encryption.NONE), _credential(sink), NORMAL)
    assert _where(result) == (VerifyState.MISCONFIGURED, "authenticate")
    assert sink.logins == []


def test_probe_smtp_wrong_password_is_refused_after_one_attempt(smtp_sink: SmtpSink) -> None:
    mailbox = _mailbox(smtp_sink.port, Encryption.NONE)
    result = probe_smtp(mailbox, Credential(ADDRESS, "wrong"), NORMAL)
    assert _where(result) == (VerifyState.REFUSED, "authenticate")
    assert result.code == "535 5.7.8"
    assert result.server_text == "5.7.8 Authentication credentials invalid"
    assert result.retry_after_s is None
    assert "mailbox_sales_smtp" in (result.advice or "")
    assert smtp_sink.logins == ["PLAIN"]


def test_probe_smtp_app_password_needed_says_so(smtp_sink: SmtpSink) -> None:
    smtp_sink.replies["AUTH"] = "534 5.7.9 Application-specific password required. - gsmtp"
    mailbox = _mailbox(smtp_sink.port, Encryption.NONE)
    result = probe_smtp(mailbox, _credential(smtp_sink), NORMAL)
    assert _where(result) == (VerifyState.REFUSED, "authenticate")
    assert "app password" in (result.advice or "")


def test_probe_smtp_sender_refused_blames_the_address_not_the_login(smtp_sink: SmtpSink) -> None:
    smtp_sink.replies["MAIL"] = f"553 5.7.1 <{ADDRESS}>: Sender address rejected: not owned by user"
    mailbox = _mailbox(smtp_sink.port, Encryption.NONE)
    result = probe_smtp(mailbox, _credential(smtp_sink), NORMAL)
    assert _where(result) == (VerifyState.REFUSED, "identity")
    assert "may not send as this address" in (result.advice or "")


def test_probe_smtp_transient_sender_refusal_is_tried_again(smtp_sink: SmtpSink) -> None:
    smtp_sink.replies["MAIL"] = "451 4.3.0 Temporary local problem - please try later"
    result = probe_smtp(_mailbox(smtp_sink.port, Encryption.NONE), _credential(smtp_sink), NORMAL)
    assert _where(result) == (VerifyState.UNREACHABLE, "identity")
    assert result.retry_after_s is not None


def test_probe_smtp_closed_port_is_unreachable() -> None:
    result = probe_smtp(_mailbox(free_port(), Encryption.TLS), Credential("u", "p"), NORMAL)
    assert _where(result) == (VerifyState.UNREACHABLE, "connect")
    assert "Nothing listens" in (result.advice or "")


def test_probe_smtp_unknown_host_is_a_wrong_field() -> None:
    mailbox = _mailbox(25, Encryption.TLS, host="smtp.acme.invalid")
    result = probe_smtp(mailbox, Credential("u", "p"), NORMAL)
    assert result.stage == "resolve"
    assert result.state in (VerifyState.MISCONFIGURED, VerifyState.UNREACHABLE)  # by the resolver
    assert "smtp.host" in (result.advice or "")


def test_probe_smtp_no_encryption_off_loopback_never_connects() -> None:
    mailbox = _mailbox(25, Encryption.NONE, host="smtp.acme.example")
    result = probe_smtp(mailbox, Credential("u", "p"), NORMAL)
    assert _where(result) == (VerifyState.MISCONFIGURED, "resolve")


def test_probe_smtp_tls_on_a_plain_port_says_starttls(smtp_sink: SmtpSink) -> None:
    result = probe_smtp(_mailbox(smtp_sink.port, Encryption.TLS), _credential(smtp_sink), NORMAL)
    assert _where(result) == (VerifyState.MISCONFIGURED, "tls")
    assert "speaks plain text first" in (result.advice or "")
    assert smtp_sink.logins == []


@pytest.mark.parametrize("encryption", [Encryption.STARTTLS, Encryption.NONE])
def test_probe_smtp_plain_on_a_tls_port_says_tls(
    smtp_sink_tls: SmtpSink, encryption: Encryption
) -> None:
    mailbox = _mailbox(smtp_sink_tls.port, encryption)
    result = probe_smtp(mailbox, _credential(smtp_sink_tls), QUICK)
    assert _where(result) == (VerifyState.UNREACHABLE, "greeting")
    assert "set smtp.encryption to tls" in (result.advice or "")


def test_probe_smtp_starttls_not_offered_never_falls_back(smtp_sink: SmtpSink) -> None:
    mailbox = _mailbox(smtp_sink.port, Encryption.STARTTLS)
    result = probe_smtp(mailbox, _credential(smtp_sink), NORMAL)
    assert _where(result) == (VerifyState.MISCONFIGURED, "tls")
    assert "does not offer STARTTLS" in (result.advice or "")
    assert smtp_sink.logins == []


# --- servers that say what real ones never do ----------------------------------------------------


def _dialogue(**replies: bytes | None) -> Answer:
    usual: dict[str, bytes | None] = {
        "EHLO": b"250-x\r\n250-STARTTLS\r\n250 AUTH PLAIN LOGIN XOAUTH2\r\n",
        "AUTH": b"235 2.7.0 ok\r\n",
        "MAIL": b"250 ok\r\n",
        "RSET": b"250 ok\r\n",
        "QUIT": None,
        **replies,
    }
    return lambda verb, rest: usual.get(verb, b"500 what?\r\n")


def _probe_scripted(
    greeting: bytes | None,
    answer: Answer,
    encryption: Encryption = Encryption.NONE,
    auth: AuthKind = AuthKind.PASSWORD,
    settings: Settings = NORMAL,
) -> tuple[VerifyResult, ScriptedServer]:
    with run_scripted(greeting, answer) as server:
        mailbox = _mailbox(server.port, encryption, auth=auth)
        return probe_smtp(mailbox, Credential("user", "c4nary"), settings), server


@pytest.mark.parametrize(
    "reply",
    [
        b"220 go ahead\r\n250 injected\r\n",
        b"220 go ahead\r\n235 ok\r\n",
        b"220 go ahead\r\n\r\n",
    ],
)
def test_probe_smtp_bytes_after_starttls_abort(reply: bytes) -> None:
    result, server = _probe_scripted(b"220 hi\r\n", _dialogue(STARTTLS=reply), Encryption.STARTTLS)
    assert _where(result) == (VerifyState.MISCONFIGURED, "tls")
    assert "tampering" in (result.advice or "")
    assert server.count("AUTH") == 0


def test_probe_smtp_reply_before_starttls_was_asked_aborts() -> None:
    ehlo = b"250-x\r\n250 STARTTLS\r\n220 go ahead\r\n"
    result, server = _probe_scripted(b"220 hi\r\n", _dialogue(EHLO=ehlo), Encryption.STARTTLS)
    assert result.state is VerifyState.MISCONFIGURED
    assert server.count("STARTTLS") == 0
    assert server.count("AUTH") == 0


@pytest.mark.parametrize(
    ("greeting", "advice"),
    [
        (b"HTTP/1.1 302 Found\r\n", "web server"),
        (b"SSH-2.0-OpenSSH_9\r\n", "SSH server"),
        (b"+OK POP3 ready\r\n", "POP3 server"),
        (b"* OK IMAP4rev1\r\n", "IMAP server"),
        (b"hello there\r\n", "does not speak SMTP"),
        (b"\x15\x03\x01\x00\x02\x02\x50" * 4000, "does not speak SMTP"),
    ],
)
def test_probe_smtp_other_protocol_is_named(greeting: bytes, advice: str) -> None:
    result, server = _probe_scripted(greeting, _dialogue())
    assert _where(result) == (VerifyState.MISCONFIGURED, "greeting")
    assert advice in (result.advice or "")
    assert result.server_text is None
    assert server.lines == []


@pytest.mark.parametrize("greeting", [b"421 4.3.2 too busy\r\n", b"", b"220-never ends"])
def test_probe_smtp_greeting_that_may_heal_is_unreachable(greeting: bytes) -> None:
    result, _ = _probe_scripted(greeting, _dialogue(), settings=QUICK)
    assert _where(result) == (VerifyState.UNREACHABLE, "greeting")
    assert result.retry_after_s is not None


def test_probe_smtp_554_greeting_is_policy() -> None:
    result, _ = _probe_scripted(b"554 5.7.1 not you\r\n", _dialogue())
    assert _where(result) == (VerifyState.REFUSED, "greeting")
    assert result.code == "554 5.7.1"


@pytest.mark.parametrize(
    ("ehlo", "advice"),
    [
        (b"250 x\r\n", "offers no login that fits"),
        (b"250-x\r\n250 AUTH XOAUTH2 OAUTHBEARER\r\n", "only OAuth tokens"),
        (b"250-x\r\n250 AUTH CRAM-MD5\r\n", "offers no login that fits"),
    ],
)
def test_probe_smtp_no_fitting_mechanism_sends_no_password(ehlo: bytes, advice: str) -> None:
    result, server = _probe_scripted(b"220 hi\r\n", _dialogue(EHLO=ehlo))
    assert _where(result) == (VerifyState.MISCONFIGURED, "authenticate")
    assert advice in (result.advice or "")
    assert server.count("AUTH") == 0


def test_probe_smtp_old_auth_line_with_equals_sign_is_understood() -> None:
    ehlo = b"250-x\r\n250 AUTH=LOGIN PLAIN\r\n"
    result, _ = _probe_scripted(b"220 hi\r\n", _dialogue(EHLO=ehlo))
    assert result.state is VerifyState.OK


def test_probe_smtp_token_refused_reads_the_challenge_and_answers_it_empty() -> None:
    challenge = base64.b64encode(b'{"status":"400","schemes":"Bearer"}')

    def answer(verb: str, rest: str) -> bytes | None:
        if verb == "AUTH":
            return b"334 " + challenge + b"\r\n"
        if verb == "":
            return b"535 5.7.8 bad token\r\n"
        return _dialogue()(verb, rest)

    result, server = _probe_scripted(b"220 hi\r\n", answer, auth=AuthKind.XOAUTH2)
    assert _where(result) == (VerifyState.REFUSED, "authenticate")
    assert "status=400" in (result.server_text or "")
    assert server.lines.count("") == 1
    assert server.count("AUTH") == 1


def test_probe_smtp_drip_feeding_server_meets_the_deadline() -> None:
    endless = b"220-" + b"x" * 70 + b"\r\n"
    result, _ = _probe_scripted(endless * 500, _dialogue(), settings=QUICK)
    assert result.stage == "greeting"
    assert result.state is not VerifyState.OK


@pytest.mark.row("R133")
def test_probe_smtp_line_end_in_address_adds_no_command() -> None:
    with run_scripted(b"220 hi\r\n", _dialogue()) as server:
        mailbox = _mailbox(server.port, Encryption.NONE, address="a@b.example>\r\nRCPT TO:<x@y.z")
        result = probe_smtp(mailbox, Credential("user", "c4nary"), NORMAL)
    assert _where(result) == (VerifyState.MISCONFIGURED, "identity")
    assert server.count("RCPT") == server.count("MAIL") == 0


def test_probe_smtp_hostile_text_is_shown_on_one_escaped_line() -> None:
    words = b"535 5.7.8 <b>call\x1b[31m +1</b> \xe2\x80\xae " + b"y" * 9000 + b"\r\n"
    result, _ = _probe_scripted(b"220 hi\r\n", _dialogue(AUTH=words))
    assert result.server_text is not None
    assert len(result.server_text) <= 200
    assert result.server_text.isprintable()
