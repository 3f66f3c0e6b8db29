"""Rates with their uncertainty."""

import math
from dataclasses import dataclass

__all__ = ["Rate", "rate_of"]

_Z95 = 1.959963984540054


@dataclass(frozen=True, slots=True)
class Rate:
    """A share with its 95 % Wilson interval; all None where nothing was counted."""

    value: float | None
    low: float | None
    high: float | None

    def as_keys(self, name: str) -> dict[str, object]:
        """The rate as two JSON keys: `name`, and `name_interval` with low and high."""
        return {name: self.value, f"{name}_interval": [self.low, self.high]}


def rate_of(hits: int, count: int) -> Rate:
    """The share of hits, rounded to six digits.

    Source: E. B. Wilson, Probable inference (1927); stays inside [0, 1] and is sensible near both
    ends, where evaluations of good matchers live.
    """
    if count <= 0:
        return Rate(None, None, None)
    share = hits / count
    scale = 1 + _Z95**2 / count
    centre = (share + _Z95**2 / (2 * count)) / scale
    half = _Z95 * math.sqrt(share * (1 - share) / count + _Z95**2 / (4 * count**2)) / scale
    low, high = max(0.0, centre - half), min(1.0, centre + half)
    low, high = (0.0 if hits == 0 else low), (1.0 if hits == count else high)
    return Rate(round(share, 6), round(low, 6), round(high, 6))
