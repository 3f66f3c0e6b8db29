"""`ports.Reviews` on a database: what people are asked, and what they said."""

import datetime as dt
from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import (
    Engine,
    delete,
    func,
    insert,
    select,
    tuple_,
)

from mailcrm.adapters.crm_database.engine import chunked, reading, retried, writing
from mailcrm.adapters.crm_database.rematch import replace_decisions
from mailcrm.adapters.crm_database.review_rows import (
    batches_of,
    case_of,
    cases,
    open_cases,
    review_of,
)
from mailcrm.adapters.crm_database.schema import (
    crm_contacts,
    crm_messages,
    match_decisions,
    match_reviews,
)
from mailcrm.adapters.crm_database.verdicts import (
    apply_verdicts,
    lock_decisions,
    sync_links,
)
from mailcrm.errors import SettingsError
from mailcrm.publish import REVIEW
from mailcrm.records import Decision, MessageContext
from mailcrm.records.review import (
    LinkChanges,
    OpenReview,
    Place,
    Review,
    RulesDecision,
    Verdict,
)

__all__ = ["ReviewTables"]

_CHUNK = 2_000


class ReviewTables:
    """See `ports.Reviews`."""

    def __init__(self, engine: Engine) -> None:
        """Work on migrated tables."""
        self._engine = engine

    @retried
    def list_open(self, mailbox_id: str | None, limit: int) -> Sequence[OpenReview]:
        """See `ports.Reviews`."""
        with reading(self._engine) as connection:
            return open_cases(connection, None if mailbox_id is None else [mailbox_id], None, limit)

    @retried
    def list_links(
        self, since: dt.datetime, until: dt.datetime, mailbox_id: str | None
    ) -> Sequence[Place]:
        """See `ports.Reviews`."""
        decisions, messages = match_decisions.c, crm_messages
        statement = (
            select(decisions.message_key, decisions.role, decisions.position)
            .join(messages, messages.c.message_key == decisions.message_key)
            .where(
                decisions.outcome == "matched",
                decisions.rule != REVIEW,
                messages.c.published_at >= since,
                messages.c.published_at < until,
            )
            .order_by(decisions.message_key, decisions.role, decisions.position)
        )
        if mailbox_id is not None:
            statement = statement.where(messages.c.batch_id.in_(batches_of([mailbox_id])))
        with reading(self._engine) as connection:
            return [Place(*row) for row in connection.execute(statement)]

    @retried
    def read_places(self, places: Collection[Place]) -> Sequence[OpenReview]:
        """See `ports.Reviews`."""
        decisions = match_decisions.c
        columns = tuple_(decisions.message_key, decisions.role, decisions.position)
        found: dict[Place, OpenReview] = {}
        with reading(self._engine) as connection:
            for chunk in chunked(sorted(places), _CHUNK):
                keys = [(one.message_key, one.role, one.position) for one in chunk]
                for row in connection.execute(cases().where(columns.in_(keys))):
                    case = case_of(row)
                    found[case.place] = case
        return [found[place] for place in sorted(found)]

    @retried
    def find_place(self, review_id: int) -> Place | None:
        """See `ports.Reviews`."""
        table = match_reviews.c
        statement = select(table.message_key, table.role, table.position)
        with reading(self._engine) as connection:
            row = connection.execute(statement.where(table.review_id == review_id)).first()
        return Place(*row) if row else None

    @retried
    def find_message(self, start: str) -> str | None:
        """See `ports.Reviews`."""
        column = crm_messages.c.message_key
        statement = select(column).where(column.startswith(start, autoescape=True)).limit(2)
        with reading(self._engine) as connection:
            keys = list(connection.execute(statement).scalars())
        return keys[0] if len(keys) == 1 else None

    @retried
    def write_verdict(
        self, verdict: Verdict, decided: RulesDecision, now: dt.datetime
    ) -> tuple[Review, LinkChanges]:
        """See `ports.Reviews`; raises SettingsError where the contact does not exist."""
        key = verdict.place.message_key
        with writing(self._engine) as connection:
            lock_decisions(connection)
            known = crm_contacts.c.contact_id
            if verdict.contact_id is not None and not connection.scalar(
                select(func.count()).where(known == verdict.contact_id)
            ):
                raise SettingsError(where=f"contact {verdict.contact_id}", problem="does not exist")
            review_id = connection.execute(
                insert(match_reviews)
                .values(_review_row(verdict, decided))
                .returning(match_reviews.c.review_id)
            ).scalar_one()
            changes = sync_links(connection, [key], apply_verdicts(connection, [key]), now)
        return Review(review_id, verdict, decided), changes

    @retried
    def remove_verdict(
        self,
        review_id: int,
        reviewer: str,
        decided: Sequence[tuple[MessageContext, Sequence[Decision]]],
        now: dt.datetime,
    ) -> LinkChanges:
        """See `ports.Reviews`."""
        table, where = match_reviews, f"review {review_id}"
        with writing(self._engine) as connection:
            lock_decisions(connection)
            found = connection.execute(
                select(table).where(table.c.review_id == review_id)
            ).one_or_none()
            if found is None or found.reviewer != reviewer:
                problem = "is not there, or was not given by you"
                raise SettingsError(where=where, problem=problem)
            place = (found.message_key, found.role, found.position)
            columns = tuple_(table.c.message_key, table.c.role, table.c.position)
            latest = select(func.max(table.c.review_id)).where(columns == place)
            if connection.scalar(latest) != review_id:
                raise SettingsError(where=where, problem="was replaced by a later one")
            connection.execute(delete(table).where(table.c.review_id == review_id))
            return replace_decisions(connection, decided, now)

    @retried
    def list_reviews(self) -> Sequence[Review]:
        """See `ports.Reviews`."""
        table = match_reviews
        latest = select(func.max(table.c.review_id)).group_by(
            table.c.message_key, table.c.role, table.c.position
        )
        statement = select(table).where(table.c.review_id.in_(latest)).order_by(table.c.review_id)
        with reading(self._engine) as connection:
            return [review_of(row) for row in connection.execute(statement)]


def _review_row(verdict: Verdict, decided: RulesDecision) -> dict[str, Any]:
    return {
        "message_key": verdict.place.message_key,
        "role": verdict.place.role,
        "position": verdict.place.position,
        "verdict": verdict.kind.value,
        "contact_id": verdict.contact_id,
        "reviewer": verdict.reviewer,
        "reason": verdict.reason,
        "reviewed_at": verdict.reviewed_at,
        "decided_outcome": decided.outcome,
        "decided_contact_id": decided.contact_id,
        "decided_rule": decided.rule,
        "decided_score": decided.score,
        "decided_version": decided.rule_version,
    }
