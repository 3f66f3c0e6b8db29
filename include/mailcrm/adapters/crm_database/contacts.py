"""Contacts, their addresses and the keys under which they are looked up.

Where `MAILCRM_CONTACTS_QUERY` names the CRM's own tables, `refresh_contacts` copies what it yields
into the same tables before each match, contacts that are gone included, so that lookups, foreign
keys and the analysts' joins are the same in both cases.
"""

import datetime as dt
from collections.abc import Collection, Iterable, Mapping, Sequence

from sqlalchemy import Connection, Engine, delete, func, select, tuple_

from mailcrm.adapters.crm_database.bulk import insert_bulk
from mailcrm.adapters.crm_database.contact_keys import (
    current_ids,
    drop_keys,
    next_moment,
    read_clock,
    sync_keys,
)
from mailcrm.adapters.crm_database.contacts_query import read_contacts_query
from mailcrm.adapters.crm_database.engine import (
    any_of,
    chunked,
    reading,
    retried,
    writing,
)
from mailcrm.adapters.crm_database.schema import (
    UtcDateTime,
    contact_keys,
    crm_contact_addresses,
    crm_contacts,
)
from mailcrm.adapters.crm_database.taught import add_taught, write_taught
from mailcrm.errors import SettingsError
from mailcrm.records import Contact, ContactAddress, ContactKey

__all__ = ["ContactTables"]

_CHUNK = 5_000
_SOURCE = "MAILCRM_CONTACTS_QUERY"


class ContactTables:
    """Contacts in the CRM database; see `mailcrm.ports.Contacts`."""

    def __init__(self, engine: Engine, contacts_query: str | None = None) -> None:
        """Work on migrated tables; `contacts_query` is a SELECT over the CRM's own tables."""
        self._engine = engine
        self._query = contacts_query

    @retried
    def upsert_contacts(self, contacts: Sequence[Contact], now: dt.datetime) -> int:
        """Add or change contacts with their addresses and lookup keys, all or none.

        Returns:
            How many contacts are new or differ from what was stored.

        Raises:
            SettingsError: contacts come from a query, so an import would be undone.
        """
        if self._query is not None:
            raise SettingsError(
                where="contacts import",
                problem=f"contacts come from {_SOURCE}; change them there, or unset it",
            )
        with writing(self._engine) as connection:
            _lock(connection)
            return _upsert(connection, contacts, now, renew_keys=True)

    @retried
    def refresh_contacts(self, now: dt.datetime) -> int:
        """Bring the lookup up to date with the contacts query; without one there is nothing to do.

        Returns:
            How many contacts were added, changed or removed.

        Raises:
            SettingsError: the query fails, lacks a column, or yields nobody although contacts
                were known; nothing is changed then.
        """
        if self._query is None:
            return 0
        contacts = read_contacts_query(self._engine, self._query)
        with writing(self._engine) as connection:
            _lock(connection)
            known = set(connection.execute(select(crm_contacts.c.contact_id)).scalars())
            gone = known.difference(contact.contact_id for contact in contacts)
            if known and not contacts:
                raise SettingsError(
                    where=_SOURCE,
                    problem=f"yields no contact, but {len(known)} were known; nothing changed",
                )
            changed = _upsert(connection, contacts, now, renew_keys=False)
            moment = next_moment(connection, now)
            for ids in chunked(sorted(gone), _CHUNK):
                drop_keys(connection, ids, moment)
                for table in (crm_contact_addresses, crm_contacts):
                    connection.execute(delete(table).where(table.c.contact_id.in_(ids)))
        return changed + len(gone)

    @retried
    def teach_address(self, contact_id: str, address: str, reviewer: str, now: dt.datetime) -> bool:
        """See `ports.Contacts`."""
        with writing(self._engine) as connection:
            _lock(connection)
            known = _read_contacts(connection, [contact_id])
            if contact_id not in known:
                raise SettingsError(where=f"contact {contact_id}", problem="does not exist")
            write_taught(connection, contact_id, address, reviewer, now)
            return _upsert(connection, list(known.values()), now, renew_keys=False) > 0

    @retried
    def find_contacts(self, keys: Iterable[ContactKey]) -> Sequence[tuple[ContactKey, Contact]]:
        """All contacts under any of the keys, by key and contact_id."""
        wanted: dict[str, list[str]] = {}
        for kind, text in set(keys):
            wanted.setdefault(kind, []).append(text)
        table = contact_keys.c
        found: list[tuple[str, str, str]] = []
        with reading(self._engine) as connection:
            for kind, texts in sorted(wanted.items()):
                statement = select(table.kind, table.key, table.contact_id).where(
                    table.kind == kind, any_of(connection, table.key, texts)
                )
                found += map(tuple, connection.execute(statement).all())
            contacts = _read_contacts(connection, {contact_id for _, _, contact_id in found})
        found.sort()
        return [(ContactKey(kind, key), contacts[one]) for kind, key, one in found]

    @retried
    def find_companies(self, domains: Collection[str]) -> frozenset[str]:
        """See `ports.Contacts`."""
        table = contact_keys.c
        with reading(self._engine) as connection:
            statement = select(table.key).where(
                table.kind == "domain", any_of(connection, table.key, domains)
            )
            return frozenset(connection.execute(statement.distinct()).scalars())

    @retried
    def read_clock(self) -> dt.datetime:
        """See `ports.Contacts`."""
        with reading(self._engine) as connection:
            return read_clock(connection)

    @retried
    def count_contacts(self) -> int:
        """How many there are."""
        with reading(self._engine) as connection:
            return connection.execute(select(func.count()).select_from(crm_contacts)).scalar_one()


def _lock(connection: Connection) -> None:
    # Two imports side by side would meet in each other's rows; SQLite has one writer anyway.
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("LOCK TABLE crm_contacts IN SHARE ROW EXCLUSIVE MODE")


def _upsert(
    connection: Connection, contacts: Sequence[Contact], now: dt.datetime, *, renew_keys: bool
) -> int:
    """Write what differs; with `renew_keys` the keys of what does not differ, too."""
    latest = {contact.contact_id: contact for contact in contacts}
    moment = next_moment(connection, now)
    changed = 0
    for part in chunked(list(latest.values()), _CHUNK):
        ids = [contact.contact_id for contact in part]
        chunk = add_taught(connection, part)
        stored = _read_contacts(connection, ids)
        fresh = [c for c in chunk if _content(c) != _content(stored.get(c.contact_id))]
        _write_contacts(connection, fresh, moment)
        _sync_addresses(
            connection,
            {(c.contact_id, a.address): a.is_primary for c in fresh for a in c.addresses},
            {
                (c.contact_id, a.address): a.is_primary
                for c in fresh
                for a in stored.get(c.contact_id, c).addresses
                if c.contact_id in stored
            },
        )
        changed_ids = {contact.contact_id for contact in fresh}
        known = set() if renew_keys else current_ids(connection, ids) - changed_ids
        sync_keys(connection, [c for c in chunk if c.contact_id not in known], moment)
        changed += len(fresh)
    return changed


def _content(contact: Contact | None) -> tuple[object, ...] | None:
    if contact is None:
        return None
    addresses = frozenset((a.address, a.is_primary) for a in contact.addresses)
    return contact.full_name, contact.company, contact.domain, addresses


def _write_contacts(connection: Connection, contacts: Sequence[Contact], now: dt.datetime) -> None:
    moment = UtcDateTime().bind_processor(connection.dialect)
    updated_at = moment(now) if moment else now
    names = ("full_name", "company", "domain", "updated_at")
    rows = [(c.contact_id, c.full_name, c.company, c.domain, updated_at) for c in contacts]
    insert_bulk(connection, crm_contacts, ("contact_id", *names), rows, conflict="update")


def _sync_addresses(
    connection: Connection,
    wanted: Mapping[tuple[str, str], bool],
    stored: Mapping[tuple[str, str], bool],
) -> None:
    table = crm_contact_addresses
    gone = [key for key in stored if key not in wanted]
    columns = tuple_(table.c.contact_id, table.c.address)
    for keys in chunked(gone, _CHUNK):
        connection.execute(delete(table).where(columns.in_(keys)))
    rows = [(*key, value) for key, value in wanted.items() if stored.get(key) is not value]
    names = ("contact_id", "address", "is_primary")
    insert_bulk(connection, table, names, sorted(rows), conflict="update")


def _read_contacts(connection: Connection, ids: Collection[str]) -> dict[str, Contact]:
    table, contacts = crm_contact_addresses.c, crm_contacts.c
    addresses: dict[str, list[ContactAddress]] = {}
    statement = select(table.contact_id, table.address, table.is_primary).where(
        any_of(connection, table.contact_id, ids)
    )
    for contact_id, address, is_primary in connection.execute(statement).all():
        addresses.setdefault(contact_id, []).append(ContactAddress(address, bool(is_primary)))
    for several in addresses.values():
        if len(several) > 1:
            several.sort(key=lambda one: (not one.is_primary, one.address))
    columns = (contacts.contact_id, contacts.full_name, contacts.company, contacts.domain)
    rows = connection.execute(
        select(*columns, contacts.updated_at).where(any_of(connection, contacts.contact_id, ids))
    )
    return {
        one: Contact(one, name, company, domain, tuple(addresses.get(one, ())), updated_at)
        for one, name, company, domain, updated_at in rows.all()
    }
