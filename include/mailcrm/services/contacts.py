"""Contacts: imported from a file."""

import logging
from pathlib import Path

from mailcrm.records.registry import ImportResult
from mailcrm.services.wiring import Services

logger = logging.getLogger(__name__)


def run_import(services: Services, path: Path) -> ImportResult:
    """Add or change contacts out of a CSV file, all of them or none.

    Contacts that the file does not name stay as they are.

    Raises:
        SettingsError: the file is wrong; names the line.
        StoreBusyError, DatabaseError
    """
    started = services.clock.monotonic()
    contacts = services.files.read_contacts(path)
    changed = services.contacts.upsert_contacts(contacts, services.clock.now())
    logger.info(
        "contacts.imported count=%d changed=%d elapsed_s=%.3f",
        len(contacts),
        changed,
        services.clock.monotonic() - started,
    )
    return ImportResult(
        contacts=len(contacts),
        addresses=sum(len(contact.addresses) for contact in contacts),
        changed=changed,
        total=services.contacts.count_contacts(),
    )
