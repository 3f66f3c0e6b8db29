"""Port towards what the pages show of mailboxes and runs."""

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Protocol

from mailcrm.records.pages import HealthEvent, MailboxCard, MatchSummary, RunLine

__all__ = ["MailboxPages"]


class MailboxPages(Protocol):
    """Read only; each answers from an index, whatever the number of messages."""

    def read_cards(self, mailbox_ids: Sequence[str]) -> Mapping[str, MailboxCard]:
        """What the list shows, by mailbox."""
        ...

    def list_runs(
        self, mailbox_id: str, before: tuple[dt.datetime, str] | None, limit: int
    ) -> Sequence[RunLine]:
        """Runs, newest first; those before (started_at, run_id) where it is given."""
        ...

    def list_health_events(self, mailbox_id: str, limit: int) -> Sequence[HealthEvent]:
        """When a direction broke and recovered, latest first."""
        ...

    def read_match_summary(self, mailbox_id: str) -> MatchSummary:
        """What the runs decided, and what people said of it."""
        ...
