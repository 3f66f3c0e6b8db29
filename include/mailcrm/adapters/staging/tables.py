"""`ports.Staging` on a database: what the stages read and write of one batch."""

import datetime as dt
from collections.abc import Mapping, Sequence

from sqlalchemy import func, select, update

from mailcrm.adapters.crm_database.engine import insert_into, reading, retried, writing
from mailcrm.adapters.crm_database.leases import check_lease
from mailcrm.adapters.crm_database.schema import (
    rematch_marks,
    staged_messages,
    sync_runs,
)
from mailcrm.adapters.quarantine import quarantine_rows
from mailcrm.adapters.staging.conversations import ConversationRows
from mailcrm.adapters.staging.decisions import DecisionRows
from mailcrm.adapters.staging.digest import hash_batch, hash_known
from mailcrm.adapters.staging.identities import IdentityRows
from mailcrm.adapters.staging.rows import write_staged
from mailcrm.match import RULE_VERSION
from mailcrm.records import (
    Lease,
    Quarantined,
    StagedMessage,
)


class StagingTables(IdentityRows, ConversationRows, DecisionRows):
    """See `ports.Staging`; every write checks the lease in its own transaction."""

    @retried
    def write_messages(
        self, lease: Lease, generation_id: int, rows: Sequence[StagedMessage], now: dt.datetime
    ) -> None:
        """See `ports.Staging`."""
        with writing(self._engine) as connection:
            check_lease(connection, lease)
            write_staged(connection, lease, generation_id, rows, now)

    @retried
    def batch_hash(self, batch_id: str) -> str:
        """See `ports.Staging`."""
        with reading(self._engine) as connection:
            return hash_batch(connection, batch_id)

    @retried
    def known_hash(self, batch_id: str) -> str:
        """See `ports.Staging`."""
        with reading(self._engine) as connection:
            return hash_known(connection, batch_id)

    @retried
    def write_known_hash(self, lease: Lease, known_hash: str) -> None:
        """See `ports.Staging`."""
        with writing(self._engine) as connection:
            check_lease(connection, lease)
            connection.execute(
                update(sync_runs)
                .where(sync_runs.c.run_id == lease.run_id)
                .values(known_hash=known_hash)
            )

    @retried
    def write_first_mark(self, lease: Lease, contacts_at: dt.datetime) -> None:
        """See `ports.Staging`."""
        with writing(self._engine) as connection:
            check_lease(connection, lease)
            insert = insert_into(connection, rematch_marks).values(
                mailbox_id=lease.mailbox_id, contacts_at=contacts_at, rule_version=RULE_VERSION
            )
            connection.execute(insert.on_conflict_do_nothing())

    @retried
    def count_dispositions(self, batch_id: str) -> Mapping[str, int]:
        """See `ports.Staging`."""
        staged = staged_messages
        statement = (
            select(staged.c.disposition, func.count())
            .where(staged.c.batch_id == batch_id)
            .group_by(staged.c.disposition)
        )
        with reading(self._engine) as connection:
            return {row[0]: row[1] for row in connection.execute(statement)}

    @retried
    def quarantine_rows(self, lease: Lease, rows: Sequence[Quarantined], now: dt.datetime) -> None:
        """See `ports.Staging`."""
        with writing(self._engine) as connection:
            check_lease(connection, lease)
            quarantine_rows(connection, lease, rows, now)
