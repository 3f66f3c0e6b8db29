"""Which of a batch's messages are new to the CRM: a temporary table that a publish begins with.

Everything else of the publish joins it, so that what is new is decided once, and large rows are
not read again to find out.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import BigInteger, Column, Connection, MetaData, String, Table, select

from mailcrm.adapters.crm_database.engine import insert_into
from mailcrm.adapters.crm_database.schema import crm_messages, staged_messages

__all__ = ["finding_new", "new_messages"]

new_messages = Table(
    "mailcrm_new_messages",
    MetaData(),
    Column("message_key", String(64), primary_key=True),
    Column("generation_id", BigInteger, nullable=False),
    Column("uid", BigInteger, nullable=False),
    prefixes=["TEMPORARY"],
    sqlite_with_rowid=False,
    postgresql_on_commit="DROP",
)


@contextmanager
def finding_new(connection: Connection, batch_id: str) -> Iterator[None]:
    """Fill the table for one transaction; it is gone afterwards, however that ends.

    A message that another mailbox published meanwhile is not in it.
    """
    new_messages.create(connection, checkfirst=False)
    staged, known = staged_messages, crm_messages
    published = select(known.c.message_key).where(known.c.message_key == staged.c.message_key)
    rows = select(staged.c.message_key, staged.c.generation_id, staged.c.uid).where(
        staged.c.batch_id == batch_id,
        staged.c.disposition == "publish",
        ~published.exists(),
    )
    names = ["message_key", "generation_id", "uid"]
    connection.execute(
        insert_into(connection, new_messages).from_select(names, rows).on_conflict_do_nothing()
    )
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(f"ANALYZE {new_messages.name}")
        # Compiling these statements takes longer than running them.
        connection.exec_driver_sql("SET LOCAL jit = off")
    yield
    if connection.dialect.name == "sqlite":  # a rollback takes it back by itself
        new_messages.drop(connection, checkfirst=False)
