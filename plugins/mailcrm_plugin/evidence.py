"""One candidate's evidence as a drawing: each piece from where the sum stood to where it went."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mailcrm.services.audit import MATCH_AT, REVIEW_AT

__all__ = ["Step", "Waterfall", "draw_waterfall"]

_WIDTH = 1000.0


@dataclass(frozen=True, slots=True)
class Step:
    """One bar: x and width in thousandths of the drawing; `tone` is ok, bad or idle."""

    name: str
    weight: float
    x: float
    width: float
    tone: str


@dataclass(frozen=True, slots=True)
class Waterfall:
    """All steps, the score, and where the borders of the decision stand, in thousandths."""

    steps: tuple[Step, ...]
    score: float
    zero: float
    review_at: float
    match_at: float


def draw_waterfall(candidate: Mapping[str, Any]) -> Waterfall:
    """Draw one candidate as `match_decisions.candidates` has it."""
    evidence: Sequence[Mapping[str, Any]] = candidate.get("evidence") or ()
    sums = [0.0]
    for one in evidence:
        sums.append(sums[-1] + float(one["weight"]))
    low, high = min(*sums, 0.0), max(*sums, MATCH_AT, 1.0)

    def place(value: float) -> float:
        return round(_WIDTH * (value - low) / (high - low), 1)

    steps = tuple(
        Step(
            str(one["name"]).replace("_", " "),
            float(one["weight"]),
            place(min(start, end)),
            max(3.0, round(place(max(start, end)) - place(min(start, end)), 1)),
            "ok" if end > start else "bad" if end < start else "idle",
        )
        for one, start, end in zip(evidence, sums, sums[1:], strict=False)
    )
    return Waterfall(steps, sums[-1], place(0.0), place(REVIEW_AT), place(MATCH_AT))
