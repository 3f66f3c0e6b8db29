"""What the pages show of mailboxes and runs, from the CRM database."""

import datetime as dt
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Engine, and_, case, func, or_, select

from mailcrm.adapters.crm_database.coverage import read_intervals
from mailcrm.adapters.crm_database.engine import reading, retried
from mailcrm.adapters.crm_database.review_rows import waits_for_person
from mailcrm.adapters.crm_database.schema import (
    crm_message_sightings,
    mailbox_notices,
    match_decisions,
    match_reviews,
    sync_quarantine,
    sync_runs,
)
from mailcrm.records.pages import HealthEvent, MailboxCard, MatchSummary, RunLine

__all__ = ["MailboxPageTables"]

OPEN_LOOKED_AT = 5000
RUNS_SUMMED = 500
_NO_COUNTS = frozenset({"folder", "generation", "uidvalidity", "balanced"})


class MailboxPageTables:
    """`ports.pages.MailboxPages` on a database."""

    def __init__(self, engine: Engine) -> None:
        """Work on migrated tables."""
        self._engine = engine

    @retried
    def read_cards(self, mailbox_ids: Sequence[str]) -> Mapping[str, MailboxCard]:
        """See `MailboxPages`."""
        ids = list(mailbox_ids)
        with reading(self._engine) as connection:
            coverage = _coverage(connection, ids)
            reviews = _open_reviews(connection, ids)
            held = _held(connection, ids)
            last = {one: _runs(connection, one, None, 1) for one in ids}
        return {
            one: MailboxCard(
                coverage=tuple(coverage.get(one, ())),
                last_run=last[one][0] if last[one] else None,
                open_reviews=reviews.get(one, 0),
                quarantined=held.get(one, 0),
            )
            for one in ids
        }

    @retried
    def list_runs(
        self, mailbox_id: str, before: tuple[dt.datetime, str] | None, limit: int
    ) -> Sequence[RunLine]:
        """See `MailboxPages`."""
        with reading(self._engine) as connection:
            return _runs(connection, mailbox_id, before, limit)

    @retried
    def list_health_events(self, mailbox_id: str, limit: int) -> Sequence[HealthEvent]:
        """See `MailboxPages`."""
        table = mailbox_notices
        columns = (table.c.direction, table.c.event, table.c.since, table.c.reason)
        statement = (
            select(*columns)
            .where(table.c.mailbox_id == mailbox_id)
            .order_by(table.c.since.desc(), table.c.notice_id.desc())
            .limit(limit)
        )
        with reading(self._engine) as connection:
            return [HealthEvent(*row) for row in connection.execute(statement)]

    @retried
    def read_match_summary(self, mailbox_id: str) -> MatchSummary:
        """See `MailboxPages`."""
        runs = sync_runs
        statement = (
            select(runs.c.decisions)
            .where(
                runs.c.mailbox_id == mailbox_id,
                runs.c.state.in_(("published", "incomplete")),
                runs.c.decisions.is_not(None),
            )
            .order_by(runs.c.started_at.desc())
            .limit(RUNS_SUMMED)
        )
        with reading(self._engine) as connection:
            decisions: Counter[str] = Counter()
            for row in connection.execute(statement).scalars():
                decisions.update({name: int(number) for name, number in row.items()})
            upheld, overturned = _verdicts(connection, mailbox_id)
        return MatchSummary(dict(decisions), upheld, overturned)


def _runs(
    connection: Connection, mailbox_id: str, before: tuple[dt.datetime, str] | None, limit: int
) -> list[RunLine]:
    runs = sync_runs
    statement = (
        select(runs)
        .where(runs.c.mailbox_id == mailbox_id)
        .order_by(runs.c.started_at.desc(), runs.c.run_id.desc())
        .limit(limit)
    )
    if before is not None:
        at, run_id = before
        same = and_(runs.c.started_at == at, runs.c.run_id < run_id)
        statement = statement.where(or_(runs.c.started_at < at, same))
    return [_line(row) for row in connection.execute(statement).mappings()]


def _line(row: Any) -> RunLine:
    totals: Counter[str] = Counter()
    for folder in row["certificate"] or ():
        totals.update({k: int(v) for k, v in folder.items() if k not in _NO_COUNTS})
    return RunLine(
        run_id=row["run_id"],
        state=row["state"],
        kind=row["kind"],
        window_since=row["window_since"],
        window_until=row["window_until"],
        started_at=row["started_at"],
        finished_at=row["finished_at"],
        totals=dict(totals),
        decisions=row["decisions"] or {},
    )


def _coverage(
    connection: Connection, ids: Sequence[str]
) -> dict[str, list[tuple[str, dt.datetime, dt.datetime]]]:
    found: dict[str, list[tuple[str, dt.datetime, dt.datetime]]] = {}
    for one in read_intervals(connection, ids):
        found.setdefault(one.mailbox_id, []).append((one.folder, one.since, one.until))
    return found


def _open_reviews(connection: Connection, ids: Sequence[str]) -> dict[str, int]:
    """Possible and ambiguous decisions that nobody judged, by mailbox.

    Looks at OPEN_LOOKED_AT of them at most, whatever the number of messages: where more are open,
    the numbers are lower bounds, and there is work enough.
    """
    decisions, sightings = match_decisions, crm_message_sightings
    places = (
        select(decisions.c.message_key, decisions.c.role, decisions.c.position)
        .where(waits_for_person())
        .limit(OPEN_LOOKED_AT)
        .subquery()
    )
    # A sum that says nothing keeps SQLite from beginning with all sightings of a mailbox.
    mailbox = sightings.c.mailbox_id + ""
    rows = connection.execute(
        select(sightings.c.mailbox_id, places.c.message_key, places.c.role, places.c.position)
        .join_from(places, sightings, sightings.c.message_key == places.c.message_key)
        .where(mailbox.in_(ids))
        .distinct()
    )
    return dict(Counter(row.mailbox_id for row in rows))


def _held(connection: Connection, ids: Sequence[str]) -> dict[str, int]:
    table = sync_quarantine
    rows = connection.execute(
        select(table.c.mailbox_id, func.count())
        .where(table.c.mailbox_id.in_(ids), table.c.state == "held")
        .group_by(table.c.mailbox_id)
    )
    return {row[0]: row[1] for row in rows}


def _verdicts(connection: Connection, mailbox_id: str) -> tuple[int, int]:
    """On what the rules had linked: how many people upheld, and how many they overturned."""
    reviews, sightings = match_reviews, crm_message_sightings
    mine = (
        select(sightings.c.uid)
        .where(
            sightings.c.message_key == reviews.c.message_key, sightings.c.mailbox_id == mailbox_id
        )
        .exists()
    )
    latest = select(func.max(reviews.c.review_id)).group_by(
        reviews.c.message_key, reviews.c.role, reviews.c.position
    )
    is_upheld = and_(
        reviews.c.contact_id == reviews.c.decided_contact_id, reviews.c.verdict != "rejected"
    )
    row = connection.execute(
        select(func.count(case((is_upheld, 1))), func.count()).where(
            reviews.c.decided_outcome == "matched", mine, reviews.c.review_id.in_(latest)
        )
    ).one()
    return row[0], row[1] - row[0]
