"""The conversations of a batch's new messages."""

from collections.abc import Collection, Mapping, Sequence

from sqlalchemy import bindparam, delete, insert, select, update

from mailcrm.adapters.crm_database.engine import chunked, reading, retried, writing
from mailcrm.adapters.crm_database.leases import check_lease
from mailcrm.adapters.crm_database.schema import (
    conversation_members,
    crm_message_participants,
    crm_messages,
    staged_conversation_merges,
    staged_messages,
)
from mailcrm.adapters.staging.batch_rows import BatchRows
from mailcrm.dedupe import conversation_people
from mailcrm.records import (
    ConversationLink,
    ConversationPlan,
    Lease,
    Participant,
)


class ConversationRows(BatchRows):
    """See `ports.Staging`."""

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
