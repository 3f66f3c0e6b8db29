"""Reading a batch's rows for the match."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Engine, select

from mailcrm.adapters.crm_database.engine import reading, retried
from mailcrm.adapters.crm_database.schema import staged_messages, staged_participants
from mailcrm.records import BatchMessage, IdentityEvidence, Participant, StagedIdentity

EVIDENCE = ("message_id_hash", "fingerprint", "text_sketch", "sender")
_COLUMNS = (
    *("generation_id", "uid", "internaldate", *EVIDENCE),
    *("reference_hashes", "subject_hash", "subject_asks", "sent_at"),
    *("kind", "direction", "auth_result", "list_id", "defects"),
)


class BatchRows:
    """See `ports.Staging`."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @retried
    def read_batch(self, batch_id: str) -> Sequence[BatchMessage]:
        """See `ports.Staging`."""
        staged = staged_messages.c
        statement = (
            select(*(staged[name] for name in _COLUMNS))
            .where(*_readable(batch_id))
            .order_by(staged.generation_id, staged.uid)
        )
        with reading(self._engine) as connection:
            people = _read_people(connection, batch_id)
            rows = connection.execute(statement).all()
            return [_message(row, tuple(people.get((row[0], row[1]), ()))) for row in rows]


def _message(row: Any, people: tuple[Participant, ...]) -> BatchMessage:
    generation_id, uid, internaldate, message_id, fingerprint, sketch, sender = row[:7]
    references, subject_hash, asks, sent_at = row[7:11]
    kind, direction, auth_result, list_id, defects = row[11:]
    evidence = IdentityEvidence(message_id, fingerprint, sketch, sender)
    identity = StagedIdentity(generation_id, uid, internaldate, evidence)
    return BatchMessage(
        identity=identity,
        reference_hashes=tuple(references),
        subject_hash=subject_hash,
        subject_asks=asks,
        sent_at=sent_at,
        kind=kind,
        direction=direction,
        auth_result=auth_result,
        list_id=list_id,
        defects=tuple(defects),
        participants=people,
    )


def _readable(batch_id: str) -> tuple[Any, ...]:
    staged = staged_messages.c
    return (staged.batch_id == batch_id, staged.disposition.in_(("publish", "duplicate")))


def _read_people(connection: Connection, batch_id: str) -> dict[tuple[int, int], list[Participant]]:
    staged, people = staged_messages.c, staged_participants.c
    statement = (
        select(staged_participants)
        .join(
            staged_messages,
            (staged.generation_id == people.generation_id) & (staged.uid == people.uid),
        )
        .where(*_readable(batch_id))
        .order_by(people.generation_id, people.uid, people.role, people.position)
    )
    found: dict[tuple[int, int], list[Participant]] = {}
    for generation_id, uid, *person in connection.execute(statement).all():
        found.setdefault((generation_id, uid), []).append(Participant(*person))
    return found
