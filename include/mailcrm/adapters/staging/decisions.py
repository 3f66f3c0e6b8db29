"""What is decided on, and the decisions."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import delete, select

from mailcrm.adapters.crm_database.engine import insert_into, reading, retried, writing
from mailcrm.adapters.crm_database.leases import check_lease
from mailcrm.adapters.crm_database.schema import (
    crm_message_contacts,
    crm_messages,
    staged_decisions,
    staged_messages,
)
from mailcrm.adapters.staging.batch_rows import BatchRows
from mailcrm.adapters.staging.digest import count_outcomes
from mailcrm.adapters.staging.rows import decision_row
from mailcrm.records import (
    Decision,
    Lease,
    MessageContext,
)


class DecisionRows(BatchRows):
    """See `ports.Staging`."""

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
                staged.c.defects,
            )
            .where(*self._new_rows(batch_id))
            .order_by(staged.c.generation_id, staged.c.uid)
        )
        people = self._people(batch_id)
        contacts = self._conversation_contacts(batch_id)
        with reading(self._engine) as connection:
            for row in connection.execute(statement):
                key = (row.generation_id, row.uid)
                nearby = contacts.get(key, frozenset())
                yield MessageContext(
                    *row[:-1], people.get(key, ()), nearby, defects=tuple(row.defects)
                )

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
    def count_outcomes(self, batch_id: str) -> Mapping[str, int]:
        """See `ports.Staging`."""
        with reading(self._engine) as connection:
            return count_outcomes(connection, batch_id)
