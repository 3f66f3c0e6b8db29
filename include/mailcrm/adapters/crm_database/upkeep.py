"""Test messages and the shared mailbox's checklist in the CRM database."""

import datetime as dt
from collections.abc import Mapping, Sequence

from sqlalchemy import Engine, select, update

from mailcrm.adapters.crm_database.engine import insert_into, reading, retried, writing
from mailcrm.adapters.crm_database.schema import mailbox_answers, mailbox_round_trips
from mailcrm.records import ChecklistAnswer, RoundTrip, RoundTripState

__all__ = ["AnswerTables", "RoundTripTables"]


class RoundTripTables:
    """`ports.RoundTrips` on a database."""

    def __init__(self, engine: Engine) -> None:
        """Work on migrated tables."""
        self._engine = engine

    def begin_trip(self, trip: RoundTrip, now: dt.datetime) -> RoundTrip | None:
        """See `ports.RoundTrips`. Not tried again: a lost COMMIT must not look like ours."""
        table = mailbox_round_trips
        with writing(self._engine) as connection:
            # Not the count of rows, which PostgreSQL's driver leaves open for such an INSERT.
            new = connection.execute(
                insert_into(connection, table)
                .values(
                    token=trip.token,
                    mailbox_id=trip.mailbox_id,
                    request=trip.request,
                    message_id=trip.message_id,
                    state=trip.state.value,
                    detail={"text": trip.detail},
                    created_at=now,
                )
                .on_conflict_do_nothing()
                .returning(table.c.token)
            ).first()
            if new is not None:
                return None
            row = connection.execute(
                select(table).where(
                    table.c.mailbox_id == trip.mailbox_id, table.c.request == trip.request
                )
            ).one()
        return RoundTrip(
            token=row.token,
            mailbox_id=row.mailbox_id,
            request=row.request,
            message_id=row.message_id,
            state=RoundTripState(row.state),
            detail=row.detail["text"],
        )

    @retried
    def finish_trip(
        self, token: str, state: RoundTripState, detail: str | None, now: dt.datetime
    ) -> None:
        """See `ports.RoundTrips`."""
        table = mailbox_round_trips
        with writing(self._engine) as connection:
            connection.execute(
                update(table)
                .where(table.c.token == token)
                .values(state=state.value, detail={"text": detail}, finished_at=now)
            )

    @retried
    def find_test_messages(self, mailbox_id: str, message_ids: Sequence[str]) -> frozenset[str]:
        """See `ports.RoundTrips`."""
        table = mailbox_round_trips
        with reading(self._engine) as connection:
            return frozenset(
                connection.execute(
                    select(table.c.message_id).where(
                        table.c.mailbox_id == mailbox_id,
                        table.c.message_id.in_(list(message_ids)),
                    )
                ).scalars()
            )


class AnswerTables:
    """`ports.Answers` on a database."""

    def __init__(self, engine: Engine) -> None:
        """Work on migrated tables."""
        self._engine = engine

    @retried
    def write_answers(
        self, mailbox_id: str, answers: Mapping[str, str], answered_by: str, now: dt.datetime
    ) -> None:
        """See `ports.Answers`."""
        table = mailbox_answers
        with writing(self._engine) as connection:
            for question, answer in sorted(answers.items()):
                insert = insert_into(connection, table).values(
                    mailbox_id=mailbox_id,
                    question=question,
                    answer=answer,
                    answered_by=answered_by,
                    answered_at=now,
                )
                connection.execute(
                    insert.on_conflict_do_update(
                        index_elements=["mailbox_id", "question"],
                        set_={"answer": answer, "answered_by": answered_by, "answered_at": now},
                        where=table.c.answer != answer,
                    )
                )

    @retried
    def read_answers(self, mailbox_id: str) -> Mapping[str, ChecklistAnswer]:
        """See `ports.Answers`."""
        table = mailbox_answers
        with reading(self._engine) as connection:
            rows = connection.execute(
                select(table).where(table.c.mailbox_id == mailbox_id).order_by(table.c.question)
            ).all()
        return {
            row.question: ChecklistAnswer(row.answer, row.answered_by, row.answered_at)
            for row in rows
        }
