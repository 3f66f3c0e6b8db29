"""Mailboxes as the registry would hold them, for tests that talk to local servers."""

from mailcrm.records import (
    AuthKind,
    Backfill,
    Encryption,
    Endpoint,
    Mailbox,
    Ownership,
    TlsPolicy,
)

LOOPBACK = "127.0.0.1"


def make_mailbox(
    *,
    imap_port: int = 1,
    imap_encryption: Encryption = Encryption.NONE,
    smtp_port: int = 1,
    smtp_encryption: Encryption = Encryption.NONE,
    host: str = LOOPBACK,
    folders: tuple[str, ...] = ("INBOX",),
    address: str = "sales@acme.example",
    tls: TlsPolicy | None = None,
    auth: AuthKind = AuthKind.PASSWORD,
) -> Mailbox:
    """A mailbox `sales` whose servers are on this machine."""
    return Mailbox(
        id="sales",
        address=address,
        display_name="Acme Sales",
        imap=Endpoint(host, imap_port, imap_encryption),
        smtp=Endpoint(host, smtp_port, smtp_encryption),
        folders=folders,
        backfill=Backfill(),
        schedule=None,
        ownership=Ownership.PERSONAL,
        tls=tls or TlsPolicy(),
        auth=auth,
    )
