"""Which published messages new rules, or contacts that changed, can decide otherwise.

A decision knows the contacts that were committed when its match began. Each import is later than
the one before it (`contact_clock`), so a mailbox's mark, the latest change that all its decisions
know, parts exactly those contacts that changed since. Only messages of people who share a key with
one of them, as it was or as it is, can be decided otherwise; indexes find them.
"""

import datetime as dt
from collections import defaultdict
from collections.abc import Collection
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, or_, select

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
        people = _people_touched(connection, mark.contacts_at)
        touched |= _messages_with(connection, people, mine)
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


def _people_touched(connection: Connection, since: dt.datetime) -> set[tuple[str, str]]:
    """Participants who share a key with a contact that changed, or whose company came or went."""
    changed = _changed_keys(connection, since)
    people = participant_keys.c
    wanted = [(people[column], changed[kind]) for column, kind in _KEYS]
    wanted.append((people.company, _changed_companies(connection, changed["domain"], since)))
    found: set[tuple[str, str]] = set()
    for column, texts in wanted:
        if texts:
            statement = select(people.address, people.display_name).where(
                any_of(connection, column, texts)
            )
            found.update((row[0], row[1]) for row in connection.execute(statement).all())
    return found


def _changed_keys(connection: Connection, since: dt.datetime) -> dict[str, set[str]]:
    """The keys, by kind, of contacts that changed: those that they have, and those they had.

    Step by step, as a planner without statistics would begin with all contacts of a kind.
    """
    keys, contacts, gone = contact_keys.c, crm_contacts.c, contact_key_removals.c
    ids = connection.execute(select(contacts.contact_id).where(contacts.updated_at > since))
    found: dict[str, set[str]] = defaultdict(set)
    for statement in (
        select(keys.kind, keys.key).where(any_of(connection, keys.contact_id, ids.scalars().all())),
        select(gone.kind, gone.key).where(gone.removed_at > since),
    ):
        for kind, text in connection.execute(statement).all():
            found[kind].add(text)
    return found


def _changed_companies(connection: Connection, domains: set[str], since: dt.datetime) -> set[str]:
    """Those of the domains that no unchanged contact has: their company came, or went."""
    keys, contacts = contact_keys.c, crm_contacts.c
    unchanged = (
        select(keys.key)
        .join(crm_contacts, contacts.contact_id == keys.contact_id)
        .where(
            keys.kind == "domain",
            any_of(connection, keys.key, domains),
            contacts.updated_at <= since,
        )
        .distinct()
    )
    return domains - set(connection.execute(unchanged).scalars()) if domains else set()


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
