"""`ports.FailedSends` on a database: who is told of mail that could not be delivered."""

import datetime as dt
from collections import Counter, defaultdict
from collections.abc import Sequence

from sqlalchemy import Engine, select, update

from mailcrm.adapters.crm_database.engine import retried, writing
from mailcrm.adapters.crm_database.schema import crm_delivery_failures, failed_send_notices
from mailcrm.records import Direction, Notice, NoticeEvent

__all__ = ["FailedSendTables"]


class FailedSendTables:
    """See `ports.FailedSends`."""

    def __init__(self, engine: Engine) -> None:
        """Work on migrated tables."""
        self._engine = engine

    def claim_failed_sends(self, now: dt.datetime) -> Sequence[Notice]:
        """See `ports.FailedSends`; a claim whose outcome got lost is not made again."""
        table, failures = failed_send_notices, crm_delivery_failures
        with writing(self._engine) as connection:
            claimed = connection.execute(
                update(table)
                .where(table.c.notified_at.is_(None))
                .values(notified_at=now)
                .returning(table.c.message_key, table.c.recipient)
            ).all()
            if not claimed:
                return []
            kinds = connection.execute(
                select(table.c.mailbox_id, table.c.monitor, failures.c["class"])
                .join(
                    failures,
                    (failures.c.message_key == table.c.message_key)
                    & (failures.c.recipient == table.c.recipient),
                )
                .where(table.c.notified_at == now)
            ).all()
        counts: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
        for mailbox_id, monitor, kind in kinds:
            counts[mailbox_id, monitor][kind] += 1
        return [_notice(*key, found, now) for key, found in sorted(counts.items())]

    @retried
    def release_failed_sends(self, notice: Notice) -> None:
        """See `ports.FailedSends`."""
        table = failed_send_notices
        is_claimed = (
            table.c.mailbox_id == notice.mailbox_id,
            table.c.monitor == notice.recipient,
            table.c.notified_at == notice.since,
        )
        with writing(self._engine) as connection:
            connection.execute(update(table).where(*is_claimed).values(notified_at=None))


def _notice(mailbox_id: str, monitor: str, kinds: Counter[str], now: dt.datetime) -> Notice:
    total = kinds.total()
    words = ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items()))
    noun = "recipient was" if total == 1 else "recipients were"
    return Notice(
        notice_id=0,
        mailbox_id=mailbox_id,
        direction=Direction.SMTP,
        event=NoticeEvent.FAILED_SENDS,
        since=now,
        reason=f"{total} {noun} not reached ({words}): see crm_delivery_failures",
        recipient=monitor,
    )
