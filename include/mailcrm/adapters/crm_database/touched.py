"""Which published messages new rules, or contacts that changed, can decide otherwise.

A decision knows the contacts that were committed when its match began. Each import is later than
the one before it (`contact_clock`), so a mailbox's mark, the latest change that all its decisions
know, parts exactly those contacts that changed since. Only messages of people who share a key with
one of them, as it was or as it is, can be decided otherwise; indexes find them.
"""

from collections.abc import Collection
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, and_, or_, select, union

from mailcrm.adapters.crm_database.engine import any_of
from mailcrm.adapters.crm_database.schema import (
    contact_key_removals,
    contact_keys,
    crm_contacts,
    crm_message_participants,
    crm_messages,
    match_decisions,
    participant_keys,
    rematch_marks,
    sync_runs,
)
from mailcrm.match import RULE_VERSION

__all__ = ["find_touched", "read_mark"]

_KEYS = (  # the column of a participant's key, and the kind of a contact's
    ("canonical", "canonical"),
    ("full_name", "name"),
    ("loose_name", "name"),
)


def read_mark(connection: Connection, mailbox_id: str) -> Row[Any] | None:
    """A mailbox's mark; None where it never published."""
    marks = rematch_marks
    return connection.execute(select(marks).where(marks.c.mailbox_id == mailbox_id)).one_or_none()


def find_touched(connection: Connection, mailbox_id: str) -> set[str]:
    """Message keys of a mailbox whose decisions may differ now; see `ports.Rematch`."""
    mine = _messages_of(mailbox_id)
    touched = _decided_otherwise(connection, mine)
    mark = read_mark(connection, mailbox_id)
    if mark is not None:
        people = connection.execute(_people_touched(mark.contacts_at)).all()
        touched |= _messages_with(connection, {(row[0], row[1]) for row in people}, mine)
    return touched


def _messages_of(mailbox_id: str) -> Select[Any]:
    """The keys of the messages that this mailbox published."""
    batches = select(sync_runs.c.batch_id).where(sync_runs.c.mailbox_id == mailbox_id)
    return select(crm_messages.c.message_key).where(crm_messages.c.batch_id.in_(batches))


def _decided_otherwise(connection: Connection, mine: Select[Any]) -> set[str]:
    """Messages decided by other rules; the index answers at once where there are none."""
    decisions = match_decisions.c
    others = or_(decisions.rule_version < RULE_VERSION, decisions.rule_version > RULE_VERSION)
    if connection.execute(select(decisions.message_key).where(others).limit(1)).first() is None:
        return set()
    statement = select(decisions.message_key).where(others, decisions.message_key.in_(mine))
    return set(connection.execute(statement.distinct()).scalars())


def _people_touched(since: Any) -> Any:
    """Participants who share a key with a contact that changed, or whose company came or went."""
    people = participant_keys.c
    columns = (people.address, people.display_name)
    return union(
        *(
            select(*columns).where(people[column].in_(_changed_keys(kind, since)))
            for column, kind in _KEYS
        ),
        select(*columns).where(people.company.in_(_changed_companies(since))),
    )


def _changed_keys(kind: str, since: Any) -> Any:
    keys, contacts, gone = contact_keys.c, crm_contacts.c, contact_key_removals.c
    return union(
        select(keys.key)
        .join(crm_contacts, contacts.contact_id == keys.contact_id)
        .where(keys.kind == kind, contacts.updated_at > since),
        select(gone.key).where(gone.kind == kind, gone.removed_at > since),
    )


def _changed_companies(since: Any) -> Any:
    """Domains of companies of which no contact is known from before, and of those without any."""
    keys, contacts, gone = contact_keys.c, crm_contacts.c, contact_key_removals.c
    others, owners = contact_keys.alias(), crm_contacts.alias()
    older = (
        select(others.c.contact_id)
        .join(owners, owners.c.contact_id == others.c.contact_id)
        .where(others.c.kind == "domain", others.c.key == keys.key, owners.c.updated_at <= since)
    )
    left = select(others.c.contact_id).where(others.c.kind == "domain", others.c.key == gone.key)
    return union(
        select(keys.key)
        .join(crm_contacts, contacts.contact_id == keys.contact_id)
        .where(keys.kind == "domain", contacts.updated_at > since, ~older.exists()),
        select(gone.key).where(
            and_(gone.kind == "domain", gone.removed_at > since, ~left.exists())
        ),
    )


def _messages_with(
    connection: Connection, pairs: Collection[tuple[str, str]], mine: Select[Any]
) -> set[str]:
    people, messages = crm_message_participants.c, crm_messages.c
    addresses = {address for address, _ in pairs}
    statement = select(people.message_key, people.address, people.display_name).where(
        any_of(connection, people.address, addresses)
    )
    rows = connection.execute(statement).all()
    keys = {key for key, address, name in rows if (address, name) in pairs}
    chosen: ColumnElement[bool] = any_of(connection, messages.message_key, keys)
    return set(connection.execute(mine.where(chosen)).scalars())
