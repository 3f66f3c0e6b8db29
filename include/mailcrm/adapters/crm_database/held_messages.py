"""`ports.Holds` on a database: what people do with what is held back."""

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Engine, select, update

from mailcrm.adapters.crm_database.engine import reading, retried, writing
from mailcrm.adapters.crm_database.leases import check_lease, raise_token
from mailcrm.adapters.crm_database.schema import (
    sync_generations,
    sync_ledger,
    sync_quarantine,
    sync_runs,
)
from mailcrm.adapters.staging.digest import hash_batch
from mailcrm.check import CHECKS_VERSION
from mailcrm.errors import PublishConflictError, SettingsError
from mailcrm.parse import PARSER_VERSION
from mailcrm.records import Lease
from mailcrm.records.holds import HeldMessage

__all__ = ["HoldTables"]

quarantine, generations, ledger = sync_quarantine, sync_generations, sync_ledger


class HoldTables:
    """See `ports.Holds`."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @retried
    def find_held(
        self, mailbox_id: str | None, quarantine_id: int | None, rule: str | None
    ) -> Sequence[HeldMessage]:
        """See `ports.Holds`."""
        statement = _held_messages().where(quarantine.c.state == "held")
        if mailbox_id is not None:
            statement = statement.where(quarantine.c.mailbox_id == mailbox_id)
        if quarantine_id is not None:
            statement = statement.where(quarantine.c.quarantine_id == quarantine_id)
        if rule is not None:
            statement = statement.where(quarantine.c.rule == rule)
        statement = statement.order_by(
            quarantine.c.mailbox_id, generations.c.generation_id, quarantine.c.uid
        )
        with reading(self._engine) as connection:
            return [HeldMessage(*row) for row in connection.execute(statement)]

    @retried
    def read_raw(self, quarantine_id: int) -> bytes:
        """See `ports.Holds`."""
        statement = select(quarantine.c.raw).where(quarantine.c.quarantine_id == quarantine_id)
        with reading(self._engine) as connection:
            return connection.execute(statement).scalar() or b""

    @retried
    def count_attempt(self, quarantine_id: int, rule: str, reason: str, now: dt.datetime) -> None:
        """See `ports.Holds`."""
        with writing(self._engine) as connection:
            connection.execute(
                update(quarantine)
                .where(quarantine.c.quarantine_id == quarantine_id, quarantine.c.state == "held")
                .values(
                    rule=rule,
                    reason=reason,
                    attempts=quarantine.c.attempts + 1,
                    parser_version=PARSER_VERSION,
                    rules_version=CHECKS_VERSION,
                    updated_at=now,
                )
            )

    @retried
    def discard(self, quarantine_id: int, by: str, reason: str, now: dt.datetime) -> None:
        """See `ports.Holds`."""
        is_this = quarantine.c.quarantine_id == quarantine_id
        where = f"quarantine {quarantine_id}"
        with writing(self._engine) as connection:
            found = connection.execute(
                _held_messages().add_columns(quarantine.c.state).where(is_this)
            ).first()
            if found is None:
                problem = "no such message in quarantine: mailcrm quarantine list shows them"
                raise SettingsError(where=where, problem=problem)
            if found.state != "held":
                raise SettingsError(where=where, problem=f"is {found.state} already")
            if not found.is_settled:
                problem = "its batch is not published yet: run the mailbox, or release the batch"
                raise SettingsError(where=where, problem=problem)
            connection.execute(
                update(quarantine)
                .where(is_this)
                .values(
                    state="discarded",
                    raw=None,
                    discarded_by=by,
                    discarded_at=now,
                    discard_reason=reason,
                    updated_at=now,
                )
            )

    @retried
    def find_without_raw(self, generation_id: int, limit: int) -> Sequence[int]:
        """See `ports.Holds`."""
        statement = (
            _held_messages()
            .where(
                generations.c.generation_id == generation_id,
                quarantine.c.state == "held",
                quarantine.c.raw.is_(None),
            )
            .order_by(quarantine.c.quarantine_id)
            .limit(limit)
        )
        with reading(self._engine) as connection:
            return [row.uid for row in connection.execute(statement)]

    @retried
    def write_raw(
        self, lease: Lease, generation_id: int, raws: Mapping[int, bytes], now: dt.datetime
    ) -> None:
        """See `ports.Holds`."""
        with writing(self._engine) as connection:
            check_lease(connection, lease)
            for uid, raw in raws.items():
                row = connection.execute(
                    _held_messages().where(
                        generations.c.generation_id == generation_id, quarantine.c.uid == uid
                    )
                ).first()
                if row is not None:
                    connection.execute(
                        update(quarantine)
                        .where(quarantine.c.quarantine_id == row.quarantine_id)
                        .where(quarantine.c.raw.is_(None), quarantine.c.state == "held")
                        .values(raw=raw, updated_at=now)
                    )

    @retried
    def take_held_batch(self, batch_id: str, by: str, reason: str, now: dt.datetime) -> Lease:
        """See `ports.Holds`."""
        with writing(self._engine) as connection:
            run = _held_run(connection, batch_id)
            lease = raise_token(connection, run["mailbox_id"], run["run_id"], now)
            connection.execute(
                update(sync_runs)
                .where(sync_runs.c.run_id == lease.run_id)
                .values(token=lease.token, release_reason=reason, released_by=by, released_at=now)
            )
            return lease


def _held_messages() -> Any:
    """Rows in the shape of `HeldMessage`."""
    return (
        select(
            quarantine.c.quarantine_id,
            quarantine.c.mailbox_id,
            generations.c.generation_id,
            quarantine.c.uid,
            ledger.c.internaldate,
            ledger.c.size_bytes,
            quarantine.c.rule,
            quarantine.c.raw.is_not(None).label("has_raw"),
            (ledger.c.state == "quarantined").label("is_settled"),
        )
        .join(
            generations,
            (generations.c.mailbox_id == quarantine.c.mailbox_id)
            & (generations.c.folder == quarantine.c.folder)
            & (generations.c.uidvalidity == quarantine.c.uidvalidity),
        )
        .join(
            ledger,
            (ledger.c.generation_id == generations.c.generation_id)
            & (ledger.c.uid == quarantine.c.uid),
        )
    )


def _held_run(connection: Connection, batch_id: str) -> Mapping[str, Any]:
    """The run of a held batch that can still be published as it was checked."""
    where = f"batch {batch_id[:64]}"
    run = (
        connection.execute(select(sync_runs).where(sync_runs.c.batch_id == batch_id))
        .mappings()
        .first()
    )
    if run is None:
        problem = "there is no such batch: mailcrm batch list shows the held ones"
        raise SettingsError(where=where, problem=problem)
    if run["state"] != "held":
        raise SettingsError(where=where, problem=f"is not held; its run is {run['state']}")
    if run["batch_hash"] != hash_batch(connection, batch_id):
        raise PublishConflictError(
            batch_id=batch_id,
            detail="its rows are not those that were checked, or a later run took them over; "
            f"run again: mailcrm run {run['mailbox_id']}",
        )
    return dict(run)
