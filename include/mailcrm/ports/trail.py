"""Port towards the audit trail."""

import datetime as dt
from collections.abc import Sequence
from typing import Protocol

from mailcrm.records.trail import Deed, TrailEntry

__all__ = ["Trail"]


class Trail(Protocol):
    """Entries are only ever added; each one's digest covers the ones before it."""

    def write_deed(self, deed: Deed, now: dt.datetime) -> int:
        """Keep one; its number."""
        ...

    def list_deeds(
        self, mailbox_id: str | None, before: int | None, limit: int
    ) -> Sequence[TrailEntry]:
        """The latest, newest first; of one mailbox, and before a number, where given."""
        ...

    def find_break(self) -> int | None:
        """The number of the first entry that does not fit those before it; None where all do."""
        ...
