"""What watchers ask of the registry's tables, cheaply and for all mailboxes at once."""

from collections.abc import Mapping

from sqlalchemy import Engine, select

from mailcrm.adapters.crm_database.engine import reading
from mailcrm.adapters.crm_database.schema import mailboxes

__all__ = ["read_versions"]


def read_versions(engine: Engine) -> Mapping[str, str]:
    """By mailbox, a text that changes with its entry or state; removed ones are there, too.

    Raises:
        StoreBusyError, DatabaseError
    """
    query = select(mailboxes.c.mailbox_id, mailboxes.c.state, mailboxes.c.updated_at)
    with reading(engine) as connection:
        return {
            row.mailbox_id: f"{row.state} {row.updated_at.isoformat()}"
            for row in connection.execute(query)
        }
