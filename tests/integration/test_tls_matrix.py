"""Bad certificates, old TLS and no TLS at all, before each way in which we talk to a server."""

import base64
import contextlib
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest

from mailcrm.credentials import classify_symptom
from mailcrm.records import Direction, Encryption, TlsPolicy, VerifyState
from mailcrm.settings import Settings
from servers.certificates import TestAuthority, certificate_pin, self_signed_context
from servers.dialogues import CLIENTS, CREDENTIAL, GREETINGS, Client, Outcome, dialogue_of
from servers.mailboxes import LOOPBACK, make_mailbox
from servers.scripted import ScriptedServer, run_scripted

NORMAL = Settings(connect_timeout_s=20, greeting_timeout_s=30, verify_timeout_s=60)
MODES = [Encryption.TLS, Encryption.STARTTLS]
PLAIN_PORT = "plain port"
# What the server shows -> the symptom that must be told.
FAULTS = {
    "expired": "certificate_expired",
    "not yet valid": "certificate_not_yet_valid",
    "unknown CA": "certificate_unknown_ca",
    "self-signed": "certificate_self_signed",
    "wrong host": "certificate_wrong_host",
    "wildcard of another domain": "certificate_wrong_host",
    "TLS 1.0": "tls_too_old",
    "TLS 1.1": "tls_too_old",
    PLAIN_PORT: "",
}


def _context(fault: str, authority: TestAuthority, folder: Path) -> ssl.SSLContext | None:
    if fault == PLAIN_PORT:
        return None
    if fault == "unknown CA":
        return TestAuthority(folder).server_context()
    if fault == "self-signed":
        return self_signed_context(folder)
    names = {"wrong host": ("mail.other.example",), "wildcard of another domain": ("*.acme.test",)}
    days = {"expired": (-30, -1), "not yet valid": (1, 30)}
    newest = {"TLS 1.0": ssl.TLSVersion.TLSv1, "TLS 1.1": ssl.TLSVersion.TLSv1_1}
    return authority.server_context(
        *names.get(fault, ()),
        days=days.get(fault, (-1, 30)),
        newest=newest.get(fault, ssl.TLSVersion.MAXIMUM_SUPPORTED),
    )


@contextlib.contextmanager
def _serve(
    client: Client, encryption: Encryption, context: ssl.SSLContext | None
) -> Iterator[ScriptedServer]:
    """A server that would take the login, were the connection safe."""
    offers_none = {
        Direction.IMAP: {"CAPABILITY": b"* CAPABILITY IMAP4rev1 AUTH=PLAIN\r\n{} OK\r\n"},
        Direction.SMTP: {"EHLO": b"250-x\r\n250 AUTH PLAIN LOGIN\r\n"},
    }
    replies = offers_none[client.direction] if context is None else {}
    is_implicit = encryption is Encryption.TLS
    with run_scripted(
        GREETINGS[client.direction],
        dialogue_of(client.direction, replies),
        tls=context if is_implicit else None,
        starttls=None if is_implicit else context,
    ) as server:
        yield server


def _run(client: Client, port: int, encryption: Encryption, policy: TlsPolicy) -> Outcome:
    mailbox = make_mailbox(
        imap_port=port,
        smtp_port=port,
        imap_encryption=encryption,
        smtp_encryption=encryption,
        tls=policy,
    )
    return client.run(mailbox, NORMAL)


def _has_secret(raw: bytes) -> bool:
    secret = CREDENTIAL.password.encode()
    whole = f"\0{CREDENTIAL.username}\0{CREDENTIAL.password}".encode()
    return any(text in raw for text in (secret, base64.b64encode(secret), base64.b64encode(whole)))


@pytest.mark.row("R113", "R116", "R117", "R118", "R124")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("client", CLIENTS, ids=str)
@pytest.mark.parametrize("encryption", MODES)
@pytest.mark.parametrize("fault", FAULTS)
def test_tls_fault_is_named_and_no_password_is_sent(
    authority: TestAuthority, tmp_path: Path, fault: str, encryption: Encryption, client: Client
) -> None:
    context = _context(fault, authority, tmp_path)
    with _serve(client, encryption, context) as server:
        policy = TlsPolicy(ca_file=authority.ca_file)
        found = _run(client, server.port, encryption, policy)
        endpoint = make_mailbox(
            imap_port=server.port, smtp_port=server.port, imap_encryption=encryption
        ).endpoint(client.direction)
    without_tls = {Encryption.TLS: "plaintext_port", Encryption.STARTTLS: "starttls_missing"}
    symptom = FAULTS[fault] or without_tls[encryption]
    assert not found.is_ok
    assert classify_symptom(client.direction, endpoint, symptom).advice in found.advice
    if found.stage is not None:
        assert (found.state, found.stage) == (VerifyState.MISCONFIGURED, "tls")
    assert not _has_secret(server.raw)
    assert not any("AUTH" in line or "LOGIN" in line for line in server.lines)


@pytest.mark.row("R116", "R117")
@pytest.mark.parametrize("client", CLIENTS, ids=str)
@pytest.mark.parametrize("encryption", MODES)
@pytest.mark.parametrize("newest", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_tls_with_the_right_certificate_logs_in_through_it(
    authority: TestAuthority, client: Client, encryption: Encryption, newest: ssl.TLSVersion
) -> None:
    context = authority.server_context()
    context.maximum_version = newest
    context.minimum_version = newest
    with _serve(client, encryption, context) as server:
        policy = TlsPolicy(ca_file=authority.ca_file)
        found = _run(client, server.port, encryption, policy)
    assert found.is_ok, found
    assert _has_secret(server.raw)
    assert server.hello == (b"\x16" if encryption is Encryption.STARTTLS else b"")


@pytest.mark.row("R116")
@pytest.mark.parametrize("client", CLIENTS, ids=str)
@pytest.mark.parametrize("encryption", MODES)
def test_tls_self_signed_certificate_named_as_ca_file_is_trusted(
    tmp_path: Path, client: Client, encryption: Encryption
) -> None:
    with _serve(client, encryption, self_signed_context(tmp_path)) as server:
        policy = TlsPolicy(ca_file=str(tmp_path / "self-signed.pem"))
        assert _run(client, server.port, encryption, policy).is_ok


@pytest.mark.row("R116")
@pytest.mark.parametrize("client", CLIENTS, ids=str)
@pytest.mark.parametrize("encryption", MODES)
@pytest.mark.parametrize("is_right", [True, False])
def test_tls_pinned_certificate_is_compared_before_the_login(
    authority: TestAuthority, client: Client, encryption: Encryption, is_right: bool
) -> None:
    context = authority.server_context()
    with run_scripted(None, lambda verb, rest: None, tls=context) as shown:
        pin = certificate_pin(LOOPBACK, shown.port) if is_right else "0" * 64
    with _serve(client, encryption, context) as server:
        policy = TlsPolicy(ca_file=authority.ca_file, pin_sha256=pin.upper())
        found = _run(client, server.port, encryption, policy)
    assert found.is_ok is is_right
    assert _has_secret(server.raw) is is_right
    assert is_right or "tls.pin_sha256" in found.advice


@pytest.mark.parametrize("client", CLIENTS, ids=str)
@pytest.mark.parametrize("encryption", MODES)
@pytest.mark.parametrize("content", [None, "no certificate"])
def test_tls_ca_file_that_cannot_be_used_names_the_field(
    authority: TestAuthority,
    tmp_path: Path,
    client: Client,
    encryption: Encryption,
    content: str | None,
) -> None:
    path = tmp_path / "ca.pem"
    if content is not None:
        path.write_text(content)
    with _serve(client, encryption, authority.server_context()) as server:
        found = _run(client, server.port, encryption, TlsPolicy(ca_file=str(path)))
    assert not found.is_ok
    assert "tls.ca_file" in found.advice
    assert not _has_secret(server.raw)
