"""Runs: their certificate, counted from the ledger, and how they end."""

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, and_, delete, func, insert, select, update

from mailcrm.adapters.crm_database.schema import (
    sync_coverage,
    sync_generations,
    sync_ledger,
    sync_run_folders,
    sync_runs,
)
from mailcrm.backfill import merge_intervals
from mailcrm.errors import SettingsError
from mailcrm.records import Certificate, FolderCertificate, Lease

# Ledger states that are still open count as pending.
_COUNTED = {
    "published": "published",
    "duplicate": "duplicate",
    "excluded": "excluded",
    "quarantined": "quarantined",
    "vanished": "vanished",
    "unavailable": "unavailable",
    "listed": "pending",
    "staged": "pending",
}


def count_certificate(connection: Connection, run_id: str) -> Certificate:
    """Count where each listed message of a run ended up, folder by folder, by name."""
    folders, ledger, runs = sync_run_folders, sync_ledger, sync_runs
    by_state = (
        select(ledger.c.generation_id, ledger.c.state, func.count().label("n"))
        .join(runs, and_(runs.c.batch_id == ledger.c.batch_id, runs.c.run_id == run_id))
        .group_by(ledger.c.generation_id, ledger.c.state)
    )
    counts: dict[int, dict[str, int]] = {}
    for generation_id, state, n in connection.execute(by_state):
        if state in _COUNTED:
            folder = counts.setdefault(generation_id, {})
            folder[_COUNTED[state]] = folder.get(_COUNTED[state], 0) + n
    generations = sync_generations
    rows = connection.execute(
        select(
            generations.c.generation_id,
            generations.c.folder,
            generations.c.generation,
            generations.c.uidvalidity,
            folders.c.listed,
            folders.c.already_covered,
        )
        .join(folders, folders.c.generation_id == generations.c.generation_id)
        .where(folders.c.run_id == run_id)
        .order_by(generations.c.folder, generations.c.generation)
    )
    return Certificate(
        tuple(
            FolderCertificate(
                folder=row.folder,
                generation=row.generation,
                uidvalidity=row.uidvalidity,
                listed=row.listed,
                already_covered=row.already_covered,
                **counts.get(row.generation_id, {}),
            )
            for row in rows
        )
    )


def finish_run(connection: Connection, lease: Lease, state: str, now: dt.datetime) -> Certificate:
    """Store the certificate and the state; coverage grows where a folder is complete."""
    certificate = count_certificate(connection, lease.run_id)
    connection.execute(
        update(sync_runs)
        .where(sync_runs.c.run_id == lease.run_id)
        .values(certificate=certificate.to_json(), state=state, finished_at=now)
    )
    kind = connection.execute(
        select(sync_runs.c.kind).where(sync_runs.c.run_id == lease.run_id)
    ).scalar_one()
    if state in ("published", "nothing_new", "incomplete") and kind == "sync":
        _extend_coverage(connection, lease, certificate)
    return certificate


def add_texts(connection: Connection, run_id: str, column: str, texts: Sequence[str]) -> None:
    """Add to a run's problems or notes, each once."""
    target = sync_runs.c[column]
    known = connection.execute(select(target).where(sync_runs.c.run_id == run_id)).scalar_one()
    merged = list(dict.fromkeys([*(known or ()), *texts]))
    connection.execute(
        update(sync_runs).where(sync_runs.c.run_id == run_id).values({column: merged})
    )


def _extend_coverage(connection: Connection, lease: Lease, certificate: Certificate) -> None:
    run = connection.execute(
        select(sync_runs.c.window_since, sync_runs.c.window_until).where(
            sync_runs.c.run_id == lease.run_id
        )
    ).one()
    table, generations = sync_coverage, sync_generations
    for folder in certificate.folders:
        if not folder.balanced or folder.pending or folder.unavailable:
            continue
        generation_id = connection.execute(
            select(generations.c.generation_id).where(
                generations.c.mailbox_id == lease.mailbox_id,
                generations.c.folder == folder.folder,
                generations.c.generation == folder.generation,
            )
        ).scalar_one()
        mine = table.c.generation_id == generation_id
        known = connection.execute(select(table.c.since, table.c.until).where(mine)).all()
        merged = merge_intervals([*((r.since, r.until) for r in known), tuple(run)])
        connection.execute(delete(table).where(mine))
        if merged:
            connection.execute(
                insert(table),
                [
                    {"generation_id": generation_id, "since": since, "until": until}
                    for since, until in merged
                ],
            )


def read_run_row(connection: Connection, run_id: str) -> Mapping[str, Any]:
    """One row of sync_runs.

    Raises:
        SettingsError: there is no such run.
    """
    row = connection.execute(select(sync_runs).where(sync_runs.c.run_id == run_id)).first()
    if row is None:
        raise SettingsError(where="run", problem=f"there is no run {run_id}")
    return dict(row._mapping)


def list_runs(connection: Connection, mailbox_id: str, limit: int) -> Sequence[Mapping[str, Any]]:
    """The latest runs of a mailbox, newest first."""
    rows = connection.execute(
        select(sync_runs)
        .where(sync_runs.c.mailbox_id == mailbox_id)
        .order_by(sync_runs.c.started_at.desc())
        .limit(limit)
    )
    return [dict(row._mapping) for row in rows]
