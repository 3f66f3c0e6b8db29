"""What metrics say of one mailbox, counted in the database."""

import datetime as dt
from collections.abc import Mapping

from sqlalchemy import Connection, Engine, func, select

from mailcrm.adapters.crm_database.engine import reading
from mailcrm.adapters.crm_database.holds import list_held_batches
from mailcrm.adapters.crm_database.schema import (
    mailbox_health,
    sync_generations,
    sync_ledger,
    sync_runs,
)
from mailcrm.records.metrics import MailboxMeasures

__all__ = ["read_health", "read_measures"]

GOOD = ("published", "nothing_new")
IN_CRM = ("published", "duplicate")
STATES = (
    "published",
    "duplicate",
    "excluded",
    "quarantined",
    "vanished",
    "unavailable",
    "pending",
)


def read_measures(engine: Engine, mailbox_id: str) -> MailboxMeasures:
    """See `ports.Overview`: one pass over the mailbox's ledger, and small look-ups."""
    with reading(engine) as connection:
        messages, newest = _messages(connection, mailbox_id)
        runs = sync_runs
        last = connection.execute(
            select(func.max(runs.c.finished_at)).where(
                runs.c.mailbox_id == mailbox_id, runs.c.state.in_(GOOD), runs.c.kind == "sync"
            )
        ).scalar_one()
        return MailboxMeasures(
            messages=messages,
            newest_at=newest,
            last_good_run_at=last,
            held_batches=len(list_held_batches(connection, mailbox_id)),
        )


def read_health(engine: Engine, mailbox_id: str) -> Mapping[str, str]:
    """See `ports.Overview`."""
    table = mailbox_health
    with reading(engine) as connection:
        rows = connection.execute(
            select(table.c.direction, table.c.health).where(table.c.mailbox_id == mailbox_id)
        )
        return {row.direction: row.health for row in rows}


def _messages(
    connection: Connection, mailbox_id: str
) -> tuple[Mapping[str, int], dt.datetime | None]:
    ledger, generations = sync_ledger, sync_generations
    counts = dict.fromkeys(STATES, 0)
    newest: dt.datetime | None = None
    rows = connection.execute(
        select(ledger.c.state, func.count().label("rows"), func.max(ledger.c.internaldate))
        .join(generations, generations.c.generation_id == ledger.c.generation_id)
        .where(generations.c.mailbox_id == mailbox_id)
        .group_by(ledger.c.state)
    )
    for state, count, moment in rows:
        if state == "outside":
            continue
        counts[state if state in counts else "pending"] += count
        if state in IN_CRM and moment is not None:
            newest = moment if newest is None else max(newest, moment)
    return counts, newest
