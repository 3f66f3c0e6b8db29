"""The registry: which mailboxes are connected, and whether their runs do anything.

Every change also writes the snapshot from which DAG files are made; a change whose snapshot could
not be written is made good by the next one.
"""

import dataclasses
import logging
from collections.abc import Sequence
from pathlib import Path

from mailcrm.errors import SettingsError, UnknownMailboxError
from mailcrm.records import Mailbox, MailboxState
from mailcrm.records.registry import RegistryEntry
from mailcrm.services.checklist import keep_answers
from mailcrm.services.wiring import Services

__all__ = [
    "add_mailbox",
    "list_mailboxes",
    "pause_mailbox",
    "remove_mailbox",
    "resume_mailbox",
    "show_mailbox",
    "write_snapshot",
]

logger = logging.getLogger(__name__)


def add_mailbox(services: Services, path: Path, added_by: str = "") -> tuple[RegistryEntry, str]:
    """Connect a mailbox, or replace its entry; no server is asked.

    `added_by` is who answers for a shared mailbox's checklist.

    Returns:
        The stored entry, and what was done: connected, changed or unchanged.

    Raises:
        SettingsError: the file is wrong, nothing is stored.
    """
    mailbox = services.files.read_mailbox(path)
    before = next((e for e in services.registry.list_entries() if e.mailbox_id == mailbox.id), None)
    if before is not None and before.mailbox is not None and _same(before.mailbox, mailbox):
        write_snapshot(services)
        return before, "unchanged"
    services.registry.write_mailbox(mailbox, services.clock.now())
    keep_answers(services, mailbox, added_by)
    write_snapshot(services)
    done = "connected" if before is None else "changed"
    logger.info("registry.mailbox_written mailbox=%s change=%s", mailbox.id, done)
    return show_mailbox(services, mailbox.id), done


def list_mailboxes(services: Services) -> Sequence[RegistryEntry]:
    """All mailboxes that were not removed, by id; a wrong entry brings its error."""
    return services.registry.list_entries()


def show_mailbox(services: Services, mailbox_id: str) -> RegistryEntry:
    """One mailbox's entry and health, also where the entry is wrong.

    Raises:
        UnknownMailboxError: it is not registered, or was removed.
    """
    for entry in services.registry.list_entries():
        if entry.mailbox_id == mailbox_id:
            return entry
    raise UnknownMailboxError(mailbox_id=mailbox_id)


def pause_mailbox(services: Services, mailbox_id: str) -> RegistryEntry:
    """Stop a mailbox's runs; raises UnknownMailboxError."""
    return _set_state(services, mailbox_id, MailboxState.PAUSED)


def resume_mailbox(services: Services, mailbox_id: str) -> RegistryEntry:
    """Let a mailbox run again, and let a rejected login be tried once more.

    Raises UnknownMailboxError.
    """
    services.upkeep.logins.lift_refusals(mailbox_id)
    return _set_state(services, mailbox_id, MailboxState.ACTIVE)


def remove_mailbox(services: Services, mailbox_id: str) -> RegistryEntry:
    """Disconnect a mailbox; ledger, history and everything in the CRM tables stay.

    Connected again later, it goes on where it stopped.

    Raises:
        UnknownMailboxError: it is not registered, or was removed before.
    """
    return _set_state(services, mailbox_id, MailboxState.REMOVED)


def write_snapshot(services: Services) -> None:
    """Write the file from which DAG files are made, as the registry is now.

    Raises:
        SettingsError: MAILCRM_HOME cannot be written.
    """
    services.files.write_snapshot(services.registry.list_entries())


def _set_state(services: Services, mailbox_id: str, state: MailboxState) -> RegistryEntry:
    entry = show_mailbox(services, mailbox_id)
    services.registry.set_state(mailbox_id, state.value, services.clock.now())
    try:
        write_snapshot(services)
    except SettingsError as error:
        problem = f"is {state.value}, but Airflow does not know yet: {error}"
        raise SettingsError(where=f"mailbox {mailbox_id}", problem=problem) from None
    logger.info("registry.state_set mailbox=%s state=%s", mailbox_id, state.value)
    return dataclasses.replace(entry, state=state)


def _same(stored: Mailbox, given: Mailbox) -> bool:
    return stored == dataclasses.replace(
        given, state=stored.state, connected_at=stored.connected_at
    )
