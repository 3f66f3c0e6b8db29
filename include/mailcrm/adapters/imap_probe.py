"""Verifies reading: one login, then EXAMINE of INBOX and of every configured folder."""

import dataclasses
import logging
import time

from mailcrm.adapters.imap import ImapConnection, ImapReader, Reply, connect_imap
from mailcrm.adapters.probe import Probe
from mailcrm.backfill import resolve_folders
from mailcrm.errors import FolderMissingError, ImapCredentialError, MailcrmError
from mailcrm.ports import StageCallback
from mailcrm.records import AuthKind, Credential, Direction, Mailbox, VerifyResult
from mailcrm.settings import Settings

__all__ = ["probe_imap"]

logger = logging.getLogger(__name__)


def probe_imap(
    mailbox: Mailbox,
    credential: Credential,
    settings: Settings,
    on_stage: StageCallback | None = None,
) -> VerifyResult:
    """Connect, protect, log in once, and open every folder read-only.

    Args:
        mailbox: Its imap endpoint, folders, tls and auth are used.
        credential: Sent once at most, and only over verified TLS or loopback.
        settings: Budgets to connect, for the greeting, and for everything.
        on_stage: Hears of each stage as it begins.

    Returns:
        The result with the last stage reached. Never raises for what a server does.
    """
    started = time.monotonic()
    probe = Probe(mailbox, credential, Direction.IMAP, on_stage)
    try:
        result = _probe(probe, mailbox, credential, settings)
    except (MailcrmError, OSError, ValueError) as error:
        result = _explain(probe, error)
    logger.info(
        "credentials.imap_probed mailbox=%s state=%s stage=%s elapsed_s=%.3f",
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
    command_s = min(settings.command_timeout_s, settings.verify_timeout_s)
    bounded = settings.model_copy(update={"command_timeout_s": command_s})
    connection = connect_imap(mailbox, bounded, probe.enter)
    try:
        probe.enter("authenticate")
        _limit(connection, command_s, deadline)
        reply = connection.login(credential)
        if not reply.is_ok:
            return _refused(probe, mailbox, reply)
        probe.enter("folders")
        result = _open_folders(probe, mailbox, connection, bounded, deadline)
        return probe.warned(result, connection.alert)
    finally:
        connection.close()


def _open_folders(
    probe: Probe,
    mailbox: Mailbox,
    connection: ImapConnection,
    settings: Settings,
    deadline: float,
) -> VerifyResult:
    _limit(connection, settings.command_timeout_s, deadline)
    reader = ImapReader(connection, settings)
    entries = reader.list_folders()
    names, missing = resolve_folders(("INBOX", *mailbox.folders), entries)
    if missing:
        return probe.folder_missing(missing[0])
    for name in names:
        _limit(connection, settings.command_timeout_s, deadline)
        try:
            reader.examine(name)
        except FolderMissingError:
            return probe.folder_missing(name)
    return dataclasses.replace(probe.ok(), offers_idle=connection.offers("IDLE"))


def _limit(connection: ImapConnection, command_s: float, deadline: float) -> None:
    """Let the next commands last no longer than the verification may.

    Raises:
        TimeoutError: its time is up.
    """
    remaining = deadline - time.monotonic()
    if remaining <= 0:
        raise TimeoutError("the verification took too long")
    connection.imap.command_timeout_s = min(command_s, remaining)


def _refused(probe: Probe, mailbox: Mailbox, reply: Reply) -> VerifyResult:
    if reply.code != "MECHANISM":
        return probe.refused(reply.code or reply.status, reply.text)
    # Nothing was sent: the server offers no way to log in that fits.
    is_password = mailbox.auth is AuthKind.PASSWORD
    return probe.broken("password_unfit" if is_password and "letters" in reply.text else "no_login")


def _explain(probe: Probe, error: Exception) -> VerifyResult:
    if isinstance(error, ImapCredentialError):
        name = "username_unfit" if "login" in str(error.fields["reason"]) else "password_unfit"
        return probe.broken(name)
    return probe.failed(error)
