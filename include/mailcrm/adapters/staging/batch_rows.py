"""Rows that several parts of staging read."""

import itertools
from collections.abc import Iterator
from typing import Any

from sqlalchemy import Engine, Row, select

from mailcrm.adapters.crm_database.engine import reading
from mailcrm.adapters.crm_database.schema import (
    staged_messages,
    staged_participants,
)
from mailcrm.records import (
    Participant,
)


class BatchRows:
    """A batch's new messages and their participants."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

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
