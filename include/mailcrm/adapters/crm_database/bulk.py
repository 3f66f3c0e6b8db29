"""Writing very many rows: one statement, straight to the driver.

Rows are tuples of what the driver takes as it is: JSON as text, no datetimes. SQLite gets them one
by one from C; PostgreSQL gets one array for each column.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Column, Connection, Table
from sqlalchemy.dialects import postgresql

__all__ = ["insert_bulk", "update_bulk"]

Rows = Sequence[tuple[Any, ...]]
_DIALECT = postgresql.dialect()  # type: ignore[no-untyped-call]


def insert_bulk(
    connection: Connection,
    table: Table,
    names: Sequence[str],
    rows: Rows,
    *,
    conflict: str | None = None,
) -> None:
    """Insert rows.

    Args:
        connection: In a write transaction.
        table: Where to.
        names: The columns, in the order of the values.
        rows: The values.
        conflict: What to do with rows whose key is there already: "ignore" them, or "update"
            the stored ones; None: fail.
    """
    if not rows:
        return
    ending = "" if conflict is None else f" ON CONFLICT {_resolve(table, names, conflict)}"
    head = f"INSERT INTO {table.name} ({', '.join(names)}) "
    if connection.dialect.name == "postgresql":
        arrays = _arrays([table.c[name] for name in names])
        connection.exec_driver_sql(f"{head}SELECT * FROM {arrays}{ending}", _columns(rows))
    else:
        marks = ", ".join("?" * len(names))
        connection.exec_driver_sql(f"{head}VALUES ({marks}){ending}", list(rows))


def _resolve(table: Table, names: Sequence[str], conflict: str) -> str:
    if conflict == "ignore":
        return "DO NOTHING"
    keys = [column.name for column in table.primary_key.columns]
    values = ", ".join(f"{name} = excluded.{name}" for name in names if name not in keys)
    return f"({', '.join(keys)}) DO UPDATE SET {values}"


def update_bulk(
    connection: Connection, table: Table, keys: Sequence[str], names: Sequence[str], rows: Rows
) -> None:
    """Update rows.

    Args:
        connection: In a write transaction.
        table: Where.
        keys: Columns that find the row.
        names: Columns that are set.
        rows: For each row the new values, then those of the keys.
    """
    if not rows:
        return
    if connection.dialect.name == "postgresql":
        arrays = _arrays([table.c[name] for name in (*names, *keys)])
        aliases = ", ".join(f"v_{name}" for name in (*names, *keys))
        values = ", ".join(f"{name} = v.v_{name}" for name in names)
        found = " AND ".join(f"t.{name} = v.v_{name}" for name in keys)
        statement = f"UPDATE {table.name} AS t SET {values} FROM {arrays} AS v({aliases})"
        connection.exec_driver_sql(f"{statement} WHERE {found}", _columns(rows))
    else:
        values = ", ".join(f"{name} = ?" for name in names)
        found = " AND ".join(f"{name} = ?" for name in keys)
        statement = f"UPDATE {table.name} SET {values} WHERE {found}"
        connection.exec_driver_sql(statement, list(rows))


def _arrays(columns: Sequence[Column[Any]]) -> str:
    kinds = (column.type.compile(_DIALECT) for column in columns)
    return f"unnest({', '.join(f'%s::{kind}[]' for kind in kinds)})"


def _columns(rows: Rows) -> tuple[list[Any], ...]:
    return tuple(list(column) for column in zip(*rows, strict=True))
