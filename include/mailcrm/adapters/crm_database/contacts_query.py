"""Contacts out of the CRM's own tables, by a SELECT of the operator's."""

import dataclasses
import re
from typing import Any

from sqlalchemy import Connection, CursorResult, Engine, exc

from mailcrm.adapters.crm_database.engine import reading, translate
from mailcrm.errors import SettingsError, StoreBusyError
from mailcrm.records import Contact, ContactAddress

__all__ = ["QUERY_COLUMNS", "read_contacts_query"]

QUERY_COLUMNS = ("contact_id", "full_name", "address", "is_primary", "company", "domain")
_SOURCE = "MAILCRM_CONTACTS_QUERY"
_READS = re.compile(r"\s*(select|with)\b", re.IGNORECASE)


def read_contacts_query(engine: Engine, query: str) -> list[Contact]:
    """Read all contacts, one row per address (or one with a null address for none), read-only.

    Raises:
        SettingsError: it is no SELECT, fails, or lacks a column.
        StoreBusyError: the database cannot be reached.
    """
    if not _READS.match(query):
        raise SettingsError(where=_SOURCE, problem="must be a SELECT")
    with reading(engine) as connection:
        if engine.dialect.name == "postgresql":
            connection.exec_driver_sql("SET TRANSACTION READ ONLY")
        # As it is: no bound parameters, so that % and : in it mean what they say.
        result = _execute(connection.execution_options(no_parameters=True), query)
        missing = [name for name in QUERY_COLUMNS if name not in result.keys()]  # noqa: SIM118
        if missing:
            raise SettingsError(where=_SOURCE, problem=f"lacks {', '.join(missing)}")
        return _group(result.mappings())


def _execute(connection: Connection, query: str) -> CursorResult[Any]:
    try:
        return connection.exec_driver_sql(query)
    except exc.DBAPIError as error:
        if isinstance(translate(error), StoreBusyError):
            raise
        text = (str(error.orig).strip().splitlines() or [""])[0]
        raise SettingsError(where=_SOURCE, problem=f"fails: {text[:200]}") from None


def _group(rows: Any) -> list[Contact]:
    contacts: dict[str, Contact] = {}
    addresses: dict[str, dict[str, bool]] = {}
    for row in rows:
        if row["contact_id"] is None:
            raise SettingsError(where=_SOURCE, problem="yields a row without contact_id")
        contact_id = str(row["contact_id"])
        contacts[contact_id] = Contact(
            contact_id=contact_id,
            full_name=_text(row["full_name"]),
            company=_text(row["company"]),
            domain=_text(row["domain"]).lower(),
        )
        own = addresses.setdefault(contact_id, {})
        address = _text(row["address"])
        if address:
            own[address] = own.get(address, False) or bool(row["is_primary"])
    return [
        dataclasses.replace(
            contact,
            addresses=tuple(ContactAddress(a, p) for a, p in addresses[contact_id].items()),
        )
        for contact_id, contact in contacts.items()
    ]


def _text(value: object) -> str:
    return "" if value is None else str(value).strip()
