"""Port towards whatever collects numbers about a running system."""

from typing import Protocol

from mailcrm.records.metrics import Measurement


class Metrics(Protocol):
    """Takes measurements; loses them rather than harming the work that is measured."""

    def is_on(self) -> bool:
        """Whether anybody collects; where not, nothing needs to be measured."""
        ...

    def send(self, measurement: Measurement) -> None:
        """Hand one value over."""
        ...
