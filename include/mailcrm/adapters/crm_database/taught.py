"""Addresses that people taught to contacts; imports, which know nothing of them, keep them."""

import dataclasses
import datetime as dt
from collections.abc import Sequence

from sqlalchemy import Connection, select

from mailcrm.adapters.crm_database.engine import insert_into
from mailcrm.adapters.crm_database.schema import taught_addresses
from mailcrm.records import Contact, ContactAddress
from mailcrm.records.addresses import normalise_address

__all__ = ["add_taught", "write_taught"]


def write_taught(
    connection: Connection, contact_id: str, address: str, reviewer: str, now: dt.datetime
) -> None:
    """Remember that an address is a contact's, by whose word and since when."""
    insert = insert_into(connection, taught_addresses).values(
        contact_id=contact_id,
        address=normalise_address(address),
        reviewer=reviewer,
        taught_at=now,
    )
    connection.execute(insert.on_conflict_do_nothing())


def add_taught(connection: Connection, contacts: Sequence[Contact]) -> list[Contact]:
    """The contacts with the addresses that they were taught; at most a few thousand contacts."""
    table = taught_addresses.c
    ids = [contact.contact_id for contact in contacts]
    statement = select(table.contact_id, table.address).where(table.contact_id.in_(ids))
    taught: dict[str, list[str]] = {}
    for contact_id, address in connection.execute(statement.order_by(table.address)):
        taught.setdefault(contact_id, []).append(address)
    return [_with_addresses(one, taught.get(one.contact_id, ())) for one in contacts]


def _with_addresses(contact: Contact, more: Sequence[str]) -> Contact:
    known = {normalise_address(one.address) for one in contact.addresses}
    added = tuple(ContactAddress(one, is_primary=False) for one in more if one not in known)
    return dataclasses.replace(contact, addresses=contact.addresses + added) if added else contact
