"""`status`: how each mailbox is, both directions apart; and what is held back."""

from typing import Any

from mailcrm.errors import UnknownMailboxError
from mailcrm.records.registry import RegistryEntry
from mailcrm.services.checklist import read_checklist
from mailcrm.services.watch_choice import explain_capacity, is_watched
from mailcrm.services.wiring import Services


def read_status(services: Services, mailbox_id: str | None = None) -> dict[str, Any]:
    """Health, coverage, last run, open reviews, quarantine and held batches, of one or of all.

    Returns:
        {"mailboxes": [...]} by id, as plain values (moments as aware UTC datetimes). An entry that
        is wrong is among them, with its `problem`. `warnings` is there where something is wrong
        with the installation.

    Raises:
        UnknownMailboxError: there is no such mailbox.
    """
    entries = list(services.registry.list_entries())
    problem = explain_capacity(entries, services.settings.triggerer_capacity)
    if mailbox_id is not None:
        entries = [entry for entry in entries if entry.mailbox_id == mailbox_id]
        if not entries:
            raise UnknownMailboxError(mailbox_id=mailbox_id)
    warnings = {} if problem is None else {"warnings": [problem]}
    return {"mailboxes": [_status_of(services, entry) for entry in entries], **warnings}


def _check_known(services: Services, mailbox_id: str | None) -> None:
    """An unknown mailbox is a mistake, not an empty list.

    Raises:
        UnknownMailboxError: no entry of that id.
    """
    if mailbox_id is not None and mailbox_id not in {
        entry.mailbox_id for entry in services.registry.list_entries()
    }:
        raise UnknownMailboxError(mailbox_id=mailbox_id)


def list_held_batches(services: Services, mailbox_id: str | None = None) -> list[dict[str, Any]]:
    """Batches that the gate stopped and no later run took over, latest first."""
    _check_known(services, mailbox_id)
    return [dict(row) for row in services.overview.list_held_batches(mailbox_id)]


def list_quarantine(services: Services, mailbox_id: str | None = None) -> list[dict[str, Any]]:
    """Messages that wait in quarantine, oldest first, without their bytes."""
    _check_known(services, mailbox_id)
    return [dict(row) for row in services.overview.list_quarantine(mailbox_id)]


def show_quarantine(services: Services, quarantine_id: int) -> dict[str, Any]:
    """One quarantined message with its bytes; raises SettingsError where there is none."""
    return dict(services.overview.read_quarantine(quarantine_id))


def _status_of(services: Services, entry: RegistryEntry) -> dict[str, Any]:
    return {
        "mailbox": entry.mailbox_id,
        "address": entry.address,
        "state": entry.state.value,
        "problem": entry.error,
        "watched": entry.mailbox is not None and is_watched(entry.mailbox, entry.health),
        "checklist": read_checklist(services, entry.mailbox),
        "imap": entry.health.get("imap"),
        "smtp": entry.health.get("smtp"),
        **services.overview.read_mailbox_status(entry.mailbox_id),
        "held_batches": list_held_batches(services, entry.mailbox_id),
    }
