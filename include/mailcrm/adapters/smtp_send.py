"""Sends one message, for a round trip or a notice: one login, one recipient."""

import logging
import time

from mailcrm.adapters.dial import hosts_allowed, open_socket
from mailcrm.adapters.probe import Probe
from mailcrm.adapters.smtp_client import SmtpClient
from mailcrm.adapters.smtp_probe import authenticate, greet, sender_command
from mailcrm.errors import MailcrmError
from mailcrm.records import Credential, Direction, Mailbox, VerifyResult
from mailcrm.settings import Settings

__all__ = ["send_message"]

logger = logging.getLogger(__name__)
_NOBODY = Credential("", "")


def send_message(
    mailbox: Mailbox,
    credential: Credential | None,
    settings: Settings,
    content: bytes,
    recipient: str | None = None,
) -> VerifyResult:
    """Send one message from the mailbox's address.

    Args:
        mailbox: Its smtp endpoint, address, tls and auth are used.
        credential: Sent once at most; None where the server asks for no login.
        settings: Budgets, as for a verification.
        content: The whole message, lines ended by CR LF, no line longer than 998.
        recipient: One address; None sends it to the mailbox itself.

    Returns:
        OK where the server took the message. At the stage `content`, UNREACHABLE means that
        nobody knows whether it did. Never raises for what a server does.
    """
    probe = Probe(mailbox, credential or _NOBODY, Direction.SMTP)
    try:
        result = _send(probe, mailbox, credential, settings, content, recipient or mailbox.address)
    except (MailcrmError, OSError, ValueError) as error:
        result = probe.failed(error)
    logger.info(
        "credentials.message_sent mailbox=%s state=%s stage=%s",
        mailbox.id,
        result.state.value,
        result.stage,
    )
    return result


def _send(
    probe: Probe,
    mailbox: Mailbox,
    credential: Credential | None,
    settings: Settings,
    content: bytes,
    recipient: str,
) -> VerifyResult:
    deadline = time.monotonic() + settings.verify_timeout_s
    connect_s = min(settings.connect_timeout_s, settings.verify_timeout_s)
    allowed = hosts_allowed(mailbox, settings)
    sock = open_socket(Direction.SMTP, probe.endpoint, mailbox.tls, connect_s, probe.enter, allowed)
    client = SmtpClient(sock, probe.endpoint, deadline)
    try:
        refusal = greet(probe, client, mailbox, settings)
        if refusal is None and credential is not None:
            refusal = authenticate(probe, client, mailbox, credential, settings)
        return refusal or _deliver(probe, client, (mailbox.address, recipient), settings, content)
    finally:
        client.close()


def _deliver(
    probe: Probe,
    client: SmtpClient,
    addresses: tuple[str, str],
    settings: Settings,
    content: bytes,
) -> VerifyResult:
    """MAIL FROM the first address, RCPT TO the second, and the content."""
    probe.enter("identity")
    takes_utf8 = "SMTPUTF8" in client.capabilities
    sender, recipient = (sender_command(address, takes_utf8) for address in addresses)
    if sender is None or recipient is None:
        return probe.broken("address_unfit")
    if recipient.endswith(" SMTPUTF8") and not sender.endswith(" SMTPUTF8"):
        sender += " SMTPUTF8"
    recipient = recipient.replace("MAIL FROM:", "RCPT TO:", 1).removesuffix(" SMTPUTF8")
    for command, code in ((sender, 250), (recipient, 250), ("DATA", 354)):
        reply = client.command(command, settings.command_timeout_s)
        if not (reply.code == code or (code == 250 and reply.is_ok)):
            return probe.refused(str(reply.code), reply.text)
    probe.enter("content")
    reply = client.send_content(content, settings.command_timeout_s)
    if not reply.is_ok:
        return probe.refused(str(reply.code), reply.text)
    return probe.ok(str(reply.code), reply.text)
