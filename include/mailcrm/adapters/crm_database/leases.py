"""Leases: one run at a time may write for a mailbox, and every commit proves that it is that one.

A new run raises the mailbox's token at once and never waits for an old one to expire. A run that
lost its lease finds another token in the transaction that it wants to commit, and writes nothing.
"""

import datetime as dt
import hashlib

from sqlalchemy import Connection, func, select, update

from mailcrm.adapters.crm_database.engine import insert_into
from mailcrm.adapters.crm_database.schema import sync_leases, sync_runs
from mailcrm.errors import FencedError
from mailcrm.records import Lease, Window


def derive_batch_id(mailbox_id: str, run_id: str) -> str:
    """The batch of a run: derived, so that a retried task finds its own rows again."""
    return hashlib.sha256(f"{mailbox_id}\n{run_id}".encode()).hexdigest()[:32]


def take_lease(
    connection: Connection,
    mailbox_id: str,
    run_id: str,
    window: Window,
    now: dt.datetime,
    kind: str = "sync",
) -> Lease:
    """Raise the token and write the run's row; other unfinished runs become superseded."""
    lease = raise_token(connection, mailbox_id, run_id, now)
    _write_run(connection, lease, window, now, kind)
    return lease


def raise_token(connection: Connection, mailbox_id: str, run_id: str, now: dt.datetime) -> Lease:
    """Give a run the right to write; every other run of the mailbox loses it at once."""
    insert = insert_into(connection, sync_leases).values(
        mailbox_id=mailbox_id, token=1, run_id=run_id, taken_at=now
    )
    connection.execute(
        insert.on_conflict_do_update(
            index_elements=["mailbox_id"],
            set_={"token": sync_leases.c.token + 1, "run_id": run_id, "taken_at": now},
        )
    )
    token = connection.execute(
        select(sync_leases.c.token).where(sync_leases.c.mailbox_id == mailbox_id)
    ).scalar_one()
    lease = Lease(mailbox_id, run_id, derive_batch_id(mailbox_id, run_id), token)
    connection.execute(
        update(sync_runs)
        .where(
            sync_runs.c.mailbox_id == mailbox_id,
            sync_runs.c.state == "running",
            sync_runs.c.run_id != run_id,
        )
        .values(state="superseded", finished_at=now)
    )
    return lease


def _write_run(
    connection: Connection, lease: Lease, window: Window, now: dt.datetime, kind: str
) -> None:
    values = {
        "token": lease.token,
        "window_since": window.since,
        "window_until": window.until or now,
        "window_is_open": window.until is None,
        "state": "running",
        "kind": kind,
        "batch_hash": None,
        "known_hash": None,
        "checks": None,
        "metrics": None,
        "versions": None,
        "release_reason": None,
        "released_by": None,
        "released_at": None,
        "problems": None,
        "notes": None,
        "started_at": now,
        "finished_at": None,
    }
    insert = insert_into(connection, sync_runs).values(
        run_id=lease.run_id, mailbox_id=lease.mailbox_id, batch_id=lease.batch_id, **values
    )
    again = values | {"started_at": sync_runs.c.started_at}
    connection.execute(insert.on_conflict_do_update(index_elements=["run_id"], set_=again))


def check_lease(connection: Connection, lease: Lease) -> None:
    """Prove, inside a write transaction, that no newer run took over.

    Raises:
        FencedError: another token is current; the caller's transaction must roll back.
    """
    statement = select(sync_leases.c.token).where(sync_leases.c.mailbox_id == lease.mailbox_id)
    if connection.dialect.name == "postgresql":
        statement = statement.with_for_update(read=True)
    if connection.execute(statement).scalar() != lease.token:
        raise FencedError(mailbox_id=lease.mailbox_id, run_id=lease.run_id)


def count_runs(connection: Connection, mailbox_id: str) -> int:
    """How many runs of a mailbox there ever were."""
    return connection.execute(
        select(func.count()).select_from(sync_runs).where(sync_runs.c.mailbox_id == mailbox_id)
    ).scalar_one()
