"""Sends one message, for the round trip that somebody asked for: one login, one recipient."""

import logging
import time

from mailcrm.adapters.dial import hosts_allowed, open_socket
from mailcrm.adapters.probe import Probe
from mailcrm.adapters.smtp_client import SmtpClient
from mailcrm.adapters.smtp_probe import authenticate, greet, sender_command
from mailcrm.errors import MailcrmError
from mailcrm.records import Credential, Direction, Mailbox, VerifyResult
from mailcrm.settings import Settings

__all__ = ["send_to_itself"]

logger = logging.getLogger(__name__)


def send_to_itself(
    mailbox: Mailbox, credential: Credential, settings: Settings, content: bytes
) -> VerifyResult:
    """Send one message from the mailbox's address to the same address.

    Args:
        mailbox: Its smtp endpoint, address, tls and auth are used.
        credential: Sent once at most.
        settings: Budgets, as for a verification.
        content: The whole message, lines ended by CR LF, no line longer than 998.

    Returns:
        OK where the server took the message. At the stage `content`, UNREACHABLE means that
        nobody knows whether it did. Never raises for what a server does.
    """
    probe = Probe(mailbox, credential, Direction.SMTP)
    try:
        result = _send(probe, mailbox, credential, settings, content)
    except (MailcrmError, OSError, ValueError) as error:
        result = probe.failed(error)
    logger.info(
        "credentials.test_message_sent mailbox=%s state=%s stage=%s",
        mailbox.id,
        result.state.value,
        result.stage,
    )
    return result


def _send(
    probe: Probe, mailbox: Mailbox, credential: Credential, settings: Settings, content: bytes
) -> VerifyResult:
    deadline = time.monotonic() + settings.verify_timeout_s
    connect_s = min(settings.connect_timeout_s, settings.verify_timeout_s)
    allowed = hosts_allowed(mailbox, settings)
    sock = open_socket(Direction.SMTP, probe.endpoint, mailbox.tls, connect_s, probe.enter, allowed)
    client = SmtpClient(sock, probe.endpoint, deadline)
    try:
        refusal = greet(probe, client, mailbox, settings) or authenticate(
            probe, client, mailbox, credential, settings
        )
        return refusal or _deliver(probe, client, mailbox, settings, content)
    finally:
        client.close()


def _deliver(
    probe: Probe, client: SmtpClient, mailbox: Mailbox, settings: Settings, content: bytes
) -> VerifyResult:
    probe.enter("identity")
    sender = sender_command(mailbox.address, "SMTPUTF8" in client.capabilities)
    if sender is None:
        return probe.broken("address_unfit")
    recipient = sender.replace("MAIL FROM:", "RCPT TO:", 1).removesuffix(" SMTPUTF8")
    for command, code in ((sender, 250), (recipient, 250), ("DATA", 354)):
        reply = client.command(command, settings.command_timeout_s)
        if not (reply.code == code or (code == 250 and reply.is_ok)):
            return probe.refused(str(reply.code), reply.text)
    probe.enter("content")
    reply = client.send_content(content, settings.command_timeout_s)
    if not reply.is_ok:
        return probe.refused(str(reply.code), reply.text)
    return probe.ok(str(reply.code), reply.text)
