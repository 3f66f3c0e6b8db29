"""What is known of conversations that a batch's messages may belong to."""

from collections.abc import Collection, Mapping, Sequence

from sqlalchemy import select

from mailcrm.adapters.crm_database.engine import any_of, reading, retried
from mailcrm.adapters.crm_database.schema import (
    conversation_members,
    conversation_subjects,
    crm_message_contacts,
    crm_message_participants,
    crm_messages,
)
from mailcrm.adapters.staging.batch_rows import BatchRows
from mailcrm.dedupe import conversation_people
from mailcrm.records import Participant, SubjectSpan


class ConversationRows(BatchRows):
    """See `ports.Staging`."""

    @retried
    def read_conversations(self, id_hashes: Collection[str]) -> Mapping[str, str]:
        """See `ports.Staging`."""
        table = conversation_members.c
        with reading(self._engine) as connection:
            statement = select(table.id_hash, table.conversation_key).where(
                any_of(connection, table.id_hash, id_hashes)
            )
            return {row.id_hash: row.conversation_key for row in connection.execute(statement)}

    @retried
    def read_subject_spans(self, subject_hashes: Collection[str]) -> Sequence[SubjectSpan]:
        """See `ports.Staging`."""
        table = conversation_subjects
        with reading(self._engine) as connection:
            statement = (
                select(table)
                .where(any_of(connection, table.c.subject_hash, subject_hashes))
                .order_by(table.c.subject_hash, table.c.conversation_key)
            )
            return [SubjectSpan(*row) for row in connection.execute(statement)]

    @retried
    def read_conversation_people(
        self, keys: Collection[str], own: frozenset[str]
    ) -> Mapping[str, frozenset[str]]:
        """See `ports.Staging`."""
        messages, people = crm_messages.c, crm_message_participants.c
        grouped: dict[str, list[Participant]] = {}
        with reading(self._engine) as connection:
            statement = (
                select(messages.conversation_key, people.role, people.address)
                .join(crm_message_participants, people.message_key == messages.message_key)
                .where(any_of(connection, messages.conversation_key, keys))
                .distinct()
            )
            for key, role, address in connection.execute(statement):
                grouped.setdefault(key, []).append(Participant(role, 0, address, ""))
        return {key: conversation_people(found, own) for key, found in grouped.items()}

    @retried
    def read_conversation_contacts(self, keys: Collection[str]) -> Mapping[str, frozenset[str]]:
        """See `ports.Staging`."""
        messages, links = crm_messages.c, crm_message_contacts.c
        grouped: dict[str, set[str]] = {}
        with reading(self._engine) as connection:
            statement = (
                select(messages.conversation_key, links.contact_id)
                .join(crm_message_contacts, links.message_key == messages.message_key)
                .where(any_of(connection, messages.conversation_key, keys))
                .distinct()
            )
            for key, contact_id in connection.execute(statement):
                grouped.setdefault(key, set()).add(contact_id)
        return {key: frozenset(found) for key, found in grouped.items()}
