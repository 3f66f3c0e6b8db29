"""Sign-offs of windows in the CRM database."""

import dataclasses
import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Engine, RowMapping, func, select, update

from mailcrm.adapters.crm_database.coverage import read_intervals
from mailcrm.adapters.crm_database.engine import insert_into, reading, retried, writing
from mailcrm.adapters.crm_database.schema import (
    crm_message_sightings,
    match_decisions,
    match_reviews,
    sync_runs,
)
from mailcrm.adapters.crm_database.schema.approvals import sync_approvals
from mailcrm.records import Window
from mailcrm.records.approval import (
    ApprovalRequest,
    ApprovalState,
    ApprovalWay,
    MatchAudit,
    SampleLink,
    WindowPreview,
)

__all__ = ["ApprovalTables"]

PACED_RUNS = 10


class ApprovalTables:
    """See `mailcrm.ports.approval.Approvals`."""

    def __init__(self, engine: Engine) -> None:
        """Work on migrated tables."""
        self._engine = engine

    @retried
    def write_request(self, request: ApprovalRequest, now: dt.datetime) -> None:
        """See the port."""
        values = {
            "mailbox_id": request.mailbox_id,
            "window_since": request.window.since,
            "window_until": request.window.until,
            "folders": None if request.folders is None else list(request.folders),
            "reasons": list(request.reasons),
            "preview": _plain(request.preview),
            "audit": _plain(request.audit),
        }
        with writing(self._engine) as connection:
            insert = insert_into(connection, sync_approvals).values(
                run_id=request.run_id, state=ApprovalState.WAITING.value, created_at=now, **values
            )
            connection.execute(
                insert.on_conflict_do_update(
                    index_elements=["run_id"],
                    set_=values,
                    where=sync_approvals.c.state == ApprovalState.WAITING.value,
                )
            )

    @retried
    def write_decision(
        self, run_id: str, state: ApprovalState, way: ApprovalWay, by: str, now: dt.datetime
    ) -> None:
        """See the port."""
        with writing(self._engine) as connection:
            connection.execute(
                update(sync_approvals)
                .where(
                    sync_approvals.c.run_id == run_id,
                    sync_approvals.c.state == ApprovalState.WAITING.value,
                )
                .values(state=state.value, way=way.value, decided_by=by, decided_at=now)
            )

    @retried
    def read_request(self, run_id: str) -> ApprovalRequest | None:
        """See the port."""
        with reading(self._engine) as connection:
            row = connection.execute(
                select(sync_approvals).where(sync_approvals.c.run_id == run_id)
            ).one_or_none()
        return None if row is None else _request(row._mapping)

    @retried
    def list_requests(self, mailbox_id: str) -> Sequence[ApprovalRequest]:
        """See the port."""
        with reading(self._engine) as connection:
            rows = connection.execute(
                select(sync_approvals)
                .where(sync_approvals.c.mailbox_id == mailbox_id)
                .order_by(sync_approvals.c.created_at.desc(), sync_approvals.c.run_id)
            ).all()
        return [_request(row._mapping) for row in rows]

    @retried
    def read_coverage(
        self, mailbox_id: str
    ) -> Mapping[str, Sequence[tuple[dt.datetime, dt.datetime]]]:
        """See the port."""
        found: dict[str, list[tuple[dt.datetime, dt.datetime]]] = {}
        with reading(self._engine) as connection:
            for one in read_intervals(connection, [mailbox_id]):
                found.setdefault(one.folder, []).append((one.since, one.until))
        return found

    @retried
    def read_audit(self, mailbox_id: str, sample_size: int) -> MatchAudit:
        """See the port."""
        with reading(self._engine) as connection:
            outcomes = connection.execute(
                select(match_decisions.c.outcome, func.count())
                .where(_seen_in(match_decisions.c.message_key, mailbox_id))
                .group_by(match_decisions.c.outcome)
                .order_by(match_decisions.c.outcome)
            ).all()
            verdicts = _verdicts(connection, mailbox_id)
            sample = _sample(connection, mailbox_id, sample_size)
        return MatchAudit(
            outcomes=tuple((str(outcome), int(count)) for outcome, count in outcomes),
            reviewed=len(verdicts),
            right=sum(verdicts.values()),
            sample=sample,
        )

    @retried
    def read_pace(self, mailbox_id: str) -> float | None:
        """See the port."""
        with reading(self._engine) as connection:
            rows = connection.execute(
                select(sync_runs.c.certificate, sync_runs.c.started_at, sync_runs.c.finished_at)
                .where(
                    sync_runs.c.mailbox_id == mailbox_id,
                    sync_runs.c.state == "published",
                    sync_runs.c.kind == "sync",
                )
                .order_by(sync_runs.c.started_at.desc())
                .limit(PACED_RUNS)
            ).all()
        read = sum(f["listed"] - f["already_covered"] for row in rows for f in row.certificate)
        seconds = sum((row.finished_at - row.started_at).total_seconds() for row in rows)
        return read / seconds if read and seconds > 0 else None


def _seen_in(message_key: ColumnElement[str], mailbox_id: str) -> ColumnElement[bool]:
    sightings = crm_message_sightings
    return (
        select(sightings.c.uid)
        .where(sightings.c.message_key == message_key, sightings.c.mailbox_id == mailbox_id)
        .exists()
    )


def _verdicts(connection: Connection, mailbox_id: str) -> dict[tuple[str, str, int], bool]:
    """Automatic links that people judged, by place: whether the latest verdict agrees."""
    reviews = match_reviews
    rows = connection.execute(
        select(reviews)
        .where(
            reviews.c.decided_outcome == "matched",
            reviews.c.decided_rule != "review",
            _seen_in(reviews.c.message_key, mailbox_id),
        )
        .order_by(reviews.c.review_id)
    )
    return {
        (row.message_key, row.role, row.position): row.contact_id == row.decided_contact_id
        for row in rows
    }


def _sample(connection: Connection, mailbox_id: str, size: int) -> tuple[SampleLink, ...]:
    """Automatic links, the least sure first, always the same ones."""
    decisions = match_decisions
    rows = connection.execute(
        select(decisions.c.message_key, decisions.c.contact_id, decisions.c.rule, decisions.c.score)
        .where(decisions.c.outcome == "matched", _seen_in(decisions.c.message_key, mailbox_id))
        .order_by(decisions.c.score, decisions.c.message_key, decisions.c.role)
        .limit(size)
    )
    return tuple(SampleLink(row.message_key, row.contact_id, row.rule, row.score) for row in rows)


def _plain(record: WindowPreview | MatchAudit | None) -> dict[str, Any] | None:
    return None if record is None else dataclasses.asdict(record)


def _request(row: RowMapping) -> ApprovalRequest:
    preview, audit = row["preview"], row["audit"]
    return ApprovalRequest(
        run_id=row["run_id"],
        mailbox_id=row["mailbox_id"],
        window=Window(row["window_since"], row["window_until"]),
        folders=None if row["folders"] is None else tuple(row["folders"]),
        reasons=tuple(row["reasons"]),
        preview=None if preview is None else _preview(preview),
        audit=None if audit is None else _audit(audit),
        state=ApprovalState(row["state"]),
        way=None if row["way"] is None else ApprovalWay(row["way"]),
        decided_by=row["decided_by"],
        decided_at=row["decided_at"],
    )


def _preview(stored: Mapping[str, Any]) -> WindowPreview:
    folders = tuple((name, count, size) for name, count, size in stored["folders"])
    return WindowPreview(**{**stored, "folders": folders})


def _audit(stored: Mapping[str, Any]) -> MatchAudit:
    outcomes = tuple((outcome, count) for outcome, count in stored["outcomes"])
    sample = tuple(SampleLink(**link) for link in stored["sample"])
    return MatchAudit(**{**stored, "outcomes": outcomes, "sample": sample})
