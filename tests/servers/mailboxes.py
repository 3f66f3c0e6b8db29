"""Registry entries that point at the test servers."""

from mailcrm.records import (
    AuthKind,
    Backfill,
    Encryption,
    Endpoint,
    Mailbox,
    Ownership,
    TlsPolicy,
)


def make_mailbox(
    imap_port: int,
    encryption: Encryption = Encryption.NONE,
    ca_file: str | None = None,
    smtp_port: int = 1,
    auth: AuthKind = AuthKind.PASSWORD,
    host: str = "127.0.0.1",
) -> Mailbox:
    """A mailbox `sales` on loopback."""
    return Mailbox(
        id="sales",
        address="sales@acme.example",
        display_name="Acme Sales",
        imap=Endpoint(host, imap_port, encryption),
        smtp=Endpoint(host, smtp_port, Encryption.NONE),
        folders=("INBOX",),
        backfill=Backfill(),
        schedule=None,
        ownership=Ownership.PERSONAL,
        tls=TlsPolicy(ca_file=ca_file),
        auth=auth,
    )
