"""Generations: the lives of a folder under one uidvalidity each, and what carries over."""

import datetime as dt
from collections.abc import Collection, Mapping, Sequence

from sqlalchemy import Connection, Engine, Row, func, select, update

from mailcrm.adapters.crm_database.engine import chunked, insert_into, reading, retried, writing
from mailcrm.adapters.crm_database.leases import check_lease
from mailcrm.adapters.crm_database.schema import (
    crm_message_sightings,
    sync_generations,
    sync_ledger,
)
from mailcrm.records import FetchedMessage, Generation, Lease, LedgerState


class GenerationRows:
    """The generations' part of `ports.Ledger`."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @retried
    def open_generation(
        self, lease: Lease, folder: str, uidvalidity: int, now: dt.datetime
    ) -> Generation:
        """See `ports.Ledger`."""
        table = sync_generations
        mine = (table.c.mailbox_id == lease.mailbox_id, table.c.folder == folder)
        with writing(self._engine) as connection:
            check_lease(connection, lease)
            latest = connection.execute(
                select(func.coalesce(func.max(table.c.generation), 0)).where(*mine)
            ).scalar_one()
            connection.execute(
                insert_into(connection, table)
                .values(
                    mailbox_id=lease.mailbox_id,
                    folder=folder,
                    generation=latest + 1,
                    uidvalidity=uidvalidity,
                    first_seen_at=now,
                    last_seen_at=now,
                )
                .on_conflict_do_update(
                    index_elements=["mailbox_id", "folder", "uidvalidity"],
                    set_={"last_seen_at": now},
                )
            )
            row = connection.execute(
                select(table).where(*mine, table.c.uidvalidity == uidvalidity)
            ).one()
        return _generation(row)

    @retried
    def find_generation(self, mailbox_id: str, folder: str, uidvalidity: int) -> Generation | None:
        """See `ports.Ledger`."""
        table = sync_generations
        with reading(self._engine) as connection:
            row = connection.execute(
                select(table).where(
                    table.c.mailbox_id == mailbox_id,
                    table.c.folder == folder,
                    table.c.uidvalidity == uidvalidity,
                )
            ).first()
        return None if row is None else _generation(row)

    @retried
    def find_returned(self, mailbox_id: str, folder: str, uidvalidity: int) -> Generation | None:
        """See `ports.Ledger`."""
        table = sync_generations
        statement = (
            select(table.c.uidvalidity)
            .where(table.c.mailbox_id == mailbox_id, table.c.folder == folder)
            .order_by(table.c.last_seen_at.desc(), table.c.generation.desc())
            .limit(1)
        )
        with reading(self._engine) as connection:
            latest = connection.execute(statement).scalar()
        if latest is None or latest == uidvalidity:
            return None
        return self.find_generation(mailbox_id, folder, uidvalidity)

    @retried
    def read_generation(self, generation_id: int) -> Generation:
        """See `ports.Ledger`."""
        table = sync_generations
        with reading(self._engine) as connection:
            row = connection.execute(
                select(table).where(table.c.generation_id == generation_id)
            ).one()
        return _generation(row)

    @retried
    def count_short_lives(self, mailbox_id: str, folder: str) -> int:
        """See `ports.Ledger`."""
        table = sync_generations
        statement = (
            select(table.c.first_seen_at, table.c.last_seen_at)
            .where(table.c.mailbox_id == mailbox_id, table.c.folder == folder)
            .order_by(table.c.generation.desc())
            .limit(10)
        )
        count = 0
        with reading(self._engine) as connection:
            for first, last in connection.execute(statement):
                if first != last:
                    break
                count += 1
        return count

    @retried
    def find_relinks(self, generation: Generation, digests: Collection[str]) -> Mapping[str, str]:
        """See `ports.Ledger`."""
        ledger, other = sync_ledger, sync_generations
        keys: dict[str, set[str]] = {}
        with reading(self._engine) as connection:
            for chunk in chunked(sorted(digests)):
                rows = connection.execute(
                    select(ledger.c.relink_digest, ledger.c.message_key)
                    .join(other, other.c.generation_id == ledger.c.generation_id)
                    .where(
                        other.c.mailbox_id == generation.mailbox_id,
                        other.c.folder == generation.folder,
                        ledger.c.relink_digest.in_(chunk),
                        ledger.c.state.in_(("published", "duplicate")),
                    )
                    .distinct()
                )
                for digest, key in rows:
                    keys.setdefault(digest, set()).add(key)
        return {digest: found.pop() for digest, found in keys.items() if len(found) == 1}

    @retried
    def write_relinks(
        self,
        lease: Lease,
        generation: Generation,
        relinked: Sequence[tuple[FetchedMessage, str, str]],
        now: dt.datetime,
    ) -> None:
        """See `ports.Ledger`."""
        with writing(self._engine) as connection:
            check_lease(connection, lease)
            for message, digest, key in relinked:
                _relink(connection, lease, generation, message, digest, key, now)


def _relink(
    connection: Connection,
    lease: Lease,
    generation: Generation,
    message: FetchedMessage,
    digest: str,
    key: str,
    now: dt.datetime,
) -> None:
    ledger = sync_ledger
    connection.execute(
        update(ledger)
        .where(ledger.c.generation_id == generation.generation_id, ledger.c.uid == message.uid)
        .values(
            state=LedgerState.DUPLICATE.value,
            message_key=key,
            relink_digest=digest,
            batch_id=lease.batch_id,
            reason="relinked: known under another uidvalidity",
            updated_at=now,
        )
    )
    connection.execute(
        insert_into(connection, crm_message_sightings)
        .values(
            mailbox_id=lease.mailbox_id,
            folder=generation.folder,
            uidvalidity=generation.uidvalidity,
            uid=message.uid,
            message_key=key,
            internaldate=message.internaldate,
            flags=" ".join(message.flags),
        )
        .on_conflict_do_nothing()
    )


def _generation(row: Row[tuple[object, ...]]) -> Generation:
    return Generation(
        row.generation_id, row.mailbox_id, row.folder, row.generation, row.uidvalidity
    )
