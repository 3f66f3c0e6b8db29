"""Ports towards the databases and the gate."""

import datetime as dt
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, Protocol

from mailcrm.records import (
    Certificate,
    CheckReport,
    Contact,
    ContactKey,
    ConversationLink,
    ConversationPlan,
    Decision,
    FetchedMessage,
    Generation,
    IdentityDecision,
    KnownIdentity,
    Lease,
    LedgerEntry,
    ListedMessage,
    Mailbox,
    MessageContext,
    PublishCounts,
    Quarantined,
    StagedIdentity,
    StagedMessage,
    VerifyResult,
    Window,
)
from mailcrm.records.registry import RegistryEntry


class Registry(Protocol):
    """The mailboxes, in the database."""

    def write_mailbox(self, mailbox: Mailbox, now: dt.datetime) -> None:
        """Add or replace one; `connected_at` of the first time stays."""
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

    def set_state(self, mailbox_id: str, state: str, now: dt.datetime) -> None:
        """Pause, resume or remove one."""
        ...

    def write_health(self, mailbox_id: str, result: VerifyResult, now: dt.datetime) -> None:
        """Keep what a verification found; `since` moves only when the state changes."""
        ...

    def read_health(self, mailbox_id: str) -> Mapping[str, Mapping[str, object]]:
        """Last verification by direction, as plain values for display."""
        ...


class Ledger(Protocol):
    """Leases, generations, the ledger itself, and runs. Every write checks the lease's token."""

    def take_lease(self, mailbox_id: str, run_id: str, window: Window, now: dt.datetime) -> Lease:
        """Start (or restart) a run: raise the mailbox's token at once, whoever holds it."""
        ...

    def open_generation(
        self, lease: Lease, folder: str, uidvalidity: int, now: dt.datetime
    ) -> Generation:
        """The generation of this uidvalidity; a new one where it was never seen."""
        ...

    def read_entries(
        self, generation_id: int, uid_low: int, uid_high: int | None
    ) -> Mapping[int, LedgerEntry]:
        """Ledger rows with uid in [uid_low, uid_high] (None: to the end)."""
        ...

    def write_listing(
        self,
        lease: Lease,
        generation_id: int,
        listed: Sequence[ListedMessage],
        outside: Sequence[ListedMessage],
        adopted: Sequence[int],
        now: dt.datetime,
    ) -> None:
        """Record new rows in (`listed`) and out of (`outside`) the window, and take `adopted`
        uids (known, open or outside before, inside now) with what is staged of them into this
        run's batch.
        """
        ...

    def find_generation(self, mailbox_id: str, folder: str, uidvalidity: int) -> Generation | None:
        """The generation of a uidvalidity, None where it was never read."""
        ...

    def read_generation(self, generation_id: int) -> Generation:
        """One generation by its id."""
        ...

    def count_short_lives(self, mailbox_id: str, folder: str) -> int:
        """How many of the folder's latest generations, in a row, were seen by one run only."""
        ...

    def find_relinks(self, generation: Generation, digests: Collection[str]) -> Mapping[str, str]:
        """message_key by digest, of messages published from the folder's other generations;
        a digest that names several messages is left out.
        """
        ...

    def write_relinks(
        self,
        lease: Lease,
        generation: Generation,
        relinked: Sequence[tuple[FetchedMessage, str, str]],
        now: dt.datetime,
    ) -> None:
        """Record (message, digest, message_key): ledger row and sighting, in one transaction."""
        ...

    def write_notes(self, lease: Lease, notes: Sequence[str]) -> None:
        """Add to the run what is odd about the server and harms nothing."""
        ...

    def write_problems(self, lease: Lease, problems: Sequence[str]) -> None:
        """Add to the run what kept a whole folder from being read; such a run is not complete."""
        ...

    def has_staged(self, lease: Lease, generation_id: int) -> bool:
        """Whether this batch already holds staged rows of the generation."""
        ...

    def read_window(self, lease: Lease) -> Window:
        """The run's window, as it was planned."""
        ...

    def write_counts(
        self,
        lease: Lease,
        generation_id: int,
        listed: int,
        already_covered: int,
        missing: int = 0,
    ) -> None:
        """Keep what the listing of one folder counted, for the certificate."""
        ...

    def last_missing(self, lease: Lease, generation_id: int) -> int:
        """How many published messages the last run before this one missed in the listing."""
        ...

    def plan_rows(self, lease: Lease, generation_id: int) -> Iterator[tuple[int, int]]:
        """(uid, size_bytes) of this batch's rows that are still to be read, newest uid first."""
        ...

    def open_uids(
        self, lease: Lease, generation_id: int, uid_low: int, uid_high: int
    ) -> Sequence[tuple[int, int]]:
        """(uid, size_bytes) of one slice's rows that are still to be read, ascending."""
        ...

    def write_absent(
        self,
        lease: Lease,
        generation_id: int,
        vanished: Sequence[int],
        unavailable: Mapping[int, str],
        now: dt.datetime,
    ) -> None:
        """Record proved absence, and messages that the server lists but does not give."""
        ...

    def certificate(self, run_id: str) -> Certificate:
        """Count the ledger's states for one run, folder by folder."""
        ...

    def finish_run(self, lease: Lease, state: str, now: dt.datetime) -> Certificate:
        """Store certificate and state of the run; coverage grows where the folder is complete."""
        ...

    def read_run(self, run_id: str) -> Mapping[str, Any]:
        """One row of sync_runs as plain values.

        Raises:
            SettingsError: no such run.
        """
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

    def read_identities(self, batch_id: str) -> Sequence[StagedIdentity]:
        """The batch's rows with disposition publish or duplicate, by (generation_id, uid)."""
        ...

    def read_known_identities(self, batch_id: str) -> Sequence[KnownIdentity]:
        """Published messages that share a Message-ID or a fingerprint with the batch."""
        ...

    def write_identities(self, lease: Lease, decisions: Sequence[IdentityDecision]) -> None:
        """Set message_key, disposition and is_conflict of the batch's rows."""
        ...

    def read_conversation_links(
        self, batch_id: str, own: frozenset[str]
    ) -> Sequence[ConversationLink]:
        """The batch's new messages (disposition publish); `own` are our addresses."""
        ...

    def read_conversations(self, id_hashes: Collection[str]) -> Mapping[str, str]:
        """Known id_hash -> conversation_key."""
        ...

    def read_conversation_people(
        self, keys: Collection[str], own: frozenset[str]
    ) -> Mapping[str, frozenset[str]]:
        """Who took part in known conversations (see `dedupe.conversation_people`)."""
        ...

    def write_conversations(self, lease: Lease, plan: ConversationPlan) -> None:
        """Set conversation_key of the batch's rows; merges wait for publish."""
        ...

    def read_contexts(self, batch_id: str) -> Iterator[MessageContext]:
        """The batch's new messages with their participants, for matching."""
        ...

    def write_decisions(
        self,
        lease: Lease,
        rows: Iterable[tuple[MessageContext, Sequence[Decision]]],
    ) -> None:
        """Replace the batch's decisions; one per participant, in the participants' order."""
        ...

    def batch_hash(self, batch_id: str) -> str:
        """SHA-256 (hex) over the batch's rows as they are staged now."""
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

    def publish_batch(self, lease: Lease, now: dt.datetime) -> PublishCounts:
        """Publish exactly the batch that passed, in one transaction; again is a no-op.

        Raises:
            ChecksFailedError: the gate held it, or never looked.
            PublishConflictError: the rows are not those that passed.
            FencedError: a newer run took over.
        """
        ...
