"""A small batch with everything a real one has, staged through the real stores."""

import dataclasses
import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Engine, insert, text

from builders import NOON, WINDOW, listed, parsed, staged
from mailcrm.adapters.clock import SystemClock
from mailcrm.adapters.crm_database import schema
from mailcrm.adapters.crm_database.contacts import ContactTables
from mailcrm.adapters.crm_database.ledger import LedgerTables
from mailcrm.adapters.crm_database.publish import PublishTables
from mailcrm.adapters.expectations import GxGate
from mailcrm.adapters.staging import StagingTables
from mailcrm.records import (
    Attachment,
    Candidate,
    CheckReport,
    Contact,
    ContactAddress,
    Decision,
    Evidence,
    Lease,
    Outcome,
    ParsedMessage,
    StagedMessage,
)
from mailcrm.services.match import recognise_batch
from mailcrm.settings import Settings

RUN = "manual__2026-11-10T12:00:00+00:00 'x' {y} %s :z \\"
SECRET = "Zebra-Marmalade-4711"
OFFER = f"Dear all, here is what we talked about. {SECRET}"

# What may only be added to stays as it is.
_TABLES = [table for table in schema.metadata.sorted_tables if table.name != "audit_events"]


@dataclass
class Batch:
    """A staged batch on a database, and a way back to how it was."""

    engine: Engine
    ledger: LedgerTables
    staging: StagingTables
    publisher: PublishTables
    gate: GxGate
    settings: Settings
    lease: Lease
    clock: SystemClock
    saved: dict[str, list[dict[str, Any]]] = dataclasses.field(default_factory=dict)

    def check(self) -> CheckReport:
        """What the gate says of the batch as it is now."""
        batch_hash = self.staging.batch_hash(self.lease.batch_id)
        return self.gate.check_batch(self.lease, WINDOW, batch_hash)

    def change(self, *statements: str) -> int:
        """Run SQL behind the product's back; how many rows it changed.

        `{utc}` is what a literal moment ends with on this database.
        """
        utc = "" if self.engine.dialect.name == "sqlite" else "+00"
        with self.engine.begin() as connection:
            return sum(
                connection.execute(text(sql.replace("{utc}", utc))).rowcount for sql in statements
            )

    def save(self) -> None:
        """Keep every table's rows."""
        with self.engine.begin() as connection:
            for table in _TABLES:
                rows = connection.execute(table.select()).mappings()
                self.saved[table.name] = [dict(row) for row in rows]

    def restore(self) -> None:
        """Bring back the rows that were kept."""
        with self.engine.begin() as connection:
            for table in reversed(_TABLES):
                connection.execute(table.delete())
            for table in _TABLES:
                if self.saved[table.name]:
                    connection.execute(insert(table), self.saved[table.name])


def make_batch(engine: Engine) -> Batch:
    """Create the tables and stage the batch, as a run does up to `check`."""
    schema.metadata.create_all(engine)
    settings = Settings(quarantine_hold_share=0.2, quarantine_hold_min=2)
    ledger, staging = LedgerTables(engine), StagingTables(engine)
    contacts = [
        Contact(f"C{i}", f"Name {i}", "Customer", "customer.example", (_address(i),))
        for i in (1, 2)
    ]
    ContactTables(engine).upsert_contacts(contacts, NOON)
    _stage_older(ledger, staging)
    lease = ledger.take_lease("sales", RUN, WINDOW, NOON)
    for folder, uidvalidity, rows in (("INBOX", 7, _inbox()), ("Sent", 8, _sent())):
        generation = ledger.open_generation(lease, folder, uidvalidity, NOON).generation_id
        news = [listed(row.uid) for row in rows]
        ledger.write_listing(lease, generation, news, [listed(90)], [], NOON)
        ledger.write_counts(lease, generation, len(rows) + 2, 2)
        staging.write_messages(lease, generation, rows, NOON)
    _match(staging, lease)
    publisher = PublishTables(engine)
    gate = GxGate(engine, settings)
    batch = Batch(engine, ledger, staging, publisher, gate, settings, lease, SystemClock())
    batch.save()
    return batch


def _stage_older(ledger: LedgerTables, staging: StagingTables) -> None:
    """A batch that an earlier run left behind in the same folder, broken in every way."""
    lease = ledger.take_lease("sales", "older", WINDOW, NOON)
    generation = ledger.open_generation(lease, "INBOX", 7, NOON).generation_id
    ledger.write_listing(lease, generation, [listed(60)], [], [], NOON)
    outside = parsed("old@x", sender="", sent_at=NOON - dt.timedelta(days=900), kind="odd")
    staging.write_messages(lease, generation, [staged(60, outside)], NOON)


def _address(number: int) -> ContactAddress:
    return ContactAddress(f"c{number}@customer.example", is_primary=True)


def _letter(number: int, **changes: Any) -> ParsedMessage:
    """A message that is like no other."""
    body = f"{OFFER} Letter number {number} on topic {number * number} of our talks." * 2
    base = parsed(f"letter-{number}@customer.example", subject=f"Topic {number}", body=body)
    return dataclasses.replace(base, **changes)


def _inbox() -> list[StagedMessage]:
    attachment = Attachment("2", "offer.pdf", "application/pdf", 1000)
    bounce = parsed(None, sender="", subject="Undelivered", body="No such user.", kind="bounce")
    failing = staged(6, _letter(6))
    rows = [staged(uid, _letter(uid)) for uid in (1, 2, 3)]
    rows += [staged(4, _letter(4, attachments=(attachment,)))]
    rows += [staged(5, dataclasses.replace(bounce, participants=()))]
    rows += [dataclasses.replace(failing, auth_result="fail")]
    rows += [staged(7, _letter(7, message_id=None)), staged(8, _letter(8))]
    broken = staged(9, parsed(None, sender="", body="a\x00b"))
    rows += [broken.held(rule="sender_missing", reason="no sender", raw=b"raw \x00 bytes")]
    rows += [dataclasses.replace(staged(10, _letter(10)), disposition="excluded", rule="test_mail")]
    return rows


def _sent() -> list[StagedMessage]:
    return [staged(1, _letter(1)), staged(2, _letter(22))]


def _match(staging: StagingTables, lease: Lease) -> None:
    batch = recognise_batch(staging, lease.batch_id, frozenset({"sales@acme.example"}))
    rows = [
        (context, list(_decisions(context.uid, len(context.participants))))
        for context in batch.contexts
    ]
    staging.write_match(lease, batch.identities, batch.conversations, rows)


def _decisions(uid: int, count: int) -> Iterator[Decision]:
    """Of the first participant by uid: matched, possible, ambiguous; of others unmatched."""
    first = {1: Outcome.MATCHED, 2: Outcome.POSSIBLE, 3: Outcome.AMBIGUOUS, 4: Outcome.IGNORED}
    evidence = (Evidence("exact_address", 1.0),)
    both = tuple(Candidate(f"C{i}", evidence, 1.0) for i in (1, 2))
    for index in range(count):
        outcome = first.get(uid, Outcome.UNMATCHED) if index == 0 else Outcome.UNMATCHED
        contact = "C1" if outcome is Outcome.MATCHED else None
        candidates = {Outcome.AMBIGUOUS: both, Outcome.UNMATCHED: ()}.get(outcome, both[:1])
        yield Decision(outcome, contact, candidates, "exact_address", "1", float(len(candidates)))
