"""`ports.MatchPages` on a database: every look is bounded, and begins where the last one ended."""

import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Engine, Select, and_, func, or_, select, tuple_

from mailcrm.adapters.crm_database.engine import reading, retried
from mailcrm.adapters.crm_database.review_rows import batches_of, open_cases, read_case, review_of
from mailcrm.adapters.crm_database.schema import (
    crm_contact_addresses,
    crm_contacts,
    crm_message_contacts,
    crm_message_participants,
    crm_messages,
    match_decisions,
    match_reviews,
)
from mailcrm.records.match_pages import CaseView, ContactLine, SenderCount, TimelineLine
from mailcrm.records.review import OpenReview, Place

__all__ = ["MatchPageTables"]


class MatchPageTables:
    """See `ports.MatchPages`."""

    def __init__(self, engine: Engine) -> None:
        """Work on migrated tables."""
        self._engine = engine

    @retried
    def page_open(
        self, mailbox_ids: Collection[str], after: tuple[dt.datetime, Place] | None, limit: int
    ) -> Sequence[OpenReview]:
        """See `ports.MatchPages`."""
        with reading(self._engine) as connection:
            return open_cases(connection, mailbox_ids, after, limit)

    @retried
    def read_case(self, place: Place) -> CaseView | None:
        """See `ports.MatchPages`."""
        messages, links, reviews = crm_messages.c, crm_message_contacts.c, match_reviews
        with reading(self._engine) as connection:
            case = read_case(connection, place)
            if case is None:
                return None
            message = connection.execute(
                select(
                    messages.from_address,
                    messages.from_name,
                    messages.received_at,
                    messages.direction,
                    messages.kind,
                    messages.auth_result,
                    messages.conversation_key,
                    messages.body_text,
                ).where(messages.message_key == place.message_key)
            ).one()
            linked = connection.execute(
                select(links.contact_id, links.roles, links.rule, links.decided_by)
                .where(links.message_key == place.message_key)
                .order_by(links.contact_id)
            ).all()
            said = connection.execute(
                select(reviews)
                .where(reviews.c.message_key == place.message_key)
                .order_by(reviews.c.review_id)
            ).all()
        told = tuple(review_of(row) for row in said)
        return CaseView(case, *message, tuple(tuple(row) for row in linked), told)

    @retried
    def find_place(self, message_key: str, contact_id: str | None) -> Place | None:
        """See `ports.MatchPages`."""
        decisions = match_decisions.c
        is_named = decisions.contact_id.is_not_distinct_from(contact_id)
        statement = (
            select(decisions.message_key, decisions.role, decisions.position)
            .where(decisions.message_key == message_key)
            .order_by(is_named.desc(), decisions.role != "from", decisions.role, decisions.position)
            .limit(1)
        )
        with reading(self._engine) as connection:
            row = connection.execute(statement).first()
        return Place(*row) if row else None

    @retried
    def read_contacts(self, contact_ids: Collection[str]) -> Mapping[str, ContactLine]:
        """See `ports.MatchPages`."""
        if not contact_ids:
            return {}
        statement = _contacts().where(crm_contacts.c.contact_id.in_(contact_ids))
        with reading(self._engine) as connection:
            return {row[0]: ContactLine(*row) for row in connection.execute(statement)}

    @retried
    def search_contacts(self, text: str, limit: int) -> Sequence[ContactLine]:
        """See `ports.MatchPages`."""
        contacts, addresses = crm_contacts.c, crm_contact_addresses.c
        by_address = select(addresses.contact_id).where(
            addresses.address.startswith(text.lower(), autoescape=True)
        )
        fits = or_(
            contacts.contact_id == text,
            contacts.full_name.icontains(text, autoescape=True),
            contacts.company.icontains(text, autoescape=True),
            contacts.contact_id.in_(by_address),
        )
        statement = _contacts().where(fits).order_by(contacts.full_name, contacts.contact_id)
        with reading(self._engine) as connection:
            return [ContactLine(*row) for row in connection.execute(statement.limit(limit))]

    @retried
    def page_timeline(
        self,
        contact_id: str,
        mailbox_ids: Collection[str],
        after: tuple[dt.datetime, str] | None,
        limit: int,
    ) -> Sequence[TimelineLine]:
        """See `ports.MatchPages`."""
        messages, links = crm_messages.c, crm_message_contacts.c
        columns = (messages.message_key, messages.sent_at, messages.direction, messages.subject)
        statement = (
            select(
                *columns, messages.snippet, links.roles, links.rule, links.score, links.decided_by
            )
            .join(crm_message_contacts, links.message_key == messages.message_key)
            .where(links.contact_id == contact_id, messages.batch_id.in_(batches_of(mailbox_ids)))
            .order_by(messages.sent_at.desc(), messages.message_key)
            .limit(limit)
        )
        if after is not None:
            statement = statement.where(_behind(*after))
        with reading(self._engine) as connection:
            return [TimelineLine(*row) for row in connection.execute(statement)]

    @retried
    def count_unmatched(
        self, mailbox_ids: Collection[str], since: dt.datetime, limit: int
    ) -> Sequence[SenderCount]:
        """See `ports.MatchPages`."""
        decisions, people, messages = match_decisions.c, crm_message_participants.c, crm_messages.c
        number = func.count()
        of_decision = tuple_(people.message_key, people.role, people.position) == tuple_(
            decisions.message_key, decisions.role, decisions.position
        )
        statement = (
            select(
                people.address, func.max(people.display_name), number, func.max(messages.sent_at)
            )
            .select_from(crm_messages)
            .join(match_decisions, decisions.message_key == messages.message_key)
            .join(crm_message_participants, of_decision)
            .where(
                messages.sent_at >= since,
                messages.batch_id.in_(batches_of(mailbox_ids)),
                decisions.role == "from",
                decisions.outcome == "unmatched",
            )
            .group_by(people.address)
            .order_by(number.desc(), people.address)
            .limit(limit)
        )
        with reading(self._engine) as connection:
            return [SenderCount(*row) for row in connection.execute(statement)]


def _contacts() -> Select[Any]:
    contacts, addresses = crm_contacts.c, crm_contact_addresses.c
    primary = (
        select(func.min(addresses.address))
        .where(addresses.contact_id == contacts.contact_id, addresses.is_primary)
        .scalar_subquery()
    )
    return select(
        contacts.contact_id,
        contacts.full_name,
        func.coalesce(contacts.company, ""),
        func.coalesce(primary, ""),
    )


def _behind(sent_at: dt.datetime, message_key: str) -> ColumnElement[bool]:
    messages = crm_messages.c
    same = and_(messages.sent_at == sent_at, messages.message_key > message_key)
    return or_(messages.sent_at < sent_at, same)
