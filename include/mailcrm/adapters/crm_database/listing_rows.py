"""Writes what a listing found new into the ledger."""

import datetime as dt
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from sqlalchemy import Connection

from mailcrm.adapters.crm_database.engine import insert_into
from mailcrm.adapters.crm_database.schema import sync_ledger
from mailcrm.records import Lease, LedgerState, ListedMessage

__all__ = ["insert_listing"]


def insert_listing(
    connection: Connection,
    lease: Lease,
    generation_id: int,
    listed: Sequence[ListedMessage],
    outside: Sequence[ListedMessage],
    now: dt.datetime,
) -> None:
    """Insert rows in and out of the window; see `ports.Ledger.write_listing`."""
    rows = [
        *_rows(listed, LedgerState.LISTED, lease.batch_id),
        *_rows(outside, LedgerState.OUTSIDE, None),
    ]
    for row in rows:
        row |= {"generation_id": generation_id, "updated_at": now}
    if rows:
        connection.execute(_insert(connection), rows)


def _insert(connection: Connection) -> Any:
    """New rows; only one that lay outside of every window may change, when it was misdated."""
    insert = insert_into(connection, sync_ledger)
    names = ("state", "internaldate", "size_bytes", "batch_id", "updated_at")
    return insert.on_conflict_do_update(
        index_elements=["generation_id", "uid"],
        set_={name: insert.excluded[name] for name in names},
        where=sync_ledger.c.state == LedgerState.OUTSIDE.value,
    )


def _rows(
    messages: Iterable[ListedMessage], state: LedgerState, batch_id: str | None
) -> Iterator[dict[str, Any]]:
    for message in messages:
        yield {
            "uid": message.uid,
            "state": state.value,
            "internaldate": message.internaldate,
            "size_bytes": message.size_bytes,
            "batch_id": batch_id,
        }
