"""Verifies sending: up to MAIL FROM and RSET, one login, no recipient, no data."""

import logging
import time

from mailcrm.adapters.dial import hosts_allowed, open_socket
from mailcrm.adapters.probe import Probe
from mailcrm.adapters.smtp_client import Reply, SmtpClient, choose_mechanism
from mailcrm.errors import MailcrmError
from mailcrm.ports import StageCallback
from mailcrm.records import (
    AuthKind,
    Credential,
    Direction,
    Encryption,
    Mailbox,
    VerifyResult,
)
from mailcrm.settings import Settings

__all__ = ["authenticate", "greet", "probe_smtp", "sender_command"]

logger = logging.getLogger(__name__)
_TOKEN_MECHANISMS = frozenset({"XOAUTH2", "OAUTHBEARER"})


def probe_smtp(
    mailbox: Mailbox,
    credential: Credential,
    settings: Settings,
    on_stage: StageCallback | None = None,
) -> VerifyResult:
    """Connect, protect, log in once, and ask whether the mailbox's address may send.

    Args:
        mailbox: Its smtp endpoint, address, tls and auth are used.
        credential: Sent once at most, and only over verified TLS or loopback.
        settings: Budgets to connect, for the greeting, and for everything.
        on_stage: Hears of each stage as it begins.

    Returns:
        The result with the last stage reached. Never raises for what a server does.
    """
    started = time.monotonic()
    probe = Probe(mailbox, credential, Direction.SMTP, on_stage)
    try:
        result = _probe(probe, mailbox, credential, settings)
    except (MailcrmError, OSError, ValueError) as error:
        result = probe.failed(error)
    logger.info(
        "credentials.smtp_probed mailbox=%s state=%s stage=%s elapsed_s=%.3f",
        mailbox.id,
        result.state.value,
        result.stage,
        time.monotonic() - started,
    )
    return result


def _probe(
    probe: Probe, mailbox: Mailbox, credential: Credential, settings: Settings
) -> VerifyResult:
    deadline = time.monotonic() + settings.verify_timeout_s
    connect_s = min(settings.connect_timeout_s, settings.verify_timeout_s)
    allowed = hosts_allowed(mailbox, settings)
    sock = open_socket(Direction.SMTP, probe.endpoint, mailbox.tls, connect_s, probe.enter, allowed)
    client = SmtpClient(sock, probe.endpoint, deadline)
    try:
        return (
            greet(probe, client, mailbox, settings)
            or authenticate(probe, client, mailbox, credential, settings)
            or _identify(probe, client, mailbox, settings)
        )
    finally:
        client.close()


def greet(
    probe: Probe, client: SmtpClient, mailbox: Mailbox, settings: Settings
) -> VerifyResult | None:
    """Greeting, EHLO and STARTTLS; None where all went well."""
    probe.enter("greeting")
    for reply in (
        client.read_greeting(settings.greeting_timeout_s),
        client.say_hello(settings.greeting_timeout_s),
    ):
        if not reply.is_ok:
            return _refused(probe, reply)
    if probe.endpoint.encryption is not Encryption.STARTTLS:
        return None
    probe.enter("tls")
    refusal = client.start_tls(mailbox.tls, settings.connect_timeout_s)
    if refusal is not None:
        return probe.broken("starttls_refused", str(refusal.code), refusal.text)
    reply = client.say_hello(settings.greeting_timeout_s)
    return None if reply.is_ok else _refused(probe, reply)


def authenticate(
    probe: Probe,
    client: SmtpClient,
    mailbox: Mailbox,
    credential: Credential,
    settings: Settings,
) -> VerifyResult | None:
    """Log in once; None where that went well."""
    probe.enter("authenticate")
    if "\0" in credential.username or not _is_utf8(credential.username):
        return probe.broken("username_unfit")
    if "\0" in credential.password or not _is_utf8(credential.password):
        return probe.broken("password_unfit")
    offered = client.capabilities.get("AUTH", "")
    mechanism = choose_mechanism(offered, mailbox.auth, credential)
    if mechanism is None:
        return _no_mechanism(probe, offered, mailbox.auth)
    reply = client.authenticate(mechanism, credential, settings.command_timeout_s)
    return None if reply.is_ok else _refused(probe, reply)


def _no_mechanism(probe: Probe, offered: str, kind: AuthKind) -> VerifyResult:
    words = frozenset(offered.split())
    if kind is AuthKind.PASSWORD and words and words <= _TOKEN_MECHANISMS:
        return probe.broken("tokens_only")
    if kind is AuthKind.PASSWORD and "LOGIN" in words:
        return probe.broken("password_unfit")
    return probe.broken("no_login")


def _identify(
    probe: Probe, client: SmtpClient, mailbox: Mailbox, settings: Settings
) -> VerifyResult:
    """MAIL FROM the mailbox's address, then RSET: asks, and sends nothing."""
    probe.enter("identity")
    sender = sender_command(mailbox.address, "SMTPUTF8" in client.capabilities)
    if sender is None:
        return probe.broken("address_unfit")
    reply = client.command(sender, settings.command_timeout_s)
    if not reply.is_ok:
        return _refused(probe, reply)
    try:
        client.command("RSET", settings.greeting_timeout_s)
    except (MailcrmError, OSError):
        # The question is answered; QUIT and closing undo MAIL FROM as well (RFC 5321 §4.1.1.5).
        logger.debug("credentials.smtp_rset_unanswered mailbox=%s", mailbox.id)
    return probe.ok(str(reply.code), reply.text)


def sender_command(address: str, takes_utf8: bool) -> str | None:
    """The MAIL FROM command; None where the address cannot travel to this server."""
    local, at, domain = address.rpartition("@")
    if not at or not local or any(c.isspace() or not c.isprintable() or c in "<>" for c in address):
        return None
    try:
        domain = domain.encode("idna").decode("ascii")
    except UnicodeError:
        return None
    if local.isascii():
        return f"MAIL FROM:<{local}@{domain}>"
    return f"MAIL FROM:<{local}@{domain}> SMTPUTF8" if takes_utf8 else None


def _refused(probe: Probe, reply: Reply) -> VerifyResult:
    return probe.refused(str(reply.code), reply.text)


def _is_utf8(text: str) -> bool:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True
