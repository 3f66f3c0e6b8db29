"""`ports.QualityTables` on a database."""

import json
from collections.abc import Collection
from typing import Any

from sqlalchemy import ColumnElement, Connection, Engine, Float, cast, func, select

from mailcrm.adapters.crm_database.engine import reading, retried
from mailcrm.adapters.crm_database.reviews import batches_of
from mailcrm.adapters.crm_database.schema import crm_messages, match_decisions
from mailcrm.publish import REVIEW
from mailcrm.records.quality import Count, MatchCounts
from mailcrm.records.review import Place

__all__ = ["QualityCounts"]

_STEPS = 20
_EXAMPLES = 200


class QualityCounts:
    """See `ports.QualityTables`."""

    def __init__(self, engine: Engine) -> None:
        """Work on migrated tables."""
        self._engine = engine

    @retried
    def count_decisions(self, mailbox_ids: Collection[str] | None = None) -> MatchCounts:
        """See `ports.QualityTables`."""
        decisions = match_decisions.c
        step = func.floor(cast(decisions.score, Float) * _STEPS + 0.001)
        with reading(self._engine) as connection:
            days = _count(connection, _day(connection), mailbox_ids, with_messages=True)
            rules = _count(connection, decisions.rule, mailbox_ids)
            scored = (decisions.rule != REVIEW) & decisions.outcome.in_(
                ("matched", "possible", "ambiguous")
            )
            steps = _count(connection, step, mailbox_ids, scored)
        by_score = tuple(
            Count(f"{float(one.group) / _STEPS:.2f}", one.outcome, one.count) for one in steps
        )
        return MatchCounts(days, rules, by_score)

    @retried
    def find_example(self) -> Place | None:
        """See `ports.QualityTables`."""
        decisions, messages = match_decisions.c, crm_messages
        for outcomes in (("possible", "ambiguous"), ("matched",)):
            statement = (
                select(
                    decisions.message_key,
                    decisions.role,
                    decisions.position,
                    decisions.candidates,
                )
                .join(messages, messages.c.message_key == decisions.message_key)
                .where(decisions.outcome.in_(outcomes))
                .order_by(messages.c.sent_at.desc(), decisions.message_key, decisions.role)
                .limit(_EXAMPLES)
            )
            with reading(self._engine) as connection:
                rows = connection.execute(statement).all()
            if rows:
                best = max(rows, key=lambda row: len(json.dumps(row.candidates[:1])))
                return Place(best.message_key, best.role, best.position)
        return None


def _day(connection: Connection) -> ColumnElement[Any]:
    moment = crm_messages.c.received_at
    if connection.dialect.name == "postgresql":
        return func.to_char(func.timezone("UTC", moment), "YYYY-MM-DD")
    return func.strftime("%Y-%m-%d", moment)


def _count(
    connection: Connection,
    group: ColumnElement[Any],
    mailbox_ids: Collection[str] | None,
    where: ColumnElement[bool] | None = None,
    *,
    with_messages: bool = False,
) -> tuple[Count, ...]:
    decisions = match_decisions.c
    statement = select(group.label("g"), decisions.outcome, func.count().label("n"))
    if with_messages or mailbox_ids is not None:
        statement = statement.join(
            crm_messages, crm_messages.c.message_key == decisions.message_key
        )
    if where is not None:
        statement = statement.where(where)
    if mailbox_ids is not None:
        statement = statement.where(crm_messages.c.batch_id.in_(batches_of(mailbox_ids)))
    grouped = statement.group_by("g", decisions.outcome).order_by("g", decisions.outcome)
    return tuple(Count(str(g), outcome, n) for g, outcome, n in connection.execute(grouped))
