"""Port towards what is stored, for people to look at."""

from collections.abc import Collection, Mapping, Sequence
from typing import Protocol

from mailcrm.ports.history import History
from mailcrm.records.metrics import MailboxMeasures
from mailcrm.records.quarantine_view import HeldCount, HeldLine, HeldView
from mailcrm.records.report import RunPage


class Overview(History, Protocol):
    """Read-only looks at what is stored, for people."""

    def read_mailbox_status(self, mailbox_id: str) -> Mapping[str, object]:
        """Coverage per folder, the last run, open reviews and quarantine, as plain values."""
        ...

    def list_held_batches(self, mailbox_id: str | None) -> Sequence[Mapping[str, object]]:
        """Batches that the gate stopped and no later run took over, latest first."""
        ...

    def list_quarantine(self, mailbox_id: str | None) -> Sequence[Mapping[str, object]]:
        """Messages that wait in quarantine, oldest first, without their bytes."""
        ...

    def read_quarantine(self, quarantine_id: int) -> Mapping[str, object]:
        """One quarantined message with its bytes (`raw`).

        Raises:
            SettingsError: there is none of that number.
        """
        ...

    def page_quarantine(
        self, mailbox_ids: Collection[str], rule: str | None, below: int | None, limit: int
    ) -> Sequence[HeldLine]:
        """At most `limit` held messages, latest first; only numbers below `below` if given."""
        ...

    def count_held(self, mailbox_ids: Collection[str]) -> Sequence[HeldCount]:
        """Held messages by mailbox and rule, the most first."""
        ...

    def view_quarantined(
        self, quarantine_id: int, source_bytes: int
    ) -> tuple[HeldView, bytes] | None:
        """One message of any state with the first bytes of its source, not yet parsed into the
        view; None where there is none of that number.
        """
        ...

    def read_measures(self, mailbox_id: str) -> MailboxMeasures:
        """The mailbox in numbers, for metrics; all zero or None where nothing is stored."""
        ...

    def read_health(self, mailbox_id: str) -> Mapping[str, str]:
        """The health of each direction that was ever verified."""
        ...

    def read_run_page(self, run_id: str) -> RunPage:
        """One run with its certificate, checks, their history and what it held back.

        Raises:
            SettingsError: there is no such run.
        """
        ...
