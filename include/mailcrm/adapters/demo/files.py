"""What the demo keeps on disk: its anchor day, the contacts and the registry file."""

import csv
import datetime as dt
from collections.abc import Sequence
from pathlib import Path

from mailcrm.adapters.demo.company import CONTACTS, MAILBOX_ADDRESS, MAILBOX_NAME
from mailcrm.errors import SettingsError

__all__ = ["read_anchor", "write_contacts", "write_mailbox"]

MAILBOX_FILE = """\
# Written by `mailcrm demo`; its ports change with every start of the demo's mail server.
id: acme_sales
address: {address}
display_name: {name}
imap: {{host: 127.0.0.1, port: {imap_port}, encryption: none}}   # none: on loopback only
smtp: {{host: 127.0.0.1, port: {smtp_port}, encryption: none}}
folders: [INBOX, Sent]
backfill: {{since: {since}}}
ownership: shared
shared:
  owner_team: Sales
  record_target: contacts
  display_name_of: team
  rotation_owner: it@acme-scales.example
  failed_send_monitor: it@acme-scales.example
"""
WINDOW_DAYS = 7


def read_anchor(folder: Path, today: dt.date) -> dt.date:
    """The day that the demo's mail is dated by: the first day on which it ran here.

    Raises:
        SettingsError: the file holds no date.
    """
    path = folder / "anchor"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{today.isoformat()}\n", encoding="ascii")
    try:
        return dt.date.fromisoformat(path.read_text(encoding="utf-8").strip())
    except ValueError:
        raise SettingsError(where=str(path), problem="holds no date; delete it") from None


def write_contacts(folder: Path) -> Path:
    """The company's contacts as a file that `mailcrm contacts import` reads."""
    path = folder / "contacts.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(_COLUMNS)
        writer.writerows(_row(number) for number in range(len(CONTACTS)))
    return path


def write_mailbox(folder: Path, anchor: dt.date, imap_port: int, smtp_port: int) -> Path:
    """The mailbox as a file that `mailcrm mailbox add` reads; its window is a week."""
    path = folder / "acme_sales.yaml"
    text = MAILBOX_FILE.format(
        address=MAILBOX_ADDRESS,
        name=MAILBOX_NAME,
        imap_port=imap_port,
        smtp_port=smtp_port,
        since=anchor - dt.timedelta(days=WINDOW_DAYS),
    )
    path.write_text(text, encoding="utf-8")
    return path


_COLUMNS = ("contact_id", "full_name", "primary_email", "other_emails", "company", "domain")


def _row(number: int) -> Sequence[str]:
    contact = CONTACTS[number]
    return (
        contact.contact_id,
        contact.full_name,
        contact.primary_email,
        ";".join(contact.other_emails),
        contact.company,
        contact.domain,
    )
