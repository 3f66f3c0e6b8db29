"""`status`: how each mailbox is, both directions apart."""

from typing import Any

from mailcrm.records import Mailbox
from mailcrm.services.wiring import Services


def read_status(services: Services, mailbox_id: str | None = None) -> dict[str, Any]:
    """Health, coverage, last run, open reviews and quarantine of one mailbox, or of all.

    Returns:
        {"mailboxes": [...]} by id, as plain values (moments as aware UTC datetimes).

    Raises:
        UnknownMailboxError: there is no such mailbox.
    """
    registry = services.registry
    if mailbox_id is None:
        mailboxes = list(registry.list_mailboxes())
    else:
        mailboxes = [registry.read_mailbox(mailbox_id)]
    return {"mailboxes": [_status_of(services, mailbox) for mailbox in mailboxes]}


def _status_of(services: Services, mailbox: Mailbox) -> dict[str, Any]:
    health = services.registry.read_health(mailbox.id)
    return {
        "mailbox": mailbox.id,
        "address": mailbox.address,
        "state": mailbox.state.value,
        "imap": health.get("imap"),
        "smtp": health.get("smtp"),
        **services.overview.read_mailbox_status(mailbox.id),
    }
