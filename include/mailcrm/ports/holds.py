"""Port towards what is held back: messages in quarantine, and batches that the gate stopped."""

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Protocol

from mailcrm.records import Lease
from mailcrm.records.holds import HeldMessage


class Holds(Protocol):
    """What people decide on: replay, discard, release."""

    def find_held(
        self, mailbox_id: str | None, quarantine_id: int | None, rule: str | None
    ) -> Sequence[HeldMessage]:
        """Held messages that fit all that is given, by mailbox, folder's generation and uid."""
        ...

    def read_raw(self, quarantine_id: int) -> bytes:
        """The kept bytes of one; empty where there are none."""
        ...

    def count_attempt(self, quarantine_id: int, rule: str, reason: str, now: dt.datetime) -> None:
        """Record that it failed again, by which rule, and by today's parser and checks."""
        ...

    def discard(self, quarantine_id: int, by: str, reason: str, now: dt.datetime) -> None:
        """Give one up for good: its bytes go, its row and its count stay.

        Raises:
            SettingsError: there is none, it is not held any more, or its batch is not published.
        """
        ...

    def find_without_raw(self, generation_id: int, limit: int) -> Sequence[int]:
        """Uids of held messages of a folder whose bytes were not kept, oldest first."""
        ...

    def write_raw(
        self, lease: Lease, generation_id: int, raws: Mapping[int, bytes], now: dt.datetime
    ) -> None:
        """Keep bytes by uid where there were none."""
        ...

    def take_held_batch(self, batch_id: str, by: str, reason: str, now: dt.datetime) -> Lease:
        """Record a person's release of a held batch, and give its run the right to write again.

        Raises:
            SettingsError: there is no such batch, it is not held, or a later run took it over.
            PublishConflictError: its rows are not those that were checked.
        """
        ...
