"""Rows of decisions and verdicts, as people judge them, on an open connection."""

import datetime as dt
from collections.abc import Collection
from typing import Any

from sqlalchemy import (
    CTE,
    ColumnElement,
    Connection,
    Row,
    Select,
    and_,
    exists,
    func,
    or_,
    select,
    tuple_,
)

from mailcrm.adapters.crm_database.schema import (
    crm_message_participants,
    crm_messages,
    match_decisions,
    match_reviews,
    sync_runs,
)
from mailcrm.adapters.crm_database.verdicts import verdict_of
from mailcrm.records.review import OpenReview, Place, Review, RulesDecision

__all__ = [
    "batches_of",
    "case_of",
    "cases",
    "open_cases",
    "read_case",
    "review_of",
    "waits_for_person",
]

_OPEN = ("possible", "ambiguous")
_DECIDED = ("outcome", "contact_id", "rule", "score", "version")


def batches_of(mailbox_ids: Collection[str]) -> Select[Any]:
    """The batches of these mailboxes."""
    return select(sync_runs.c.batch_id).where(sync_runs.c.mailbox_id.in_(mailbox_ids))


def waits_for_person() -> ColumnElement[bool]:
    """Whether a decision is possible or ambiguous, and nobody has judged it."""
    decisions, reviews = match_decisions.c, match_reviews.c
    judged = exists().where(
        reviews.message_key == decisions.message_key,
        reviews.role == decisions.role,
        reviews.position == decisions.position,
    )
    return and_(decisions.outcome.in_(_OPEN), ~judged)


def open_cases(
    connection: Connection,
    mailbox_ids: Collection[str] | None,
    after: tuple[dt.datetime, Place] | None,
    limit: int,
) -> list[OpenReview]:
    """Decisions that wait for a person, latest message first; None takes every mailbox."""
    waiting = _waiting(mailbox_ids)
    keys = (waiting.c.message_key, waiting.c.role, waiting.c.position)
    behind = select(waiting)
    if after is not None:
        sent_at, last = after
        follows = tuple_(*keys) > (last.message_key, last.role, last.position)
        sent = waiting.c.sent_at
        behind = behind.where(or_(sent < sent_at, and_(sent == sent_at, follows)))
    page = behind.order_by(waiting.c.sent_at.desc(), *keys).limit(limit).subquery()
    decisions = match_decisions.c
    statement = (
        cases()
        .join(
            page,
            (page.c.message_key == decisions.message_key)
            & (page.c.role == decisions.role)
            & (page.c.position == decisions.position),
        )
        .order_by(page.c.sent_at.desc(), page.c.message_key, page.c.role, page.c.position)
    )
    return [case_of(row) for row in connection.execute(statement)]


def _waiting(mailbox_ids: Collection[str] | None) -> CTE:
    """Open decisions without a verdict, with their message's time.

    Materialized, so that every planner begins with these few and not with all messages.
    """
    decisions, messages, runs = (table.c for table in (match_decisions, crm_messages, sync_runs))
    statement = (
        select(decisions.message_key, decisions.role, decisions.position, messages.sent_at)
        .join(crm_messages, messages.message_key == decisions.message_key)
        .where(waits_for_person())
    )
    if mailbox_ids is not None:
        is_theirs = exists().where(
            runs.batch_id == messages.batch_id, runs.mailbox_id.in_(mailbox_ids)
        )
        statement = statement.where(is_theirs)
    return statement.cte("waiting").prefix_with("MATERIALIZED")


def read_case(connection: Connection, place: Place) -> OpenReview | None:
    """The decision on one place as it is now."""
    decisions = match_decisions.c
    row = connection.execute(
        cases().where(
            decisions.message_key == place.message_key,
            decisions.role == place.role,
            decisions.position == place.position,
        )
    ).one_or_none()
    return None if row is None else case_of(row)


def cases() -> Select[Any]:
    """Decisions with what a person needs to judge them."""
    decisions, people, messages = match_decisions, crm_message_participants, crm_messages
    mailbox = (
        select(func.min(sync_runs.c.mailbox_id))
        .where(sync_runs.c.batch_id == messages.c.batch_id)
        .scalar_subquery()
        .label("mailbox_id")
    )
    return (
        select(
            decisions,
            people.c.address,
            people.c.display_name,
            messages.c.subject,
            messages.c.sent_at,
            mailbox,
        )
        .join(messages, messages.c.message_key == decisions.c.message_key)
        .join(
            people,
            (people.c.message_key == decisions.c.message_key)
            & (people.c.role == decisions.c.role)
            & (people.c.position == decisions.c.position),
        )
    )


def case_of(row: Row[Any]) -> OpenReview:
    """A row of `cases`."""
    candidates = tuple(row.candidates)
    first = row.contact_id or (candidates[0]["contact_id"] if candidates else None)
    return OpenReview(
        place=Place(row.message_key, row.role, row.position),
        mailbox_id=row.mailbox_id or "",
        address=row.address,
        display_name=row.display_name,
        subject=row.subject,
        sent_at=row.sent_at,
        decided=RulesDecision(row.outcome, first, row.rule, row.score, row.rule_version),
        candidates=candidates,
    )


def review_of(row: Row[Any]) -> Review:
    """A row of match_reviews."""
    decided = (getattr(row, f"decided_{name}") for name in _DECIDED)
    return Review(row.review_id, verdict_of(row), RulesDecision(*decided))
