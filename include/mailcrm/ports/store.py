"""Ports towards the databases and the gate."""

import datetime as dt
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Protocol

from mailcrm.records import (
    BatchMessage,
    CheckReport,
    Contact,
    ContactKey,
    ConversationPlan,
    Decision,
    IdentityDecision,
    KnownIdentity,
    Lease,
    Mailbox,
    MessageContext,
    PublishCounts,
    Quarantined,
    SharedChecklist,
    StagedMessage,
    SubjectSpan,
    VerifyResult,
    Window,
)
from mailcrm.records.registry import RegistryEntry


class Registry(Protocol):
    """The mailboxes, in the database."""

    def write_mailbox(self, mailbox: Mailbox, now: dt.datetime) -> None:
        """Add or replace one; `connected_at` of the first time stays."""
        ...

    def claim_mailbox(self, mailbox: Mailbox, now: dt.datetime) -> bool:
        """Store a new one, paused; False, and nothing is stored, where its id is connected."""
        ...

    def read_mailbox(self, mailbox_id: str) -> Mailbox:
        """One mailbox.

        Raises:
            UnknownMailboxError: it is not registered, or was removed.
        """
        ...

    def list_mailboxes(self) -> Sequence[Mailbox]:
        """All that were not removed and whose entry is right, by id."""
        ...

    def list_entries(self) -> Sequence[RegistryEntry]:
        """All that were not removed, by id; a wrong entry brings its error instead."""
        ...

    def find_entry(self, mailbox_id: str) -> RegistryEntry | None:
        """One in whatever state, also removed; None where there never was one."""
        ...

    def read_stamp(self) -> str:
        """A text that changes with every change of the registry; cheap."""
        ...

    def set_state(self, mailbox_id: str, state: str, now: dt.datetime) -> None:
        """Pause, resume or remove one."""
        ...

    def write_health(self, mailbox_id: str, result: VerifyResult, now: dt.datetime) -> None:
        """Keep what a verification found; `since` moves only when the state changes."""
        ...

    def read_health(self, mailbox_id: str) -> Mapping[str, Mapping[str, object]]:
        """Last verification by direction, as plain values for display."""
        ...


class Staging(Protocol):
    """The rows of the batch that is being made. Every write checks the lease's token."""

    def write_messages(
        self, lease: Lease, generation_id: int, rows: Sequence[StagedMessage], now: dt.datetime
    ) -> None:
        """Stage messages with participants and attachments, and mark their ledger rows staged
        (or quarantined, excluded), in one transaction.
        """
        ...

    def read_batch(self, batch_id: str) -> Sequence[BatchMessage]:
        """The batch's rows with disposition publish or duplicate, by (generation_id, uid)."""
        ...

    def read_known_identities(self, batch_id: str) -> Sequence[KnownIdentity]:
        """Published messages that share a Message-ID or a fingerprint with the batch."""
        ...

    def read_conversations(self, id_hashes: Collection[str]) -> Mapping[str, str]:
        """Known id_hash -> conversation_key."""
        ...

    def read_conversation_people(
        self, keys: Collection[str], own: frozenset[str]
    ) -> Mapping[str, frozenset[str]]:
        """Who took part in known conversations (see `dedupe.conversation_people`)."""
        ...

    def read_subject_spans(self, subject_hashes: Collection[str]) -> Sequence[SubjectSpan]:
        """Where and when known conversations used these subjects."""
        ...

    def read_conversation_contacts(self, keys: Collection[str]) -> Mapping[str, frozenset[str]]:
        """Contacts linked to published messages of known conversations."""
        ...

    def write_match(
        self,
        lease: Lease,
        identities: Sequence[IdentityDecision],
        plan: ConversationPlan,
        rows: Sequence[tuple[MessageContext, Sequence[Decision]]],
    ) -> None:
        """Replace what the match decided: keys and conversations of the batch's rows, and one
        decision per participant of each new message, in the participants' order. Merges of
        conversations wait for publish.
        """
        ...

    def write_first_mark(self, lease: Lease, contacts_at: dt.datetime) -> None:
        """Remember up to which change of contacts the mailbox's first match knew them."""
        ...

    def batch_hash(self, batch_id: str) -> str:
        """SHA-256 (hex) over the batch's rows as they are staged now."""
        ...

    def known_hash(self, batch_id: str) -> str:
        """SHA-256 (hex) over what is published that the batch must be compared with."""
        ...

    def write_known_hash(self, lease: Lease, known_hash: str) -> None:
        """Keep the `known_hash` under which the batch was matched, for `publish_batch`."""
        ...

    def count_dispositions(self, batch_id: str) -> Mapping[str, int]:
        """Rows by disposition."""
        ...

    def count_outcomes(self, batch_id: str) -> Mapping[str, int]:
        """Decisions by outcome, all five always present."""
        ...

    def quarantine_rows(self, lease: Lease, rows: Sequence[Quarantined], now: dt.datetime) -> None:
        """Take rows out of the batch into quarantine, ledger included."""
        ...


class Contacts(Protocol):
    """The CRM's contacts."""

    def upsert_contacts(self, contacts: Sequence[Contact], now: dt.datetime) -> int:
        """Add or change contacts with their addresses and lookup keys; how many changed."""
        ...

    def refresh_contacts(self, now: dt.datetime) -> int:
        """Copy what the contacts query yields into the lookup; how many changed.

        Without a query there is nothing to do. Call it before matching a batch.

        Raises:
            SettingsError: the query is wrong, or yields nobody although contacts were known.
        """
        ...

    def find_contacts(self, keys: Iterable[ContactKey]) -> Sequence[tuple[ContactKey, Contact]]:
        """All contacts under any of the keys; never loads more than those."""
        ...

    def find_companies(self, domains: Collection[str]) -> frozenset[str]:
        """Those of the companies' domains that some contact belongs to."""
        ...

    def read_clock(self) -> dt.datetime:
        """The latest change of any contact; every later import is after it."""
        ...

    def teach_address(self, contact_id: str, address: str, reviewer: str, now: dt.datetime) -> bool:
        """Give a contact an address by a person's word; later imports keep it. Whether it is new.

        Raises:
            SettingsError: there is no such contact.
        """
        ...

    def count_contacts(self) -> int:
        """How many there are."""
        ...


class Gate(Protocol):
    """Validates a staged batch."""

    def start_import(self) -> None:
        """Begin loading the check library in the background; it takes seconds."""
        ...

    def check_batch(self, lease: Lease, window: Window, batch_hash: str) -> CheckReport:
        """Run every expectation on the batch's rows in the database."""
        ...

    def find_faults(self, lease: Lease, window: Window) -> Sequence[Quarantined]:
        """The batch's messages that break a row rule, each with the first one it breaks."""
        ...


class Publisher(Protocol):
    """Changes the CRM tables."""

    def write_report(self, lease: Lease, report: CheckReport, now: dt.datetime) -> None:
        """Store what the gate found; publish needs it."""
        ...

    def publish_batch(
        self, lease: Lease, now: dt.datetime, shared: SharedChecklist | None = None
    ) -> PublishCounts:
        """Publish exactly the batch that passed, in one transaction; again is a no-op.

        Of a mailbox that several people own, conversations become tickets where they are its
        record, and failed sends are noted for whoever watches them.

        Raises:
            ChecksFailedError: the gate held it, or never looked.
            PublishConflictError: the rows are not those that passed.
            BatchOutdatedError: related messages were published since it was matched.
            FencedError: a newer run took over.
        """
        ...
