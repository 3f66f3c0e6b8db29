"""What tells a batch's messages apart, and from those already published."""

from collections.abc import Sequence
from dataclasses import replace

from sqlalchemy import Connection, bindparam, select, union, update

from mailcrm.adapters.crm_database.engine import any_of, reading, retried, writing
from mailcrm.adapters.crm_database.leases import check_lease
from mailcrm.adapters.crm_database.schema import (
    crm_messages,
    message_identities,
    staged_messages,
)
from mailcrm.adapters.staging.batch_rows import BatchRows
from mailcrm.dedupe import is_outdated, renew_sketch
from mailcrm.records import (
    IdentityDecision,
    IdentityEvidence,
    KnownIdentity,
    Lease,
    StagedIdentity,
)

_EVIDENCE = ("message_id_hash", "fingerprint", "text_sketch", "sender")


class IdentityRows(BatchRows):
    """See `ports.Staging`."""

    @retried
    def read_identities(self, batch_id: str) -> Sequence[StagedIdentity]:
        """See `ports.Staging`."""
        staged = staged_messages
        statement = (
            select(
                staged.c.generation_id,
                staged.c.uid,
                staged.c.internaldate,
                *(staged.c[name] for name in _EVIDENCE),
            )
            .where(
                staged.c.batch_id == batch_id, staged.c.disposition.in_(("publish", "duplicate"))
            )
            .order_by(staged.c.generation_id, staged.c.uid)
        )
        with reading(self._engine) as connection:
            return [
                StagedIdentity(row[0], row[1], row[2], IdentityEvidence(*row[3:]))
                for row in connection.execute(statement)
            ]

    @retried
    def read_known_identities(self, batch_id: str) -> Sequence[KnownIdentity]:
        """See `ports.Staging`."""
        known, staged = message_identities, staged_messages
        columns = (known.c.message_key, *(known.c[name] for name in _EVIDENCE))
        mine = staged.c.batch_id == batch_id
        statement = union(
            select(*columns)
            .join(staged, staged.c.message_id_hash == known.c.message_id_hash)
            .where(mine),
            select(*columns).join(staged, staged.c.fingerprint == known.c.fingerprint).where(mine),
        )
        with reading(self._engine) as connection:
            rows = connection.execute(statement).all()
            known_identities = [
                KnownIdentity(row[0], IdentityEvidence(*row[1:]))
                for row in sorted(rows, key=lambda row: row[0])
            ]
            return _with_new_sketches(connection, known_identities)

    @retried
    def write_identities(self, lease: Lease, decisions: Sequence[IdentityDecision]) -> None:
        """See `ports.Staging`."""
        staged = staged_messages
        statement = (
            update(staged)
            .where(
                staged.c.generation_id == bindparam("b_generation"),
                staged.c.uid == bindparam("b_uid"),
            )
            .values(
                message_key=bindparam("b_key"),
                disposition=bindparam("b_disposition"),
                is_conflict=bindparam("b_conflict"),
            )
        )
        rows = [
            {
                "b_generation": d.generation_id,
                "b_uid": d.uid,
                "b_key": d.message_key,
                "b_disposition": "publish" if d.is_first else "duplicate",
                "b_conflict": d.is_conflict,
            }
            for d in decisions
        ]
        with writing(self._engine) as connection:
            check_lease(connection, lease)
            if rows:
                connection.execute(statement, rows)


def _with_new_sketches(
    connection: Connection, known: list[KnownIdentity]
) -> Sequence[KnownIdentity]:
    """Those whose sketch was made by earlier rules get today's, out of the stored text."""
    old = [one.message_key for one in known if is_outdated(one.evidence.text_sketch)]
    if not old:
        return known
    messages = crm_messages.c
    statement = select(messages.message_key, messages.body_text).where(
        any_of(connection, messages.message_key, old)
    )
    texts = {row.message_key: row.body_text for row in connection.execute(statement).all()}
    return [
        replace(one, evidence=renew_sketch(one.evidence, texts[one.message_key]))
        if one.message_key in texts
        else one
        for one in known
    ]
