"""The registry: which mailboxes are connected, and whether their runs do anything.

Airflow makes its DAGs from the registry itself. Every change also refreshes a copy for people and
backups; a copy that cannot be written harms no change.
"""

import dataclasses
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from mailcrm.errors import SettingsError, UnknownMailboxError
from mailcrm.records import Direction, Mailbox, MailboxState, Origin
from mailcrm.records.registry import RegistryEntry
from mailcrm.services.checklist import keep_answers
from mailcrm.services.wiring import Services

__all__ = [
    "add_mailbox",
    "connect_mailbox",
    "find_twins",
    "list_mailboxes",
    "parse_web_draft",
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
    return _store(services, services.files.read_mailbox(path), added_by)


def connect_mailbox(
    services: Services,
    draft: Mapping[str, object],
    connected_by: str,
    replace: bool = False,
    keep_credentials: Callable[[], None] = lambda: None,
) -> tuple[RegistryEntry, str]:
    """Connect a mailbox from the values of a web form; no server is asked.

    Its servers stay guarded in every later run: see `records.Origin`.

    Args:
        services: Registry, files and answers are used.
        draft: The form of a registry file, whole.
        connected_by: Who answers for a shared mailbox's checklist.
        replace: Whether an id that is registered already is changed instead of refused.
        keep_credentials: Called once the id is this mailbox', and before it may run. Where it
            raises, or what follows does, the registry stays as it was.

    Raises:
        SettingsError: a field is wrong, or the id is taken; nothing is stored.
    """
    mailbox = parse_web_draft(services, draft)
    if replace:
        keep_credentials()
        return _store(services, mailbox, connected_by)
    before = services.registry.find_entry(mailbox.id)
    if not services.registry.claim_mailbox(mailbox, services.clock.now()):
        raise SettingsError(where="id", problem=f"a mailbox {mailbox.id} is connected already")
    try:
        keep_credentials()
        keep_answers(services, mailbox, connected_by)
        return _set_state(services, mailbox.id, MailboxState.ACTIVE), "connected"
    except Exception:
        _give_back(services, mailbox.id, before)
        raise


def parse_web_draft(
    services: Services,
    draft: Mapping[str, object],
    directions: Iterable[Direction] = tuple(Direction),
) -> Mailbox:
    """The mailbox that a web form describes, its servers guarded.

    Where an operator connected it before and its servers stay as they are, they stay the
    operator's, with their CA file.

    Args:
        services: Registry and files are used.
        draft: The form of a registry file.
        directions: Those whose servers are looked at.

    Raises:
        SettingsError: a field is wrong, or is an operator's to set.
    """
    tls = draft.get("tls")
    if isinstance(tls, Mapping) and tls.get("ca_file"):
        raise SettingsError(where="tls.ca_file", problem="is a file of this machine: an operator's")
    mailbox = services.files.parse_mailbox({**draft, "origin": Origin.WEB.value}, "the form")
    entries = services.registry.list_entries()
    stored = next((e.mailbox for e in entries if e.mailbox_id == mailbox.id), None)
    if stored is None or stored.origin is Origin.WEB:
        return mailbox
    if any(stored.endpoint(one) != mailbox.endpoint(one) for one in directions):
        return mailbox
    trust = dataclasses.replace(mailbox.tls, ca_file=stored.tls.ca_file)
    return dataclasses.replace(mailbox, origin=stored.origin, tls=trust)


def find_twins(services: Services, mailbox_id: str, address: str) -> list[str]:
    """The ids of other mailboxes that are connected with the same address."""
    return [
        entry.mailbox_id
        for entry in services.registry.list_entries()
        if entry.mailbox_id != mailbox_id and entry.address.lower() == address.lower()
    ]


def _give_back(services: Services, mailbox_id: str, before: RegistryEntry | None) -> None:
    """Leave an id that was claimed; what was removed before is so again, as it was."""
    now = services.clock.now()
    if before is not None and before.mailbox is not None:
        services.registry.write_mailbox(before.mailbox, now)
    services.registry.set_state(mailbox_id, MailboxState.REMOVED.value, now)


def _store(services: Services, mailbox: Mailbox, added_by: str) -> tuple[RegistryEntry, str]:
    before = next((e for e in services.registry.list_entries() if e.mailbox_id == mailbox.id), None)
    if before is not None and before.mailbox is not None and _same(before.mailbox, mailbox):
        _refresh_copy(services)
        return before, "unchanged"
    services.registry.write_mailbox(mailbox, services.clock.now())
    keep_answers(services, mailbox, added_by)
    _refresh_copy(services)
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
    """Write the copy of the registry as it is now.

    Raises:
        SettingsError: the store for files cannot be written.
    """
    services.files.write_snapshot(services.registry.list_entries())


def _refresh_copy(services: Services) -> None:
    try:
        write_snapshot(services)
    except SettingsError as error:
        logger.warning("registry.copy_not_written reason=%s", str(error)[:200])


def _set_state(services: Services, mailbox_id: str, state: MailboxState) -> RegistryEntry:
    entry = show_mailbox(services, mailbox_id)
    services.registry.set_state(mailbox_id, state.value, services.clock.now())
    _refresh_copy(services)
    logger.info("registry.state_set mailbox=%s state=%s", mailbox_id, state.value)
    return dataclasses.replace(entry, state=state)


def _same(stored: Mailbox, given: Mailbox) -> bool:
    return stored == dataclasses.replace(
        given, state=stored.state, connected_at=stored.connected_at
    )
