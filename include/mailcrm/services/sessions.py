"""IMAP sessions of every task: one login, and what a rejected one means for the mailbox."""

import contextlib
import logging
from collections.abc import Iterator, Mapping

from mailcrm.errors import ImapCredentialError
from mailcrm.ports import MailReader
from mailcrm.records import Credential, Direction, Mailbox, VerifyResult, VerifyState
from mailcrm.services.notices import send_notices
from mailcrm.services.wiring import Services

__all__ = ["keep_results", "open_session"]

logger = logging.getLogger(__name__)


@contextlib.contextmanager
def open_session(
    services: Services, mailbox: Mailbox, credential: Credential | None = None
) -> Iterator[MailReader]:
    """Log in to a mailbox's IMAP server once, read-only.

    A login that the server rejects for good pauses reading and tells people at once, as a
    verification would; nobody has to log in a second time to find out.
    `credential` is one that was read before; else it is read here.

    Raises:
        ImapCredentialError: there is no credential, or it was rejected.
        ServerUnreachableError, ThrottledError, UnsafeConnectionError, ServerRefusedError
    """
    try:
        read = services.credentials.read_credential
        known = credential or read(mailbox.id, Direction.IMAP)
        with services.servers.open_reader(mailbox, known) as reader:
            yield reader
    except ImapCredentialError as error:
        if error.fields["is_rejected"]:
            keep_results(services, mailbox.id, {Direction.IMAP: _rejected(mailbox, error)})
        raise


def keep_results(
    services: Services, mailbox_id: str, found: Mapping[Direction, VerifyResult]
) -> None:
    """Write the directions' health, and tell people of what changed."""
    now = services.clock.now()
    for direction, result in found.items():
        services.registry.write_health(mailbox_id, result, now)
        logger.info(
            "credentials.direction_verified mailbox=%s direction=%s state=%s stage=%s",
            mailbox_id,
            direction.value,
            result.state.value,
            result.stage,
        )
    send_notices(services)


def _rejected(mailbox: Mailbox, error: ImapCredentialError) -> VerifyResult:
    endpoint = mailbox.endpoint(Direction.IMAP)
    return VerifyResult(
        direction=Direction.IMAP,
        state=VerifyState.REFUSED,
        stage="authenticate",
        host=endpoint.host,
        port=endpoint.port,
        encryption=endpoint.encryption,
        code=error.fields["code"],
        advice=str(error.fields["reason"]),
        is_credential_rejected=True,
    )
