"""Port towards what earlier runs were like."""

from collections.abc import Sequence
from typing import Protocol

from mailcrm.records import BatchMeasures, Lease


class History(Protocol):
    """A mailbox's runs, to be compared."""

    def measure_batch(self, lease: Lease) -> BatchMeasures:
        """Count the staged batch, as it is now."""
        ...

    def read_history(self, lease: Lease, limit: int) -> Sequence[BatchMeasures]:
        """The latest comparable runs of the mailbox that published, newest first, without this."""
        ...
