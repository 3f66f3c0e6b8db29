"""Port towards the ledger: leases, generations, listings, runs."""

import datetime as dt
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, Protocol

from mailcrm.records import (
    Certificate,
    FetchedMessage,
    Generation,
    Lease,
    LedgerEntry,
    ListedMessage,
    Window,
)


class Ledger(Protocol):
    """Leases, generations, the ledger itself, and runs. Every write checks the lease's token."""

    def take_lease(
        self,
        mailbox_id: str,
        run_id: str,
        window: Window,
        now: dt.datetime,
        kind: str = "sync",
    ) -> Lease:
        """Start (or restart) a run: raise the mailbox's token at once, whoever holds it.

        A run of kind replay reads quarantine, not the server; coverage does not grow by it.
        """
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
        """Record new rows in (`listed`) and out of (`outside`) the window (of the known ones, only
        what lay outside of every window is overwritten), and take `adopted`
        uids (known, open or outside before, inside now) with what is staged of them into this
        run's batch.
        """
        ...

    def find_generation(self, mailbox_id: str, folder: str, uidvalidity: int) -> Generation | None:
        """The generation of a uidvalidity, None where it was never read."""
        ...

    def find_returned(self, mailbox_id: str, folder: str, uidvalidity: int) -> Generation | None:
        """The generation of a uidvalidity that comes back after another one was seen; None where
        it is new, or is the latest seen.
        """
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
