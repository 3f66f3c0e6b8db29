"""The hash that names exactly the rows that the gate looked at; publish compares it.

Every column of every row counts. The rows never become Python values one by one: PostgreSQL
hashes them itself, and what SQLite gives is written out in C, thousands of rows at a time.
"""

import hashlib
import marshal
from collections.abc import Iterator
from typing import Any

from sqlalchemy import Connection, Table

from mailcrm.adapters.crm_database.schema import (
    staged_attachments,
    staged_decisions,
    staged_messages,
    staged_participants,
)

__all__ = ["hash_batch"]

_LEFT_OUT = ("raw", "batch_id")
_CHILDREN = (staged_participants, staged_attachments, staged_decisions)
_ROWS = 1_000
# Marshal's last form without references, whose places depend on how values are shared in memory.
_PLAIN = 2


def hash_batch(connection: Connection, batch_id: str) -> str:
    """SHA-256 (hex) over what a batch would publish: rows, people, attachments and decisions.

    Rows to publish have their children counted in; of all others only the row itself counts. Two
    hashes compare only where both were made on the same kind of database.
    """
    if connection.dialect.name == "postgresql":
        return _hash_on_server(connection, batch_id)
    digest = hashlib.sha256()
    for statement, values in _statements(connection, batch_id):
        # The driver's own cursor: reading text as moments and JSON would take thrice as long.
        cursor = connection.exec_driver_sql(statement, values).cursor
        while cursor is not None and (rows := cursor.fetchmany(_ROWS)):
            digest.update(marshal.dumps(list(rows), _PLAIN))
    return digest.hexdigest()


def _columns(table: Table, alias: str) -> str:
    return ", ".join(f"{alias}.{c.name}" for c in table.c if c.name not in _LEFT_OUT)


def _keys(table: Table, alias: str) -> str:
    return ", ".join(f"{alias}.{column.name}" for column in table.primary_key.columns)


_MESSAGES = (
    f"SELECT {_columns(staged_messages, 'm')} FROM staged_messages AS m"
    " WHERE m.generation_id = ? AND +m.batch_id = ? ORDER BY m.uid"
)


def _statements(connection: Connection, batch_id: str) -> Iterator[tuple[str, tuple[Any, ...]]]:
    """Folder by folder along the primary keys, so that SQLite need not sort.

    The plus keeps it from finding rows through the batch's index, whose order is another one.
    """
    folders = "SELECT DISTINCT generation_id FROM staged_messages WHERE batch_id = ? ORDER BY 1"
    for (generation_id,) in connection.exec_driver_sql(folders, (batch_id,)).all():
        values = (generation_id, batch_id)
        yield _MESSAGES, values
        for table in _CHILDREN:
            yield _children(table), values


def _children(table: Table) -> str:
    return (
        f"SELECT {_columns(table, 't')} FROM {table.name} AS t WHERE t.generation_id = ?"
        " AND EXISTS (SELECT 1 FROM staged_messages AS m WHERE m.uid = t.uid"
        " AND m.generation_id = t.generation_id AND +m.batch_id = ?"
        f" AND m.disposition = 'publish') ORDER BY {_keys(table, 't')}"
    )


def _hash_on_server(connection: Connection, batch_id: str) -> str:
    """One digest of every table's rows, each hashed by itself first, so that sorting is cheap."""
    connection.exec_driver_sql("SET LOCAL TIME ZONE 'UTC'")  # a row's text would follow the zone
    digest = hashlib.sha256()
    mine = "m.batch_id = %(batch)s"
    queries = [_row_hashes(staged_messages, "m", f"staged_messages AS m WHERE {mine}")]
    queries += [
        _row_hashes(
            table,
            "t",
            f"{table.name} AS t JOIN staged_messages AS m ON m.generation_id = t.generation_id"
            f" AND m.uid = t.uid WHERE {mine} AND m.disposition = 'publish'",
        )
        for table in _CHILDREN
    ]
    for query in queries:
        found = connection.exec_driver_sql(query, {"batch": batch_id}).scalar_one()
        digest.update(bytes(found or b"nothing"))
    return digest.hexdigest()


def _row_hashes(table: Table, alias: str, source: str) -> str:
    row = f"SHA256(CONVERT_TO(ROW({_columns(table, alias)})::text, 'UTF8'))"
    return (
        f"SELECT SHA256(STRING_AGG({row}, ''::bytea ORDER BY {_keys(table, alias)})) FROM {source}"
    )
