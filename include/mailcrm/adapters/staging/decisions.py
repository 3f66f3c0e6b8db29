"""What the match decided, written in one transaction."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, delete, select

from mailcrm.adapters.crm_database.bulk import insert_bulk, update_bulk
from mailcrm.adapters.crm_database.engine import reading, retried, writing
from mailcrm.adapters.crm_database.leases import check_lease
from mailcrm.adapters.crm_database.schema import (
    staged_conversation_merges,
    staged_decisions,
    staged_messages,
)
from mailcrm.adapters.staging.batch_rows import BatchRows
from mailcrm.adapters.staging.decision_rows import DECISION_COLUMNS, DecisionTexts
from mailcrm.adapters.staging.digest import count_outcomes
from mailcrm.records import (
    ConversationPlan,
    Decision,
    IdentityDecision,
    Lease,
    MessageContext,
)

_MATCHED = ("message_key", "disposition", "is_conflict", "conversation_key")


class DecisionRows(BatchRows):
    """See `ports.Staging`."""

    def write_match(
        self,
        lease: Lease,
        identities: Sequence[IdentityDecision],
        plan: ConversationPlan,
        rows: Sequence[tuple[MessageContext, Sequence[Decision]]],
    ) -> None:
        """See `ports.Staging`."""
        texts = DecisionTexts()
        values = [
            (
                context.generation_id,
                context.uid,
                participant.role,
                participant.position,
                *texts.of(decision),
            )
            for context, decisions in rows
            for participant, decision in zip(context.participants, decisions, strict=True)
        ]
        matched = [
            (
                one.message_key,
                "publish" if one.is_first else "duplicate",
                one.is_conflict,
                plan.of_message.get(one.message_key),
                one.generation_id,
                one.uid,
            )
            for one in identities
        ]
        merges = [(lease.batch_id, old, new) for old, new in plan.merges.items()]
        self._replace(lease, matched, merges, values)

    @retried
    def _replace(
        self,
        lease: Lease,
        matched: list[tuple[Any, ...]],
        merges: list[tuple[Any, ...]],
        values: list[tuple[Any, ...]],
    ) -> None:
        table = staged_conversation_merges
        with writing(self._engine) as connection:
            check_lease(connection, lease)
            _delete_decisions(connection, lease.batch_id)
            connection.execute(delete(table).where(table.c.batch_id == lease.batch_id))
            keys = ("generation_id", "uid")
            update_bulk(connection, staged_messages, keys, _MATCHED, matched)
            insert_bulk(connection, table, ("batch_id", "old_key", "new_key"), merges)
            insert_bulk(connection, staged_decisions, (*keys, *DECISION_COLUMNS), values)

    @retried
    def count_outcomes(self, batch_id: str) -> Mapping[str, int]:
        """See `ports.Staging`."""
        with reading(self._engine) as connection:
            return count_outcomes(connection, batch_id)


def _delete_decisions(connection: Connection, batch_id: str) -> None:
    staged, table = staged_messages.c, staged_decisions
    mine = select(staged.uid).where(
        staged.batch_id == batch_id,
        staged.generation_id == table.c.generation_id,
        staged.uid == table.c.uid,
    )
    connection.execute(delete(table).where(mine.exists()))
