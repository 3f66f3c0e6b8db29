"""Health of directions, rejected logins and notices in the CRM database."""

import datetime as dt
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Engine, delete, select, update

from mailcrm.adapters.crm_database.engine import insert_into, reading, retried, writing
from mailcrm.adapters.crm_database.schema import (
    mailbox_health,
    mailbox_notices,
    mailbox_refusals,
)
from mailcrm.credentials import decide_event, decide_health
from mailcrm.records import (
    Delivery,
    Direction,
    Health,
    HealthState,
    LoginRefusal,
    Notice,
    NoticeEvent,
    VerifyResult,
    VerifyState,
)

__all__ = ["LoginTables", "NoticeTables", "write_health"]

_MAX_ATTEMPTS = 5


def write_health(
    connection: Connection, mailbox_id: str, result: VerifyResult, recipient: str, now: dt.datetime
) -> None:
    """Keep what a verification found, the health that follows, and the notice of a change."""
    stored = connection.execute(
        select(mailbox_health)
        .where(
            mailbox_health.c.mailbox_id == mailbox_id,
            mailbox_health.c.direction == result.direction.value,
        )
        .with_for_update()
    ).one_or_none()
    before = _health_of(stored)
    after = decide_health(before, result, now)
    fields = _fields(stored, result, after, now)
    connection.execute(
        insert_into(connection, mailbox_health)
        .values(mailbox_id=mailbox_id, direction=result.direction.value, **fields)
        .on_conflict_do_update(index_elements=["mailbox_id", "direction"], set_=fields)
    )
    event = decide_event(before, after)
    if event is not None:
        notice = {
            "mailbox_id": mailbox_id,
            "direction": result.direction.value,
            "event": event.value,
            "since": after.since,
            "reason": after.reason or "works again",
            "recipient": recipient,
            "attempts": 0,
        }
        insert = insert_into(connection, mailbox_notices).values(**notice)
        connection.execute(insert.on_conflict_do_nothing())


def _health_of(row: Any) -> Health | None:
    if row is None:
        return None
    return Health(HealthState(row.health), row.health_since, row.failures, row.last_reason)


def _fields(stored: Any, result: VerifyResult, after: Health, now: dt.datetime) -> dict[str, Any]:
    """The row's columns; `since` of a state that stays is kept."""
    same = stored is not None and stored.state == result.state.value
    fields: dict[str, Any] = {
        "state": result.state.value,
        "stage": result.stage,
        "code": result.code,
        "server_text": result.server_text,
        "advice": result.advice,
        "checked_at": now,
        "since": stored.since if stored is not None and same else now,
        "health": after.state.value,
        "health_since": after.since,
        "failures": after.failures,
    }
    if after.reason is not None:
        fields["last_reason"] = after.reason
    if result.offers_idle is not None:
        fields["offers_idle"] = result.offers_idle
    if result.state is VerifyState.OK:
        fields["last_ok_at"] = now
    return fields


class LoginTables:
    """`ports.Logins` on a database."""

    def __init__(self, engine: Engine) -> None:
        """Work on migrated tables."""
        self._engine = engine

    @retried
    def find_refusal(
        self, mailbox_id: str, direction: Direction, version: str
    ) -> LoginRefusal | None:
        """See `ports.Logins`."""
        table = mailbox_refusals
        with reading(self._engine) as connection:
            row = connection.execute(
                select(table).where(
                    table.c.mailbox_id == mailbox_id,
                    table.c.direction == direction.value,
                    table.c.login_version == version,
                )
            ).one_or_none()
        return None if row is None else LoginRefusal(row.refused_at, row.code, row.advice)

    @retried
    def write_refusal(
        self, mailbox_id: str, direction: Direction, version: str, refusal: LoginRefusal
    ) -> None:
        """See `ports.Logins`."""
        with writing(self._engine) as connection:
            connection.execute(
                insert_into(connection, mailbox_refusals)
                .values(
                    mailbox_id=mailbox_id,
                    direction=direction.value,
                    login_version=version,
                    refused_at=refusal.refused_at,
                    code=refusal.code,
                    advice=refusal.advice,
                )
                .on_conflict_do_nothing()
            )

    @retried
    def lift_refusals(self, mailbox_id: str) -> int:
        """See `ports.Logins`."""
        with writing(self._engine) as connection:
            return connection.execute(
                delete(mailbox_refusals).where(mailbox_refusals.c.mailbox_id == mailbox_id)
            ).rowcount


class NoticeTables:
    """`ports.Notices` on a database."""

    def __init__(self, engine: Engine) -> None:
        """Work on migrated tables."""
        self._engine = engine

    def claim_notices(self, now: dt.datetime) -> Sequence[Notice]:
        """See `ports.Notices`; a claim whose outcome got lost is not made again."""
        table = mailbox_notices
        waiting = (table.c.claimed_at.is_(None), table.c.attempts < _MAX_ATTEMPTS)
        with writing(self._engine) as connection:
            rows = connection.execute(
                update(table)
                .where(*waiting)
                .values(claimed_at=now, attempts=table.c.attempts + 1)
                .returning(*table.c)
            ).all()
        notices = [
            Notice(
                notice_id=row.notice_id,
                mailbox_id=row.mailbox_id,
                direction=Direction(row.direction),
                event=NoticeEvent(row.event),
                since=row.since,
                reason=row.reason,
                recipient=row.recipient,
            )
            for row in rows
        ]
        return sorted(notices, key=lambda notice: notice.notice_id)

    @retried
    def finish_notice(self, notice_id: int, delivery: Delivery, now: dt.datetime) -> None:
        """See `ports.Notices`."""
        is_sent = delivery is Delivery.SENT
        values: dict[str, Any] = {"sent_at": now} if is_sent else {"claimed_at": None}
        if delivery is Delivery.NO_WAY:
            values["attempts"] = mailbox_notices.c.attempts - 1
        with writing(self._engine) as connection:
            connection.execute(
                update(mailbox_notices)
                .where(
                    mailbox_notices.c.notice_id == notice_id,
                    mailbox_notices.c.claimed_at.is_not(None),
                )
                .values(**values)
            )
