"""The real mail servers behind the port."""

import contextlib
import functools
from collections.abc import Callable, Iterator

from mailcrm.adapters.dial import hosts_allowed
from mailcrm.adapters.oauth import refresh_credential
from mailcrm.errors import CredentialError, ServerUnreachableError
from mailcrm.ports import MailReader, StageCallback
from mailcrm.records import Credential, Direction, Mailbox, VerifyResult, VerifyState
from mailcrm.settings import Settings

__all__ = ["RealMailServers"]


class RealMailServers:
    """Connects to a mailbox's two servers; implements `ports.MailServers`."""

    def __init__(self, settings: Settings) -> None:
        """Keep the timeouts and sizes."""
        self._settings = settings

    @contextlib.contextmanager
    def open_reader(self, mailbox: Mailbox, credential: Credential) -> Iterator[MailReader]:
        """See `MailServers`."""
        from mailcrm.adapters.imap import open_imap

        allowed = hosts_allowed(mailbox, self._settings)
        fresh = refresh_credential(mailbox, Direction.IMAP, credential, allowed)
        with open_imap(mailbox, fresh, self._settings) as reader:
            yield reader

    def probe_imap(
        self, mailbox: Mailbox, credential: Credential, on_stage: StageCallback | None = None
    ) -> VerifyResult:
        """See `MailServers`."""
        from mailcrm.adapters.imap_probe import probe_imap

        return self._probe(
            mailbox, Direction.IMAP, credential, functools.partial(probe_imap, on_stage=on_stage)
        )

    def probe_smtp(
        self, mailbox: Mailbox, credential: Credential, on_stage: StageCallback | None = None
    ) -> VerifyResult:
        """See `MailServers`."""
        from mailcrm.adapters.smtp_probe import probe_smtp

        return self._probe(
            mailbox, Direction.SMTP, credential, functools.partial(probe_smtp, on_stage=on_stage)
        )

    def send_message(
        self,
        mailbox: Mailbox,
        credential: Credential | None,
        content: bytes,
        recipient: str | None = None,
    ) -> VerifyResult:
        """See `MailServers`."""
        from mailcrm.adapters.smtp_send import send_message

        if credential is None:
            return send_message(mailbox, None, self._settings, content, recipient)
        send = functools.partial(send_message, content=content, recipient=recipient)
        return self._probe(mailbox, Direction.SMTP, credential, send)

    def _probe(
        self,
        mailbox: Mailbox,
        direction: Direction,
        credential: Credential,
        probe: Callable[[Mailbox, Credential, Settings], VerifyResult],
    ) -> VerifyResult:
        try:
            allowed = hosts_allowed(mailbox, self._settings)
            fresh = refresh_credential(mailbox, direction, credential, allowed)
        except (CredentialError, ServerUnreachableError) as error:
            return _without_token(mailbox, direction, error)
        return probe(mailbox, fresh, self._settings)


def _without_token(
    mailbox: Mailbox, direction: Direction, error: CredentialError | ServerUnreachableError
) -> VerifyResult:
    """No mail server was asked, because there is no token to log in with."""
    endpoint = mailbox.endpoint(direction)
    is_refused = isinstance(error, CredentialError)
    return VerifyResult(
        direction=direction,
        state=VerifyState.REFUSED if is_refused else VerifyState.UNREACHABLE,
        stage="authenticate",
        host=endpoint.host,
        port=endpoint.port,
        encryption=endpoint.encryption,
        code=error.fields.get("code"),
        advice=str(error.fields["reason" if is_refused else "detail"]),
        retry_after_s=None if is_refused else 60.0,
        is_credential_rejected=bool(error.fields.get("is_rejected")),
    )
