"""Port towards what regular upkeep reads and clears."""

import datetime as dt
from typing import Protocol

from mailcrm.records.health import NoticeEvent

__all__ = ["Chores"]


class Chores(Protocol):
    """Upkeep over all mailboxes, in the database."""

    def read_last_good(self, mailbox_id: str) -> dt.datetime | None:
        """When the latest run that left nothing open ended; None before the first."""
        ...

    def find_open_outage(self, mailbox_id: str) -> dt.datetime | None:
        """The moment of the latest outage of runs whose end nobody was told; None without one."""
        ...

    def write_outage(
        self, mailbox_id: str, event: NoticeEvent, since: dt.datetime, reason: str, to: str
    ) -> bool:
        """Put a notice down, once per mailbox, event and moment; whether it is new."""
        ...

    def delete_dead_staging(self) -> int:
        """Delete staged rows of batches that no run and no ledger row holds any more."""
        ...
