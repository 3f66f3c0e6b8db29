"""`ports.QualityTables` on a database."""

import json
from collections import Counter
from collections.abc import Collection, Iterable
from typing import Any

from sqlalchemy import ColumnElement, Connection, Engine, Float, cast, func, select

from mailcrm.adapters.crm_database.engine import reading, retried
from mailcrm.adapters.crm_database.review_rows import batches_of
from mailcrm.adapters.crm_database.schema import crm_messages, match_decisions
from mailcrm.publish import REVIEW
from mailcrm.records.quality import Count, MatchCounts
from mailcrm.records.review import Place

__all__ = ["QualityCounts"]

_STEPS = 20
_EXAMPLES = 200
_SCORED = ("matched", "possible", "ambiguous")


class QualityCounts:
    """See `ports.QualityTables`."""

    def __init__(self, engine: Engine) -> None:
        """Work on migrated tables."""
        self._engine = engine

    @retried
    def count_decisions(self, mailbox_ids: Collection[str] | None = None) -> MatchCounts:
        """See `ports.QualityTables`."""
        decisions, messages = match_decisions.c, crm_messages.c
        step = func.floor(cast(decisions.score, Float) * _STEPS + 0.001)
        with reading(self._engine) as connection:
            day = _day(connection)
            statement = (
                select(day, decisions.rule, step, decisions.outcome, func.count())
                .join(crm_messages, messages.message_key == decisions.message_key)
                .group_by(day, decisions.rule, step, decisions.outcome)
            )
            if mailbox_ids is not None:
                statement = statement.where(messages.batch_id.in_(batches_of(mailbox_ids)))
            rows = connection.execute(statement).all()
        return _counts(rows)

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


def _counts(rows: Iterable[Any]) -> MatchCounts:
    """Sums of one pass over all decisions, by each of its groups."""
    days: Counter[tuple[str, str]] = Counter()
    rules: Counter[tuple[str, str]] = Counter()
    steps: Counter[tuple[float, str]] = Counter()
    for day, rule, step, outcome, count in rows:
        days[str(day), outcome] += count
        rules[rule, outcome] += count
        if rule != REVIEW and outcome in _SCORED:
            steps[float(step) / _STEPS, outcome] += count
    return MatchCounts(
        by_day=tuple(Count(*key, count) for key, count in sorted(days.items())),
        by_rule=tuple(Count(*key, count) for key, count in sorted(rules.items())),
        by_score=tuple(Count(f"{low:.2f}", o, n) for (low, o), n in sorted(steps.items())),
    )
