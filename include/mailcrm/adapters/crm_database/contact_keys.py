"""The keys under which contacts are looked up, and whether they are those of today's rules.

Each contact also has a key of the kind `rules` that names the version by which its keys were made.
"""

from collections.abc import Sequence

from sqlalchemy import Connection, delete, select, tuple_

from mailcrm.adapters.crm_database.engine import chunked
from mailcrm.adapters.crm_database.schema import contact_keys
from mailcrm.match import RULE_VERSION, plan_contact_keys
from mailcrm.records import Contact

__all__ = ["current_ids", "sync_keys"]

RULES = "rules"
_CHUNK = 5_000
_INSERT = "INSERT INTO contact_keys (kind, key, contact_id) "
_FROM_ARRAYS = "SELECT * FROM unnest(%s::text[], %s::text[], %s::text[]) ON CONFLICT DO NOTHING"
_FROM_VALUES = "VALUES (?, ?, ?) ON CONFLICT DO NOTHING"

KeyRow = tuple[str, str, str]


def current_ids(connection: Connection, ids: Sequence[str]) -> set[str]:
    """Those of the contacts whose keys were made by today's rules; at most a few thousand ids."""
    columns = contact_keys.c
    statement = select(columns.contact_id).where(
        columns.kind == RULES, columns.key == RULE_VERSION, columns.contact_id.in_(ids)
    )
    return set(connection.execute(statement).scalars())


def sync_keys(connection: Connection, contacts: Sequence[Contact]) -> None:
    """Make the stored keys of these contacts the planned ones; at most a few thousand contacts."""
    if not contacts:
        return
    columns = contact_keys.c
    stored: set[KeyRow] = {
        (kind, key, contact_id)
        for kind, key, contact_id in connection.execute(
            select(columns.kind, columns.key, columns.contact_id).where(
                columns.contact_id.in_([contact.contact_id for contact in contacts])
            )
        )
    }
    wanted: set[KeyRow] = {(RULES, RULE_VERSION, c.contact_id) for c in contacts}
    wanted.update((k.kind, k.key, c.contact_id) for c in contacts for k in plan_contact_keys(c))
    whole = tuple_(columns.kind, columns.key, columns.contact_id)
    for rows in chunked(sorted(stored - wanted), _CHUNK):
        connection.execute(delete(contact_keys).where(whole.in_(rows)))
    _insert(connection, sorted(wanted - stored))


def _insert(connection: Connection, rows: list[KeyRow]) -> None:
    """Straight to the driver: there are many of these rows, and nothing in them to convert."""
    if not rows:
        return
    if connection.dialect.name == "postgresql":
        arrays = tuple(list(column) for column in zip(*rows, strict=True))
        connection.exec_driver_sql(_INSERT + _FROM_ARRAYS, arrays)
    else:
        connection.exec_driver_sql(_INSERT + _FROM_VALUES, rows)
