"""The keys of everybody in published mail, under which a changed contact finds whom it can touch.

One row for each pair of address and display name, made when mail is published; a row made by
other rules is made anew before it is needed.
"""

import hashlib
from collections.abc import Collection
from typing import Any

from sqlalchemy import Connection, select

from mailcrm.adapters.crm_database.bulk import insert_bulk
from mailcrm.adapters.crm_database.engine import any_of
from mailcrm.adapters.crm_database.schema import (
    crm_message_participants,
    crm_messages,
    participant_keys,
    sync_runs,
)
from mailcrm.match import RULE_VERSION, plan_participant_keys

__all__ = ["add_participant_keys", "renew_participant_keys"]

_COLUMNS = tuple(column.name for column in participant_keys.c)


def add_participant_keys(connection: Connection, batch_id: str) -> None:
    """Make the keys of those in a batch's published messages who have none yet."""
    _add(connection, _people(crm_messages.c.batch_id == batch_id))


def renew_participant_keys(connection: Connection, mailbox_id: str) -> None:
    """Make the keys of everybody in a mailbox's published messages by today's rules."""
    batches = select(sync_runs.c.batch_id).where(sync_runs.c.mailbox_id == mailbox_id)
    _add(connection, _people(crm_messages.c.batch_id.in_(batches)))


def _people(mine: Any) -> Any:
    people, messages = crm_message_participants.c, crm_messages.c
    return (
        select(people.address, people.display_name)
        .join(crm_messages, messages.message_key == people.message_key)
        .where(mine)
        .distinct()
    )


def _add(connection: Connection, people: Any) -> None:
    found = {_hash(*row): (row[0], row[1]) for row in connection.execute(people).all()}
    rows = [
        (one, *found[one], RULE_VERSION, *plan_participant_keys(*found[one]))
        for one in found.keys() - _current(connection, found)
    ]
    insert_bulk(connection, participant_keys, _COLUMNS, rows, conflict="update")


def _current(connection: Connection, hashes: Collection[str]) -> set[str]:
    table = participant_keys.c
    statement = select(table.person_hash).where(
        any_of(connection, table.person_hash, hashes), table.rule_version == RULE_VERSION
    )
    return set(connection.execute(statement).scalars())


def _hash(address: str, name: str) -> str:
    return hashlib.sha256(f"{address}\0{name}".encode()).hexdigest()
