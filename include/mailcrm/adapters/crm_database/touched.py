"""Which published messages new rules, or contacts that changed, can decide otherwise.

A decision knows the contacts as they were when its run began, or at the mailbox's last rematch,
whichever came later; what changed since is looked for. An hour is added, because an import becomes
visible only at its end; deciding once more than needed changes nothing.
"""

import datetime as dt
from collections.abc import Iterable, Iterator
from typing import Any

from sqlalchemy import Connection, Select, func, select, tuple_

from mailcrm.adapters.crm_database.engine import chunked
from mailcrm.adapters.crm_database.schema import (
    contact_keys,
    crm_contacts,
    crm_message_participants,
    crm_messages,
    match_decisions,
    rematch_marks,
    sync_runs,
)
from mailcrm.match import RULE_VERSION, plan_person_keys
from mailcrm.records import ContactKey

__all__ = ["find_touched"]

_CHUNK = 5_000
_PAIRS = 2_000
_MARGIN = dt.timedelta(hours=1)


def find_touched(connection: Connection, mailbox_id: str) -> set[str]:
    """Message keys of a mailbox whose decisions may differ now; see `ports.Rematch`."""
    decisions = match_decisions.c
    mine = _messages_of(mailbox_id)
    other_rules = select(decisions.message_key).where(
        decisions.rule_version != RULE_VERSION, decisions.message_key.in_(mine)
    )
    touched = set(connection.execute(other_rules.distinct()).scalars())
    since = _known_until(connection, mailbox_id)
    if since is None:
        return touched
    touched.update(_naming_changed(connection, mine, since))
    touched.update(_suiting_changed(connection, mine, since))
    return touched


def _messages_of(mailbox_id: str) -> Select[Any]:
    """The keys of the messages that this mailbox published."""
    batches = select(sync_runs.c.batch_id).where(sync_runs.c.mailbox_id == mailbox_id)
    return select(crm_messages.c.message_key).where(crm_messages.c.batch_id.in_(batches))


def _known_until(connection: Connection, mailbox_id: str) -> dt.datetime | None:
    """Contacts up to then are considered in all decisions; None where there are no decisions."""
    marks, runs = rematch_marks.c, sync_runs.c
    marked = connection.scalar(select(marks.contacts_at).where(marks.mailbox_id == mailbox_id))
    if marked is None:
        marked = connection.scalar(
            select(func.min(runs.started_at)).where(runs.mailbox_id == mailbox_id)
        )
    return None if marked is None else marked - _MARGIN


def _naming_changed(connection: Connection, mine: Select[Any], since: dt.datetime) -> set[str]:
    """Messages whose decisions name a contact that changed or is gone."""
    decisions = match_decisions.c
    statement = select(decisions.message_key, decisions.contact_id, decisions.candidates).where(
        decisions.outcome.in_(("matched", "possible", "ambiguous")), decisions.message_key.in_(mine)
    )
    named: dict[str, set[str]] = {}
    for key, contact_id, candidates in connection.execute(statement):
        for one in {contact_id, *(candidate["contact_id"] for candidate in candidates)}:
            named.setdefault(one, set()).add(key)
    named.pop(None, None)  # type: ignore[call-overload]
    same = _unchanged(connection, named, since)
    return {key for contact_id, keys in named.items() if contact_id not in same for key in keys}


def _unchanged(connection: Connection, ids: Iterable[str], since: dt.datetime) -> set[str]:
    contacts = crm_contacts.c
    found: set[str] = set()
    for chunk in chunked(sorted(ids), _CHUNK):
        statement = select(contacts.contact_id).where(
            contacts.contact_id.in_(chunk), contacts.updated_at < since
        )
        found.update(connection.execute(statement).scalars())
    return found


def _suiting_changed(connection: Connection, mine: Select[Any], since: dt.datetime) -> set[str]:
    """Messages with a participant who shares a key with a contact that changed."""
    people = crm_message_participants.c
    pairs = connection.execute(
        select(people.address, people.display_name).where(people.message_key.in_(mine)).distinct()
    )
    of_key: dict[ContactKey, list[tuple[str, str]]] = {}
    for address, name in pairs:
        for key in plan_person_keys(address, name):
            of_key.setdefault(key, []).append((address, name))
    changed = {pair for key in _changed_keys(connection, of_key, since) for pair in of_key[key]}
    found: set[str] = set()
    for chunk in chunked(sorted(changed), _PAIRS):
        statement = select(people.message_key).where(
            tuple_(people.address, people.display_name).in_(chunk), people.message_key.in_(mine)
        )
        found.update(connection.execute(statement).scalars())
    return found


def _changed_keys(
    connection: Connection, keys: Iterable[ContactKey], since: dt.datetime
) -> Iterator[ContactKey]:
    """Those of the keys under which a contact stands that changed."""
    by_kind: dict[str, list[str]] = {}
    for key in keys:
        by_kind.setdefault(key.kind, []).append(key.key)
    table, contacts = contact_keys.c, crm_contacts
    for kind, texts in sorted(by_kind.items()):
        for chunk in chunked(sorted(texts), _CHUNK):
            statement = (
                select(table.key)
                .join(contacts, contacts.c.contact_id == table.contact_id)
                .where(table.kind == kind, table.key.in_(chunk), contacts.c.updated_at >= since)
            )
            yield from (ContactKey(kind, text) for text in connection.execute(statement).scalars())
