"""`ports.Rematch` on a database: published messages, decided on again."""

import datetime as dt
from collections.abc import Collection, Iterable, Sequence
from typing import Any

from sqlalchemy import Connection, Engine, Row, Select, select

from mailcrm.adapters.crm_database.bulk import insert_bulk
from mailcrm.adapters.crm_database.engine import chunked, insert_into, reading, retried, writing
from mailcrm.adapters.crm_database.participant_keys import renew_participant_keys
from mailcrm.adapters.crm_database.schema import (
    crm_message_contacts,
    crm_message_participants,
    crm_messages,
    match_decisions,
    message_identities,
    rematch_marks,
)
from mailcrm.adapters.crm_database.touched import find_touched, read_mark
from mailcrm.adapters.crm_database.verdicts import (
    apply_verdicts,
    lock_decisions,
    read_verdicts,
    sync_links,
)
from mailcrm.adapters.staging.decision_rows import DECISION_COLUMNS, DecisionTexts
from mailcrm.match import RULE_VERSION
from mailcrm.records import Decision, MessageContext, Participant
from mailcrm.records.review import LinkChanges

__all__ = ["RematchTables", "replace_decisions"]

_CHUNK = 2_000


class RematchTables:
    """See `ports.Rematch`."""

    def __init__(self, engine: Engine) -> None:
        """Work on migrated tables."""
        self._engine = engine

    @retried
    def find_touched(self, mailbox_id: str) -> Collection[str]:
        """See `ports.Rematch`."""
        with reading(self._engine) as connection:
            mark = read_mark(connection, mailbox_id)
        if mark is not None and mark.rule_version != RULE_VERSION:
            with writing(self._engine) as connection:
                renew_participant_keys(connection, mailbox_id)
        with reading(self._engine) as connection:
            return find_touched(connection, mailbox_id)

    @retried
    def find_neighbours(self, keys: Collection[str]) -> Collection[str]:
        """See `ports.Rematch`."""
        messages = crm_messages.c
        found: set[str] = set()
        with reading(self._engine) as connection:
            for chunk in chunked(sorted(keys), _CHUNK):
                conversations = select(messages.conversation_key).where(
                    messages.message_key.in_(chunk)
                )
                statement = select(messages.message_key).where(
                    messages.conversation_key.in_(conversations)
                )
                found.update(connection.execute(statement).scalars())
        return found

    @retried
    def read_contexts(self, keys: Collection[str]) -> Sequence[MessageContext]:
        """See `ports.Rematch`."""
        contexts: list[MessageContext] = []
        with reading(self._engine) as connection:
            for chunk in chunked(sorted(keys), _CHUNK):
                people = _people(connection, chunk)
                nearby = _conversation_contacts(connection, chunk)
                for row in connection.execute(_messages(chunk)):
                    key = row.message_key
                    contexts.append(_context(row, people.get(key, ()), nearby.get(key, ())))
        return contexts

    @retried
    def write_decisions(
        self, rows: Sequence[tuple[MessageContext, Sequence[Decision]]], now: dt.datetime
    ) -> LinkChanges:
        """See `ports.Rematch`."""
        with writing(self._engine) as connection:
            lock_decisions(connection)
            return replace_decisions(connection, rows, now)

    @retried
    def write_mark(self, mailbox_id: str, contacts_at: dt.datetime) -> None:
        """See `ports.Rematch`."""
        with writing(self._engine) as connection:
            values = {"contacts_at": contacts_at, "rule_version": RULE_VERSION}
            insert = insert_into(connection, rematch_marks).values(mailbox_id=mailbox_id, **values)
            connection.execute(
                insert.on_conflict_do_update(index_elements=["mailbox_id"], set_=values)
            )

    @retried
    def count_verdicts(self, keys: Collection[str]) -> int:
        """See `ports.Rematch`."""
        with reading(self._engine) as connection:
            return len(read_verdicts(connection, keys))


def replace_decisions(
    connection: Connection,
    rows: Sequence[tuple[MessageContext, Sequence[Decision]]],
    now: dt.datetime,
) -> LinkChanges:
    """See `ports.Rematch.write_decisions`; the caller holds the lock on decisions."""
    keys = [context.message_key for context, _ in rows]
    texts = DecisionTexts()
    values = [
        (context.message_key, participant.role, participant.position, *texts.of(decision))
        for context, decisions in rows
        for participant, decision in zip(context.participants, decisions, strict=True)
    ]
    names = ("message_key", *DECISION_COLUMNS)
    insert_bulk(connection, match_decisions, names, values, conflict="update")
    return sync_links(connection, keys, apply_verdicts(connection, keys), now)


def _messages(keys: list[str]) -> Select[Any]:
    messages, identities = crm_messages, message_identities
    return (
        select(
            messages.c.message_key,
            messages.c.kind,
            messages.c.direction,
            messages.c.auth_result,
            identities.c.list_id,
            identities.c.defects,
        )
        .outerjoin(identities, identities.c.message_key == messages.c.message_key)
        .where(messages.c.message_key.in_(keys))
        .order_by(messages.c.message_key)
    )


def _context(
    row: Row[Any], people: tuple[Participant, ...], nearby: Iterable[str]
) -> MessageContext:
    return MessageContext(
        generation_id=0,
        uid=0,
        message_key=row.message_key,
        kind=row.kind,
        direction=row.direction,
        auth_result=row.auth_result,
        list_id=row.list_id,
        participants=people,
        conversation_contacts=frozenset(nearby),
        defects=tuple(row.defects or ()),
    )


def _people(connection: Connection, keys: list[str]) -> dict[str, tuple[Participant, ...]]:
    people = crm_message_participants
    grouped: dict[str, list[Participant]] = {}
    statement = (
        select(people)
        .where(people.c.message_key.in_(keys))
        .order_by(people.c.message_key, people.c.role, people.c.position)
    )
    for row in connection.execute(statement):
        person = Participant(row.role, row.position, row.address, row.display_name)
        grouped.setdefault(row.message_key, []).append(person)
    return {key: tuple(found) for key, found in grouped.items()}


def _conversation_contacts(connection: Connection, keys: list[str]) -> dict[str, set[str]]:
    """Contacts linked to other messages of the same conversations."""
    mine, others, links = crm_messages, crm_messages.alias(), crm_message_contacts
    statement = (
        select(mine.c.message_key, links.c.contact_id)
        .join(
            others,
            (others.c.conversation_key == mine.c.conversation_key)
            & (others.c.message_key != mine.c.message_key),
        )
        .join(links, links.c.message_key == others.c.message_key)
        .where(mine.c.message_key.in_(keys))
        .distinct()
    )
    grouped: dict[str, set[str]] = {}
    for key, contact_id in connection.execute(statement):
        grouped.setdefault(key, set()).add(contact_id)
    return grouped
