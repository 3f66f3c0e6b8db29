"""The ledger: one row per uid ever listed, and the runs that moved them."""

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, case, delete, or_, select, update

from mailcrm.adapters.crm_database.engine import chunked, insert_into, reading, retried, writing
from mailcrm.adapters.crm_database.generations import GenerationRows
from mailcrm.adapters.crm_database.leases import check_lease, take_lease
from mailcrm.adapters.crm_database.listing_rows import insert_listing
from mailcrm.adapters.crm_database.runs import (
    add_texts,
    count_certificate,
    finish_run,
    read_run_row,
)
from mailcrm.adapters.crm_database.schema import (
    staged_attachments,
    staged_decisions,
    staged_messages,
    staged_participants,
    sync_ledger,
    sync_run_folders,
    sync_runs,
)
from mailcrm.records import (
    Certificate,
    Lease,
    LedgerEntry,
    LedgerState,
    ListedMessage,
    Window,
)

_OPEN = (LedgerState.LISTED, LedgerState.UNAVAILABLE)


class LedgerTables(GenerationRows):
    """`ports.Ledger` on a database."""

    @retried
    def take_lease(
        self,
        mailbox_id: str,
        run_id: str,
        window: Window,
        now: dt.datetime,
        kind: str = "sync",
    ) -> Lease:
        """See `ports.Ledger`."""
        with writing(self._engine) as connection:
            return take_lease(connection, mailbox_id, run_id, window, now, kind)

    @retried
    def check_lease(self, lease: Lease) -> None:
        """Raise FencedError where a newer run took over."""
        with writing(self._engine) as connection:
            check_lease(connection, lease)

    @retried
    def read_entries(
        self, generation_id: int, uid_low: int, uid_high: int | None
    ) -> Mapping[int, LedgerEntry]:
        """See `ports.Ledger`."""
        table = sync_ledger
        conditions = [table.c.generation_id == generation_id, table.c.uid >= uid_low]
        if uid_high is not None:
            conditions.append(table.c.uid <= uid_high)
        columns = (table.c.uid, table.c.state, table.c.internaldate, table.c.size_bytes)
        with reading(self._engine) as connection:
            rows = connection.execute(select(*columns, table.c.batch_id).where(*conditions))
            return {
                uid: LedgerEntry(uid, LedgerState(state), internaldate, size, batch_id)
                for uid, state, internaldate, size, batch_id in rows
            }

    @retried
    def write_listing(
        self,
        lease: Lease,
        generation_id: int,
        listed: Sequence[ListedMessage],
        outside: Sequence[ListedMessage],
        adopted: Sequence[int],
        now: dt.datetime,
    ) -> None:
        """See `ports.Ledger`."""
        with writing(self._engine) as connection:
            check_lease(connection, lease)
            insert_listing(connection, lease, generation_id, listed, outside, now)
            for uids in chunked(list(adopted)):
                self._adopt(connection, lease, generation_id, uids, now)

    def _adopt(
        self,
        connection: Connection,
        lease: Lease,
        generation_id: int,
        uids: list[int],
        now: dt.datetime,
    ) -> None:
        """Take rows into this batch; what waits in quarantine is read and judged afresh."""
        ledger, staged = sync_ledger, staged_messages
        here = (staged.c.generation_id == generation_id, staged.c.uid.in_(uids))
        held = select(staged.c.uid).where(*here, staged.c.disposition == "quarantined")
        for table in (staged_participants, staged_attachments, staged_decisions):
            connection.execute(
                delete(table).where(table.c.generation_id == generation_id, table.c.uid.in_(held))
            )
        connection.execute(delete(staged).where(*here, staged.c.disposition == "quarantined"))
        connection.execute(update(staged).where(*here).values(batch_id=lease.batch_id))
        is_staged = (
            select(staged.c.uid)
            .where(staged.c.generation_id == ledger.c.generation_id, staged.c.uid == ledger.c.uid)
            .exists()
        )
        connection.execute(
            update(ledger)
            .where(ledger.c.generation_id == generation_id, ledger.c.uid.in_(uids))
            .values(
                batch_id=lease.batch_id,
                state=case((is_staged, LedgerState.STAGED.value), else_=LedgerState.LISTED.value),
                updated_at=now,
            )
        )

    @retried
    def write_counts(
        self,
        lease: Lease,
        generation_id: int,
        listed: int,
        already_covered: int,
        missing: int = 0,
    ) -> None:
        """See `ports.Ledger`."""
        counts = {"listed": listed, "already_covered": already_covered, "missing": missing}
        with writing(self._engine) as connection:
            check_lease(connection, lease)
            connection.execute(
                insert_into(connection, sync_run_folders)
                .values(run_id=lease.run_id, generation_id=generation_id, **counts)
                .on_conflict_do_update(index_elements=["run_id", "generation_id"], set_=counts)
            )

    @retried
    def write_problems(self, lease: Lease, problems: Sequence[str]) -> None:
        """See `ports.Ledger`."""
        if not problems:
            return
        with writing(self._engine) as connection:
            check_lease(connection, lease)
            add_texts(connection, lease.run_id, "problems", problems)

    @retried
    def write_notes(self, lease: Lease, notes: Sequence[str]) -> None:
        """See `ports.Ledger`."""
        if notes:
            with writing(self._engine) as connection:
                check_lease(connection, lease)
                add_texts(connection, lease.run_id, "notes", notes)

    @retried
    def has_staged(self, lease: Lease, generation_id: int) -> bool:
        """See `ports.Ledger`."""
        table = sync_ledger
        statement = select(table.c.uid).where(
            table.c.generation_id == generation_id,
            table.c.batch_id == lease.batch_id,
            table.c.state == LedgerState.STAGED.value,
        )
        with reading(self._engine) as connection:
            return connection.execute(statement.limit(1)).first() is not None

    @retried
    def read_window(self, lease: Lease) -> Window:
        """See `ports.Ledger`."""
        run = self.read_run(lease.run_id)
        return Window(run["window_since"], None if run["window_is_open"] else run["window_until"])

    @retried
    def last_missing(self, lease: Lease, generation_id: int) -> int:
        """See `ports.Ledger`."""
        folders, runs = sync_run_folders, sync_runs
        statement = (
            select(folders.c.missing)
            .join(runs, runs.c.run_id == folders.c.run_id)
            .where(folders.c.generation_id == generation_id, runs.c.run_id != lease.run_id)
            .order_by(runs.c.started_at.desc(), runs.c.token.desc())
            .limit(1)
        )
        with reading(self._engine) as connection:
            return int(connection.execute(statement).scalar() or 0)

    def plan_rows(self, lease: Lease, generation_id: int) -> Iterator[tuple[int, int]]:
        """See `ports.Ledger`."""
        table = sync_ledger
        statement = self._to_read(lease, generation_id).order_by(table.c.uid.desc())
        with reading(self._engine) as connection:
            yield from ((uid, size_bytes) for uid, size_bytes in connection.execute(statement))

    @retried
    def open_uids(
        self, lease: Lease, generation_id: int, uid_low: int, uid_high: int
    ) -> Sequence[tuple[int, int]]:
        """See `ports.Ledger`."""
        table = sync_ledger
        statement = self._to_read(lease, generation_id).where(
            table.c.uid.between(uid_low, uid_high)
        )
        with reading(self._engine) as connection:
            return [tuple(row) for row in connection.execute(statement.order_by(table.c.uid))]

    @staticmethod
    def _to_read(lease: Lease, generation_id: int) -> Any:
        table = sync_ledger
        return select(table.c.uid, table.c.size_bytes).where(
            table.c.generation_id == generation_id,
            table.c.batch_id == lease.batch_id,
            or_(*(table.c.state == state for state in _OPEN)),
        )

    @retried
    def write_absent(
        self,
        lease: Lease,
        generation_id: int,
        vanished: Sequence[int],
        unavailable: Mapping[int, str],
        now: dt.datetime,
    ) -> None:
        """See `ports.Ledger`."""
        ends: list[tuple[int, LedgerState, str]] = [
            (uid, LedgerState.VANISHED, "absent by two independent answers") for uid in vanished
        ]
        ends += [(uid, LedgerState.UNAVAILABLE, text) for uid, text in unavailable.items()]
        table = sync_ledger
        with writing(self._engine) as connection:
            check_lease(connection, lease)
            for uid, state, reason in ends:
                connection.execute(
                    update(table)
                    .where(table.c.generation_id == generation_id, table.c.uid == uid)
                    .values(
                        state=state.value,
                        reason=reason,
                        attempts=table.c.attempts + 1,
                        batch_id=lease.batch_id,
                        updated_at=now,
                    )
                )

    @retried
    def certificate(self, run_id: str) -> Certificate:
        """See `ports.Ledger`."""
        with reading(self._engine) as connection:
            return count_certificate(connection, run_id)

    @retried
    def finish_run(self, lease: Lease, state: str, now: dt.datetime) -> Certificate:
        """See `ports.Ledger`."""
        with writing(self._engine) as connection:
            check_lease(connection, lease)
            return finish_run(connection, lease, state, now)

    def read_run(self, run_id: str) -> Mapping[str, Any]:
        """See `ports.Ledger`."""
        with reading(self._engine) as connection:
            return read_run_row(connection, run_id)


__all__ = ["LedgerTables"]
