"""`ports.Staging` on a database: what the stages read and write of one batch."""

import datetime as dt
import hashlib
import itertools
import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import Engine, Row, bindparam, delete, func, insert, select, union, update

from mailcrm.adapters.crm_database.engine import chunked, insert_into, reading, retried, writing
from mailcrm.adapters.crm_database.leases import check_lease
from mailcrm.adapters.crm_database.schema import (
    conversation_members,
    crm_message_contacts,
    crm_message_participants,
    crm_messages,
    message_identities,
    staged_conversation_merges,
    staged_decisions,
    staged_messages,
    staged_participants,
)
from mailcrm.adapters.quarantine import quarantine_rows
from mailcrm.adapters.staging.rows import decision_row, write_staged
from mailcrm.dedupe import conversation_people
from mailcrm.records import (
    ConversationLink,
    ConversationPlan,
    Decision,
    IdentityDecision,
    IdentityEvidence,
    KnownIdentity,
    Lease,
    MessageContext,
    Outcome,
    Participant,
    Quarantined,
    StagedIdentity,
    StagedMessage,
)

_EVIDENCE = ("message_id_hash", "fingerprint", "text_sketch", "sender")


class StagingTables:
    """See `ports.Staging`; every write checks the lease in its own transaction."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @retried
    def write_messages(
        self, lease: Lease, generation_id: int, rows: Sequence[StagedMessage], now: dt.datetime
    ) -> None:
        """See `ports.Staging`."""
        with writing(self._engine) as connection:
            check_lease(connection, lease)
            write_staged(connection, lease, generation_id, rows, now)

    @retried
    def read_identities(self, batch_id: str) -> Sequence[StagedIdentity]:
        """See `ports.Staging`."""
        staged = staged_messages
        statement = (
            select(
                staged.c.generation_id,
                staged.c.uid,
                staged.c.internaldate,
                *(staged.c[name] for name in _EVIDENCE),
            )
            .where(
                staged.c.batch_id == batch_id, staged.c.disposition.in_(("publish", "duplicate"))
            )
            .order_by(staged.c.generation_id, staged.c.uid)
        )
        with reading(self._engine) as connection:
            return [
                StagedIdentity(row[0], row[1], row[2], IdentityEvidence(*row[3:]))
                for row in connection.execute(statement)
            ]

    @retried
    def read_known_identities(self, batch_id: str) -> Sequence[KnownIdentity]:
        """See `ports.Staging`."""
        known, staged = message_identities, staged_messages
        columns = (known.c.message_key, *(known.c[name] for name in _EVIDENCE))
        mine = staged.c.batch_id == batch_id
        statement = union(
            select(*columns)
            .join(staged, staged.c.message_id_hash == known.c.message_id_hash)
            .where(mine),
            select(*columns).join(staged, staged.c.fingerprint == known.c.fingerprint).where(mine),
        )
        with reading(self._engine) as connection:
            return [
                KnownIdentity(row[0], IdentityEvidence(*row[1:]))
                for row in sorted(connection.execute(statement), key=lambda row: row[0])
            ]

    @retried
    def write_identities(self, lease: Lease, decisions: Sequence[IdentityDecision]) -> None:
        """See `ports.Staging`."""
        staged = staged_messages
        statement = (
            update(staged)
            .where(
                staged.c.generation_id == bindparam("b_generation"),
                staged.c.uid == bindparam("b_uid"),
            )
            .values(
                message_key=bindparam("b_key"),
                disposition=bindparam("b_disposition"),
                is_conflict=bindparam("b_conflict"),
            )
        )
        rows = [
            {
                "b_generation": d.generation_id,
                "b_uid": d.uid,
                "b_key": d.message_key,
                "b_disposition": "publish" if d.is_first else "duplicate",
                "b_conflict": d.is_conflict,
            }
            for d in decisions
        ]
        with writing(self._engine) as connection:
            check_lease(connection, lease)
            if rows:
                connection.execute(statement, rows)

    @retried
    def read_conversation_links(
        self, batch_id: str, own: frozenset[str]
    ) -> Sequence[ConversationLink]:
        """See `ports.Staging`."""
        staged = staged_messages
        new = self._new_rows(batch_id)
        statement = select(
            staged.c.generation_id,
            staged.c.uid,
            staged.c.message_key,
            staged.c.message_id_hash,
            staged.c.reference_hashes,
            staged.c.subject,
            staged.c.sent_at,
        ).where(*new)
        people = self._people(batch_id)
        with reading(self._engine) as connection:
            return [
                ConversationLink(
                    message_key=row.message_key,
                    id_hash=row.message_id_hash or row.message_key,
                    reference_hashes=tuple(row.reference_hashes),
                    subject=row.subject,
                    sent_at=row.sent_at,
                    addresses=conversation_people(
                        people.get((row.generation_id, row.uid), ()), own
                    ),
                )
                for row in connection.execute(statement.order_by(staged.c.message_key))
            ]

    def _people(self, batch_id: str) -> dict[tuple[int, int], tuple[Participant, ...]]:
        """Participants of the batch's new messages, by (generation_id, uid)."""
        return {
            key: tuple(
                Participant(row.role, row.position, row.address, row.display_name) for row in rows
            )
            for key, rows in itertools.groupby(
                self._participants(batch_id), key=lambda row: (row.generation_id, row.uid)
            )
        }

    @staticmethod
    def _new_rows(batch_id: str) -> tuple[Any, ...]:
        staged = staged_messages
        return (staged.c.batch_id == batch_id, staged.c.disposition == "publish")

    def _participants(self, batch_id: str) -> Iterator[Row[Any]]:
        """Participants of the batch's new messages, grouped by message."""
        staged, people = staged_messages, staged_participants
        statement = (
            select(people)
            .join(
                staged,
                (staged.c.generation_id == people.c.generation_id) & (staged.c.uid == people.c.uid),
            )
            .where(*self._new_rows(batch_id))
            .order_by(people.c.generation_id, people.c.uid, people.c.role, people.c.position)
        )
        with reading(self._engine) as connection:
            yield from connection.execute(statement)

    @retried
    def read_conversations(self, id_hashes: Collection[str]) -> Mapping[str, str]:
        """See `ports.Staging`."""
        table = conversation_members
        found: dict[str, str] = {}
        with reading(self._engine) as connection:
            for chunk in chunked(sorted(set(id_hashes))):
                rows = connection.execute(
                    select(table.c.id_hash, table.c.conversation_key).where(
                        table.c.id_hash.in_(chunk)
                    )
                )
                found.update((row.id_hash, row.conversation_key) for row in rows)
        return found

    @retried
    def read_conversation_people(
        self, keys: Collection[str], own: frozenset[str]
    ) -> Mapping[str, frozenset[str]]:
        """See `ports.Staging`."""
        messages, people = crm_messages, crm_message_participants
        grouped: dict[str, list[Participant]] = {key: [] for key in keys}
        with reading(self._engine) as connection:
            for chunk in chunked(sorted(grouped)):
                statement = (
                    select(messages.c.conversation_key, people.c.role, people.c.address)
                    .join(people, people.c.message_key == messages.c.message_key)
                    .where(messages.c.conversation_key.in_(chunk))
                    .distinct()
                )
                for key, role, address in connection.execute(statement):
                    grouped[key].append(Participant(role, 0, address, ""))
        return {key: conversation_people(found, own) for key, found in grouped.items() if found}

    @retried
    def write_conversations(self, lease: Lease, plan: ConversationPlan) -> None:
        """See `ports.Staging`."""
        staged, merges = staged_messages, staged_conversation_merges
        rows = [{"b_key": k, "b_conversation": c} for k, c in plan.of_message.items()]
        with writing(self._engine) as connection:
            check_lease(connection, lease)
            connection.execute(delete(merges).where(merges.c.batch_id == lease.batch_id))
            if rows:
                connection.execute(
                    update(staged)
                    .where(
                        staged.c.batch_id == lease.batch_id,
                        staged.c.message_key == bindparam("b_key"),
                    )
                    .values(conversation_key=bindparam("b_conversation")),
                    rows,
                )
            if plan.merges:
                connection.execute(
                    insert(merges),
                    [
                        {"batch_id": lease.batch_id, "old_key": old, "new_key": new}
                        for old, new in plan.merges.items()
                    ],
                )

    def read_contexts(self, batch_id: str) -> Iterator[MessageContext]:
        """See `ports.Staging`."""
        staged = staged_messages
        statement = (
            select(
                staged.c.generation_id,
                staged.c.uid,
                staged.c.message_key,
                staged.c.kind,
                staged.c.direction,
                staged.c.auth_result,
                staged.c.list_id,
            )
            .where(*self._new_rows(batch_id))
            .order_by(staged.c.generation_id, staged.c.uid)
        )
        people = self._people(batch_id)
        contacts = self._conversation_contacts(batch_id)
        with reading(self._engine) as connection:
            for row in connection.execute(statement):
                key = (row.generation_id, row.uid)
                yield MessageContext(*row, people.get(key, ()), contacts.get(key, frozenset()))

    def _conversation_contacts(self, batch_id: str) -> dict[tuple[int, int], frozenset[str]]:
        """Contacts already linked to published messages of the same conversations."""
        staged, messages, links = staged_messages, crm_messages, crm_message_contacts
        statement = (
            select(staged.c.generation_id, staged.c.uid, links.c.contact_id)
            .join(messages, messages.c.conversation_key == staged.c.conversation_key)
            .join(links, links.c.message_key == messages.c.message_key)
            .where(*self._new_rows(batch_id))
            .distinct()
        )
        grouped: dict[tuple[int, int], set[str]] = {}
        with reading(self._engine) as connection:
            for generation_id, uid, contact_id in connection.execute(statement):
                grouped.setdefault((generation_id, uid), set()).add(contact_id)
        return {key: frozenset(value) for key, value in grouped.items()}

    def write_decisions(
        self,
        lease: Lease,
        rows: Iterable[tuple[MessageContext, Sequence[Decision]]],
    ) -> None:
        """See `ports.Staging`."""
        values = [
            decision_row(context, participant, decision)
            for context, decisions in rows
            for participant, decision in zip(context.participants, decisions, strict=True)
        ]
        self._replace_decisions(lease, values)

    @retried
    def _replace_decisions(self, lease: Lease, values: list[dict[str, Any]]) -> None:
        staged, table = staged_messages, staged_decisions
        with writing(self._engine) as connection:
            check_lease(connection, lease)
            connection.execute(
                delete(table).where(
                    select(staged.c.uid)
                    .where(
                        staged.c.batch_id == lease.batch_id,
                        staged.c.generation_id == table.c.generation_id,
                        staged.c.uid == table.c.uid,
                    )
                    .exists()
                )
            )
            if values:
                connection.execute(insert_into(connection, table), values)

    @retried
    def batch_hash(self, batch_id: str) -> str:
        """See `ports.Staging`."""
        with reading(self._engine) as connection:
            return hash_batch(connection, batch_id)

    @retried
    def count_dispositions(self, batch_id: str) -> Mapping[str, int]:
        """See `ports.Staging`."""
        staged = staged_messages
        statement = (
            select(staged.c.disposition, func.count())
            .where(staged.c.batch_id == batch_id)
            .group_by(staged.c.disposition)
        )
        with reading(self._engine) as connection:
            return {row[0]: row[1] for row in connection.execute(statement)}

    @retried
    def count_outcomes(self, batch_id: str) -> Mapping[str, int]:
        """See `ports.Staging`."""
        with reading(self._engine) as connection:
            return count_outcomes(connection, batch_id)

    @retried
    def quarantine_rows(self, lease: Lease, rows: Sequence[Quarantined], now: dt.datetime) -> None:
        """See `ports.Staging`."""
        with writing(self._engine) as connection:
            check_lease(connection, lease)
            quarantine_rows(connection, lease, rows, now)


def _of_batch(statement: Any, table: Any, batch_id: str) -> Any:
    staged = staged_messages
    return statement.join(
        staged,
        (staged.c.generation_id == table.c.generation_id) & (staged.c.uid == table.c.uid),
    ).where(staged.c.batch_id == batch_id, staged.c.disposition == "publish")


def count_outcomes(connection: Any, batch_id: str) -> dict[str, int]:
    """A batch's decisions by outcome; all five are always there."""
    table = staged_decisions
    statement = _of_batch(select(table.c.outcome, func.count()), table, batch_id)
    counts = dict.fromkeys((outcome.value for outcome in Outcome), 0)
    counts.update({row[0]: row[1] for row in connection.execute(statement.group_by("outcome"))})
    return counts


def hash_batch(connection: Any, batch_id: str) -> str:
    """SHA-256 (hex) over what a batch would publish: rows, people and decisions, in order."""
    staged, people, decisions = staged_messages, staged_participants, staged_decisions
    digest = hashlib.sha256()
    columns = [c for c in staged.c if c.name not in ("raw", "batch_id")]
    key = (staged.c.generation_id, staged.c.uid)
    statements = [
        select(*columns).where(staged.c.batch_id == batch_id).order_by(*key),
        _of_batch(select(people), people, batch_id).order_by(*people.primary_key.columns),
        _of_batch(select(decisions), decisions, batch_id).order_by(*decisions.primary_key.columns),
    ]
    for statement in statements:
        for row in connection.execute(statement):
            digest.update(json.dumps(tuple(row), default=str, sort_keys=True).encode())
    return digest.hexdigest()
