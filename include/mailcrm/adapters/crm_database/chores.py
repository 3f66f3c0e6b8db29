"""Regular upkeep in the CRM database."""

import datetime as dt

from sqlalchemy import Engine, delete, func, select

from mailcrm.adapters.crm_database.engine import insert_into, reading, retried, writing
from mailcrm.adapters.crm_database.schema import (
    mailbox_notices,
    staged_attachments,
    staged_conversation_merges,
    staged_decisions,
    staged_messages,
    staged_participants,
    sync_ledger,
    sync_runs,
)
from mailcrm.records import Direction
from mailcrm.records.health import NoticeEvent

__all__ = ["ChoreTables"]

# A notice on runs, not on a login: reading is what stands still.
DIRECTION = Direction.IMAP.value
OUTAGE = "no good run"
GOOD = ("published", "nothing_new")
LIVE = ("running", "held")


class ChoreTables:
    """See `mailcrm.ports.chores.Chores`."""

    def __init__(self, engine: Engine) -> None:
        """Work on migrated tables."""
        self._engine = engine

    @retried
    def read_last_good(self, mailbox_id: str) -> dt.datetime | None:
        """See the port."""
        with reading(self._engine) as connection:
            found: dt.datetime | None = connection.execute(
                select(func.max(sync_runs.c.finished_at)).where(
                    sync_runs.c.mailbox_id == mailbox_id,
                    sync_runs.c.state.in_(GOOD),
                    sync_runs.c.kind == "sync",
                )
            ).scalar_one()
        return found

    @retried
    def find_open_outage(self, mailbox_id: str) -> dt.datetime | None:
        """See the port."""
        table = mailbox_notices
        ended = table.alias()
        with reading(self._engine) as connection:
            found: dt.datetime | None = connection.execute(
                select(func.max(table.c.since)).where(
                    table.c.mailbox_id == mailbox_id,
                    table.c.event == NoticeEvent.BROKE.value,
                    table.c.reason.startswith(OUTAGE),
                    ~select(ended.c.notice_id)
                    .where(
                        ended.c.mailbox_id == table.c.mailbox_id,
                        ended.c.direction == table.c.direction,
                        ended.c.event == NoticeEvent.RECOVERED.value,
                        ended.c.since == table.c.since,
                    )
                    .exists(),
                )
            ).scalar_one()
        return found

    @retried
    def write_outage(
        self, mailbox_id: str, event: NoticeEvent, since: dt.datetime, reason: str, to: str
    ) -> bool:
        """See the port."""
        with writing(self._engine) as connection:
            done = connection.execute(
                insert_into(connection, mailbox_notices)
                .values(
                    mailbox_id=mailbox_id,
                    direction=DIRECTION,
                    event=event.value,
                    since=since,
                    reason=reason,
                    recipient=to,
                    attempts=0,
                )
                .on_conflict_do_nothing()
                .returning(mailbox_notices.c.mailbox_id)
            ).first()
        return done is not None

    @retried
    def delete_dead_staging(self) -> int:
        """See the port."""
        messages = staged_messages
        is_live = (
            select(sync_runs.c.run_id)
            .where(sync_runs.c.batch_id == messages.c.batch_id, sync_runs.c.state.in_(LIVE))
            .exists()
        )
        is_open = (
            select(sync_ledger.c.uid)
            .where(sync_ledger.c.batch_id == messages.c.batch_id, sync_ledger.c.state == "staged")
            .exists()
        )
        with writing(self._engine) as connection:
            dead = list(
                connection.execute(
                    select(messages.c.batch_id).where(~is_live, ~is_open).distinct()
                ).scalars()
            )
            for batch_id in dead:
                mine = select(messages.c.generation_id).where(
                    messages.c.batch_id == batch_id,
                )
                for table in (staged_attachments, staged_decisions, staged_participants):
                    connection.execute(
                        delete(table).where(
                            mine.where(
                                messages.c.generation_id == table.c.generation_id,
                                messages.c.uid == table.c.uid,
                            ).exists()
                        )
                    )
                merges = staged_conversation_merges
                connection.execute(delete(merges).where(merges.c.batch_id == batch_id))
                connection.execute(delete(messages).where(messages.c.batch_id == batch_id))
        return len(dead)
