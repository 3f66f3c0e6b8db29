"""Verifying reading against real and scripted servers."""

import pytest

from mailcrm.adapters.imap_probe import probe_imap
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
from servers.dovecot import DovecotUser
from servers.imap_user import ImapUser
from servers.mail_devel import MailDevelServer
from servers.mailboxes import make_mailbox
from servers.ports import free_port
from servers.scripted import Answer, ScriptedServer, run_scripted

QUICK = Settings(connect_timeout_s=5, greeting_timeout_s=0.5, verify_timeout_s=20)
NORMAL = Settings(connect_timeout_s=20, greeting_timeout_s=30, verify_timeout_s=60)
CAPABILITIES = b"CAPABILITY IMAP4rev1 AUTH=PLAIN STARTTLS"


def _mailbox(user: ImapUser, encryption: Encryption, *folders: str) -> Mailbox:
    tls = encryption is Encryption.TLS
    return make_mailbox(
        imap_port=user.server.imaps_port if tls else user.server.imap_port,
        imap_encryption=encryption,
        folders=folders or ("INBOX",),
        tls=TlsPolicy(ca_file=user.server.ca_file),
    )


def _credential(user: ImapUser) -> Credential:
    return Credential(user.name, user.server.password)


def _where(result: VerifyResult) -> tuple[VerifyState, str]:
    return result.state, result.stage


@pytest.mark.parametrize("encryption", Encryption)
def test_probe_imap_in_each_mode_is_ok(imap_user: ImapUser, encryption: Encryption) -> None:
    mailbox = _mailbox(imap_user, encryption, "INBOX", "\\Sent", imap_user.folder("Drafts"))
    result = probe_imap(mailbox, _credential(imap_user), NORMAL)
    assert _where(result) == (VerifyState.OK, "folders")
    assert result.advice is None


def test_probe_imap_leaves_the_mailbox_as_it_was(imap_user: ImapUser) -> None:
    before = imap_user.flags()
    mailbox = _mailbox(imap_user, Encryption.TLS, "INBOX", "\\Sent")
    assert probe_imap(mailbox, _credential(imap_user), NORMAL).state is VerifyState.OK
    assert imap_user.flags() == before


def test_probe_imap_wrong_password_is_refused_and_never_retried(imap_user: ImapUser) -> None:
    mailbox = _mailbox(imap_user, Encryption.TLS)
    result = probe_imap(mailbox, Credential(imap_user.name, "wrong"), NORMAL)
    assert _where(result) == (VerifyState.REFUSED, "authenticate")
    gives_a_code = isinstance(imap_user, DovecotUser)
    assert result.code == ("AUTHENTICATIONFAILED" if gives_a_code else "NO")
    assert result.retry_after_s is None
    assert "mailbox_sales_imap" in (result.advice or "")


@pytest.mark.parametrize("folder", ["Nowhere", "\\Archive", "Nö/Whére"])
def test_probe_imap_missing_folder_is_named(imap_user: ImapUser, folder: str) -> None:
    mailbox = _mailbox(imap_user, Encryption.TLS, "INBOX", folder)
    result = probe_imap(mailbox, _credential(imap_user), NORMAL)
    assert _where(result) == (VerifyState.MISCONFIGURED, "folders")
    assert folder.replace("\\", "\\\\") in (result.advice or "")


@pytest.mark.parametrize("encryption", [Encryption.TLS, Encryption.STARTTLS])
def test_probe_imap_unknown_authority_stops_before_the_login(
    imap_user: ImapUser, encryption: Encryption
) -> None:
    mailbox = make_mailbox(
        imap_port=_mailbox(imap_user, encryption).imap.port, imap_encryption=encryption
    )
    result = probe_imap(mailbox, _credential(imap_user), NORMAL)
    assert _where(result) == (VerifyState.MISCONFIGURED, "tls")
    assert "tls.ca_file" in (result.advice or "")


def test_probe_imap_tls_on_the_plain_port_says_starttls(imap_user: ImapUser) -> None:
    mailbox = make_mailbox(imap_port=imap_user.server.imap_port, imap_encryption=Encryption.TLS)
    result = probe_imap(mailbox, _credential(imap_user), NORMAL)
    assert _where(result) == (VerifyState.MISCONFIGURED, "tls")
    advice = "set imap.encryption to starttls where the server offers it, else to none"
    assert advice in (result.advice or "")


@pytest.mark.parametrize("encryption", [Encryption.STARTTLS, Encryption.NONE])
def test_probe_imap_plain_on_the_tls_port_says_tls(
    imap_user: ImapUser, encryption: Encryption
) -> None:
    mailbox = make_mailbox(imap_port=imap_user.server.imaps_port, imap_encryption=encryption)
    result = probe_imap(mailbox, _credential(imap_user), QUICK)
    assert _where(result) == (VerifyState.UNREACHABLE, "greeting")
    assert "set imap.encryption to tls" in (result.advice or "")


def test_probe_imap_mail_devel_is_ok(mail_devel: MailDevelServer) -> None:
    mailbox = make_mailbox(imap_port=mail_devel.imap_port)
    credential = Credential("jane@acme.example", mail_devel.password)
    result = probe_imap(mailbox, credential, NORMAL)
    assert _where(result) == (VerifyState.OK, "folders"), result


def test_probe_imap_closed_port_is_unreachable() -> None:
    mailbox = make_mailbox(imap_port=free_port(), imap_encryption=Encryption.TLS)
    result = probe_imap(mailbox, Credential("u", "p"), NORMAL)
    assert _where(result) == (VerifyState.UNREACHABLE, "connect")


# --- servers that say what real ones never do ----------------------------------------------------


def _dialogue(**replies: bytes) -> Answer:
    def answer(tag: str, rest: str) -> bytes | None:
        verb = rest.partition(" ")[0].upper()
        usual = {
            "CAPABILITY": b"* " + CAPABILITIES + b"\r\n{} OK done\r\n",
            "LOGIN": b"{} OK in\r\n",
            "LIST": b'* LIST () "/" INBOX\r\n{} OK done\r\n',
            "EXAMINE": b"* 0 EXISTS\r\n* OK [UIDVALIDITY 1] x\r\n{} OK [READ-ONLY] done\r\n",
            "LOGOUT": b"* BYE\r\n{} OK\r\n",
            **replies,
        }
        return usual.get(verb, b"{} BAD what?\r\n").replace(b"{}", tag.encode())

    return answer


def _probe_scripted(
    greeting: bytes | None,
    answer: Answer,
    encryption: Encryption = Encryption.NONE,
    settings: Settings = NORMAL,
    auth: AuthKind = AuthKind.PASSWORD,
) -> tuple[VerifyResult, ScriptedServer]:
    with run_scripted(greeting, answer) as server:
        mailbox = make_mailbox(imap_port=server.port, imap_encryption=encryption, auth=auth)
        return probe_imap(mailbox, Credential("user", "c4nary"), settings), server


def _logins(server: ScriptedServer) -> int:
    return sum("LOGIN" in line or "AUTHENTICATE" in line for line in server.lines)


@pytest.mark.parametrize(
    ("reply", "state", "words"),
    [
        (
            b"{} NO [ALERT] Application-specific password required: https://x (Failure)\r\n",
            VerifyState.REFUSED,
            "app password",
        ),
        (
            b"{} NO [UNAVAILABLE] Temporary authentication failure.\r\n",
            VerifyState.UNREACHABLE,
            "passing problem",
        ),
        (
            b"{} BAD User is authenticated but not connected.\r\n",
            VerifyState.REFUSED,
            "let the login in",
        ),
        (
            b"{} BAD Request is throttled. Suggested Backoff Time: 60000 milliseconds\r\n",
            VerifyState.UNREACHABLE,
            "slow down",
        ),
        (b"* BYE Too many connections\r\n", VerifyState.UNREACHABLE, "passing problem"),
        (b"{} NO [REFERRAL imap://evil.example] go\r\n", VerifyState.REFUSED, "policy"),
    ],
)
def test_probe_imap_login_refusals_are_told_apart(
    reply: bytes, state: VerifyState, words: str
) -> None:
    result, server = _probe_scripted(b"* OK hi\r\n", _dialogue(LOGIN=reply))
    assert _where(result) == (state, "authenticate")
    assert words in (result.advice or "")
    assert _logins(server) == 1
    assert server.connections == 1


def test_probe_imap_starttls_not_offered_never_falls_back() -> None:
    capability = b"* CAPABILITY IMAP4rev1 AUTH=PLAIN\r\n{} OK done\r\n"
    result, server = _probe_scripted(
        b"* OK hi\r\n", _dialogue(CAPABILITY=capability), Encryption.STARTTLS
    )
    assert _where(result) == (VerifyState.MISCONFIGURED, "tls")
    assert _logins(server) == 0


def test_probe_imap_bytes_after_starttls_abort() -> None:
    reply = b'{} OK go\r\n* LIST () "/" injected\r\n'
    result, server = _probe_scripted(b"* OK hi\r\n", _dialogue(STARTTLS=reply), Encryption.STARTTLS)
    assert _where(result) == (VerifyState.MISCONFIGURED, "tls")
    assert "tampering" in (result.advice or "")
    assert _logins(server) == 0


def test_probe_imap_preauth_before_tls_is_refused() -> None:
    result, server = _probe_scripted(b"* PREAUTH come in\r\n", _dialogue(), Encryption.STARTTLS)
    assert result.state is VerifyState.MISCONFIGURED
    assert "claims to be logged in" in (result.advice or "")
    assert _logins(server) == 0


@pytest.mark.parametrize(
    ("greeting", "advice"),
    [
        (b"220 smtp.acme.example ESMTP\r\n", "SMTP server"),
        (b"+OK POP3\r\n", "POP3 server"),
        (b"HTTP/1.1 400 no\r\n", "web server"),
        (b"hello\r\n", "does not speak IMAP"),
    ],
)
def test_probe_imap_other_protocol_is_named(greeting: bytes, advice: str) -> None:
    result, _ = _probe_scripted(greeting, _dialogue())
    assert _where(result) == (VerifyState.MISCONFIGURED, "greeting")
    assert advice in (result.advice or "")


def test_probe_imap_greeting_bye_is_tried_again() -> None:
    result, _ = _probe_scripted(b"* BYE [UNAVAILABLE] maintenance\r\n", _dialogue())
    assert _where(result) == (VerifyState.UNREACHABLE, "greeting")
    assert "maintenance" in (result.server_text or "")
    assert result.retry_after_s is not None


def test_probe_imap_login_disabled_sends_no_password() -> None:
    capability = b"* CAPABILITY IMAP4rev1 LOGINDISABLED\r\n{} OK done\r\n"
    result, server = _probe_scripted(b"* OK hi\r\n", _dialogue(CAPABILITY=capability))
    assert _where(result) == (VerifyState.MISCONFIGURED, "authenticate")
    assert _logins(server) == 0


def test_probe_imap_folder_that_may_not_be_opened_is_told() -> None:
    result, _ = _probe_scripted(
        b"* OK hi\r\n", _dialogue(EXAMINE=b"{} NO [NOPERM] Permission denied\r\n")
    )
    assert _where(result) == (VerifyState.REFUSED, "folders")
    assert result.code == "NOPERM"
