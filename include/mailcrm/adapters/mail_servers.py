"""The real mail servers behind the port."""

from contextlib import AbstractContextManager

from mailcrm.ports import MailReader
from mailcrm.records import Credential, Mailbox, VerifyResult
from mailcrm.settings import Settings

__all__ = ["RealMailServers"]


class RealMailServers:
    """Connects to a mailbox's two servers; implements `ports.MailServers`."""

    def __init__(self, settings: Settings) -> None:
        """Keep the timeouts and sizes."""
        self._settings = settings

    def open_reader(
        self, mailbox: Mailbox, credential: Credential
    ) -> AbstractContextManager[MailReader]:
        """See `MailServers`."""
        from mailcrm.adapters.imap import open_imap

        return open_imap(mailbox, credential, self._settings)

    def probe_imap(self, mailbox: Mailbox, credential: Credential) -> VerifyResult:
        """See `MailServers`."""
        from mailcrm.adapters.imap_probe import probe_imap

        return probe_imap(mailbox, credential, self._settings)

    def probe_smtp(self, mailbox: Mailbox, credential: Credential) -> VerifyResult:
        """See `MailServers`."""
        from mailcrm.adapters.smtp_probe import probe_smtp

        return probe_smtp(mailbox, credential, self._settings)
