"""The system's clock: the only place that asks what time it is."""

import datetime as dt
import time

__all__ = ["SystemClock"]


class SystemClock:
    """`mailcrm.ports.Clock` over the operating system."""

    def now(self) -> dt.datetime:
        """The present moment, aware UTC."""
        return dt.datetime.now(dt.UTC)

    def monotonic(self) -> float:
        """Seconds of a clock that never jumps; only differences mean anything."""
        return time.monotonic()
