"""What a batch's messages are told apart from: those already published."""

from collections.abc import Sequence
from dataclasses import replace

from sqlalchemy import Connection, select, union

from mailcrm.adapters.crm_database.engine import any_of, reading, retried
from mailcrm.adapters.crm_database.schema import (
    crm_messages,
    message_identities,
    staged_messages,
)
from mailcrm.adapters.staging.batch_rows import EVIDENCE, BatchRows
from mailcrm.dedupe import is_outdated, renew_sketch
from mailcrm.records import IdentityEvidence, KnownIdentity


class IdentityRows(BatchRows):
    """See `ports.Staging`."""

    @retried
    def read_known_identities(self, batch_id: str) -> Sequence[KnownIdentity]:
        """See `ports.Staging`."""
        known, staged = message_identities, staged_messages
        columns = (known.c.message_key, *(known.c[name] for name in EVIDENCE))
        mine = staged.c.batch_id == batch_id
        statement = union(
            select(*columns)
            .join(staged, staged.c.message_id_hash == known.c.message_id_hash)
            .where(mine),
            select(*columns).join(staged, staged.c.fingerprint == known.c.fingerprint).where(mine),
        )
        with reading(self._engine) as connection:
            rows = connection.execute(statement).all()
            identities = [
                KnownIdentity(row[0], IdentityEvidence(*row[1:]))
                for row in sorted(rows, key=lambda row: row[0])
            ]
            return _with_new_sketches(connection, identities)


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
