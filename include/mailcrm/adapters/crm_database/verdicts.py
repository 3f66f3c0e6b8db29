"""People's verdicts and links, applied to the decisions of given messages, on an open connection.

What a person decided stands in `match_decisions` too, as rule `review`, so that tables and links
agree; what the rules had said then is kept in `match_reviews`.
"""

import datetime as dt
from collections.abc import Collection, Mapping
from typing import Any

from sqlalchemy import Connection, Row, bindparam, delete, select, tuple_, update

from mailcrm.adapters.crm_database.engine import chunked, insert_into
from mailcrm.adapters.crm_database.schema import (
    crm_message_contacts,
    crm_message_participants,
    crm_messages,
    match_decisions,
    match_reviews,
)
from mailcrm.publish import (
    REVIEW,
    RULES,
    ContactLink,
    LinkPlan,
    StoredLink,
    plan_link_changes,
    plan_links,
    plan_verdicts,
)
from mailcrm.records import Outcome
from mailcrm.records.review import LinkChanges, Place, Verdict, VerdictKind

__all__ = ["apply_verdicts", "lock_decisions", "publish_verdicts", "read_verdicts", "sync_links"]

_CHUNK = 2_000


def lock_decisions(connection: Connection) -> None:
    """Let one verdict or re-decision at a time change what is stored; SQLite has one writer."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("SELECT pg_advisory_xact_lock(7221946300021)")


def publish_verdicts(connection: Connection, batch_id: str, now: dt.datetime) -> None:
    """Let earlier verdicts hold for messages that come again, after they had been removed."""
    messages, reviews = crm_messages, match_reviews
    statement = (
        select(reviews.c.message_key)
        .join(messages, messages.c.message_key == reviews.c.message_key)
        .where(messages.c.batch_id == batch_id)
        .distinct()
    )
    keys = list(connection.execute(statement).scalars())
    if keys:
        sync_links(connection, keys, apply_verdicts(connection, keys), now)


def read_verdicts(connection: Connection, keys: Collection[str]) -> dict[Place, Verdict]:
    """The verdicts that hold on the messages' participants."""
    reviews, people = match_reviews, crm_message_participants
    verdicts: list[Verdict] = []
    addresses: dict[Place, str] = {}
    for chunk in chunked(sorted(keys), _CHUNK):
        rows = connection.execute(
            select(reviews).where(reviews.c.message_key.in_(chunk)).order_by(reviews.c.review_id)
        )
        found = [verdict_of(row) for row in rows]
        if not found:
            continue
        verdicts += found
        named = sorted({one.place.message_key for one in found})
        statement = select(
            people.c.message_key, people.c.role, people.c.position, people.c.address
        ).where(people.c.message_key.in_(named))
        for key, role, position, address in connection.execute(statement):
            addresses[Place(key, role, position)] = address
    return plan_verdicts(verdicts, addresses)


def verdict_of(row: Row[Any]) -> Verdict:
    """A row of match_reviews as a verdict."""
    return Verdict(
        place=Place(row.message_key, row.role, row.position),
        kind=VerdictKind(row.verdict),
        contact_id=row.contact_id,
        reviewer=row.reviewer,
        reason=row.reason,
        reviewed_at=row.reviewed_at,
    )


def apply_verdicts(connection: Connection, keys: Collection[str]) -> dict[Place, Verdict]:
    """Write the messages' verdicts over their decisions; the evidence stays as it was."""
    held = read_verdicts(connection, keys)
    table = match_decisions
    rows = [
        {
            "b_key": place.message_key,
            "b_role": place.role,
            "b_position": place.position,
            "b_outcome": (Outcome.MATCHED if verdict.contact_id else Outcome.UNMATCHED).value,
            "b_contact": verdict.contact_id,
            "b_score": 1.0 if verdict.contact_id else 0.0,
        }
        for place, verdict in held.items()
    ]
    if rows:
        connection.execute(
            update(table)
            .where(
                table.c.message_key == bindparam("b_key"),
                table.c.role == bindparam("b_role"),
                table.c.position == bindparam("b_position"),
            )
            .values(
                outcome=bindparam("b_outcome"),
                contact_id=bindparam("b_contact"),
                score=bindparam("b_score"),
                rule=REVIEW,
                company_domain=None,
            ),
            rows,
        )
    return held


def sync_links(
    connection: Connection,
    keys: Collection[str],
    verdicts: Mapping[Place, Verdict],
    now: dt.datetime,
) -> LinkChanges:
    """Make the messages' links what their decisions say, and tell what changed."""
    deciders = {
        (place.message_key, verdict.contact_id): verdict
        for place, verdict in verdicts.items()
        if verdict.contact_id
    }
    reviewers = {pair: verdict.reviewer for pair, verdict in deciders.items()}
    gained: list[ContactLink] = []
    lost: list[ContactLink] = []
    kept: list[tuple[str, str]] = []
    for chunk in chunked(sorted(keys), _CHUNK):
        plan = _plan_links(connection, chunk, reviewers)
        _remove_links(connection, plan.remove)
        _write_links(connection, plan.write, deciders, now)
        gained += plan.changes.gained
        lost += plan.changes.lost
        kept += plan.changes.kept
    return LinkChanges(tuple(gained), tuple(lost), tuple(kept))


def _plan_links(
    connection: Connection, keys: list[str], reviewers: Mapping[tuple[str, str], str]
) -> LinkPlan:
    decisions, links = match_decisions.c, crm_message_contacts.c
    matched = connection.execute(
        select(
            decisions.message_key,
            decisions.contact_id,
            decisions.role,
            decisions.rule,
            decisions.score,
        ).where(decisions.message_key.in_(keys), decisions.outcome == Outcome.MATCHED.value)
    )
    wanted = plan_links(tuple(row) for row in matched)
    columns = (links.message_key, links.contact_id, links.roles, links.rule, links.score)
    rows = connection.execute(select(*columns, links.decided_by).where(links.message_key.in_(keys)))
    stored = [StoredLink(ContactLink(*row[:-1]), row.decided_by) for row in rows]
    return plan_link_changes(wanted, stored, reviewers)


def _remove_links(connection: Connection, links: Collection[ContactLink]) -> None:
    table = crm_message_contacts
    pairs = [(link.message_key, link.contact_id) for link in links]
    for chunk in chunked(pairs, _CHUNK):
        columns = tuple_(table.c.message_key, table.c.contact_id)
        connection.execute(delete(table).where(columns.in_(chunk)))


def _write_links(
    connection: Connection,
    links: Collection[ContactLink],
    deciders: Mapping[tuple[str, str], Verdict],
    now: dt.datetime,
) -> None:
    rows = []
    for link in links:
        verdict = deciders.get((link.message_key, link.contact_id))
        rows.append(
            {
                "message_key": link.message_key,
                "contact_id": link.contact_id,
                "roles": link.roles,
                "rule": link.rule,
                "score": link.score,
                "decided_by": verdict.reviewer if verdict else RULES,
                "decided_at": verdict.reviewed_at if verdict else now,
            }
        )
    if rows:
        insert = insert_into(connection, crm_message_contacts)
        names = ("roles", "rule", "score", "decided_by", "decided_at")
        connection.execute(
            insert.on_conflict_do_update(
                index_elements=["message_key", "contact_id"],
                set_={name: insert.excluded[name] for name in names},
            ),
            rows,
        )
