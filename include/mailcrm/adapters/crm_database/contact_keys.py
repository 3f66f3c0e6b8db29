"""The keys under which contacts are looked up, and whether they are those of today's rules.

Each contact also has a key of the kind `rules` that names the version by which its keys were made.
"""

import datetime as dt
from collections.abc import Collection, Sequence

from sqlalchemy import Connection, delete, func, select, tuple_

from mailcrm.adapters.crm_database.bulk import insert_bulk
from mailcrm.adapters.crm_database.engine import chunked, insert_into
from mailcrm.adapters.crm_database.schema import (
    contact_key_removals,
    contact_keys,
    crm_contacts,
)
from mailcrm.match import RULE_VERSION, plan_contact_keys
from mailcrm.records import Contact

__all__ = ["current_ids", "drop_keys", "next_moment", "read_clock", "sync_keys"]

RULES = "rules"
_CHUNK = 5_000
_NEVER = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)

KeyRow = tuple[str, str, str]


def current_ids(connection: Connection, ids: Sequence[str]) -> set[str]:
    """Those of the contacts whose keys were made by today's rules; at most a few thousand ids."""
    columns = contact_keys.c
    statement = select(columns.contact_id).where(
        columns.kind == RULES, columns.key == RULE_VERSION, columns.contact_id.in_(ids)
    )
    return set(connection.execute(statement).scalars())


def read_clock(connection: Connection) -> dt.datetime:
    """The latest change of any contact that is committed; 1970 where there are none.

    Imports wait for each other and each is later than the one before (`next_moment`), so whoever
    reads this sees all changes up to then, and none after.
    """
    latest = [
        connection.scalar(select(func.max(crm_contacts.c.updated_at))),
        connection.scalar(select(func.max(contact_key_removals.c.removed_at))),
    ]
    return max((one for one in latest if one is not None), default=_NEVER)


def next_moment(connection: Connection, now: dt.datetime) -> dt.datetime:
    """The time of the import that begins now: later than every other, whatever clocks say."""
    return max(now, read_clock(connection) + dt.timedelta(microseconds=1))


def drop_keys(connection: Connection, ids: Sequence[str], now: dt.datetime) -> None:
    """Remove the keys of contacts that are gone; at most a few thousand ids."""
    columns = contact_keys.c
    stored = connection.execute(
        select(columns.kind, columns.key).where(columns.contact_id.in_(ids)).distinct()
    ).all()
    _note_removed(connection, [(kind, key) for kind, key in stored], now)
    connection.execute(delete(contact_keys).where(columns.contact_id.in_(ids)))


def _note_removed(
    connection: Connection, keys: Collection[tuple[str, str]], now: dt.datetime
) -> None:
    """Remember keys under which a contact stood, for decisions that it may have been part of."""
    rows = [
        {"kind": kind, "key": key, "removed_at": now} for kind, key in set(keys) if kind != RULES
    ]
    if rows:
        insert = insert_into(connection, contact_key_removals)
        update = insert.on_conflict_do_update(
            index_elements=["kind", "key"], set_={"removed_at": now}
        )
        connection.execute(update, rows)


def sync_keys(connection: Connection, contacts: Sequence[Contact], now: dt.datetime) -> None:
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
    _note_removed(connection, [(kind, key) for kind, key, _ in stored - wanted], now)
    for rows in chunked(sorted(stored - wanted), _CHUNK):
        connection.execute(delete(contact_keys).where(whole.in_(rows)))
    names = ("kind", "key", "contact_id")
    insert_bulk(connection, contact_keys, names, sorted(wanted - stored), conflict="ignore")
