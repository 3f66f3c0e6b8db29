"""Turning decisions into table rows; the same decision again costs nothing."""

import json
from functools import lru_cache
from json.encoder import encode_basestring_ascii as _quoted
from typing import Any

from mailcrm.records import Decision, Evidence

__all__ = ["DECISION_COLUMNS", "DecisionTexts"]

DECISION_COLUMNS = (
    "role",
    "position",
    "outcome",
    "contact_id",
    "candidates",
    "rule",
    "rule_version",
    "score",
    "company_domain",
)
"""Columns of a decision, without those that name its message."""


class DecisionTexts:
    """Decisions as the values of their columns from `outcome` on; remembers what it was asked.

    The same people write again and again, so many participants share one decision. For one batch
    and one thread, while its decisions live.
    """

    def __init__(self) -> None:
        """Remember nothing yet."""
        self._known: dict[int, tuple[Decision, tuple[Any, ...]]] = {}

    def of(self, decision: Decision) -> tuple[Any, ...]:
        """The values of one decision, candidates as JSON text."""
        found = self._known.get(id(decision))
        if found is None:
            found = (decision, _values(decision))  # holding it keeps its id its own
            self._known[id(decision)] = found
        return found[1]


def _values(decision: Decision) -> tuple[Any, ...]:
    return (
        decision.outcome.value,
        decision.contact_id,
        _candidates(decision) if decision.candidates else "[]",
        decision.rule,
        decision.rule_version,
        decision.score,
        decision.company_domain,
    )


def _candidates(decision: Decision) -> str:
    texts = [
        f'{{"contact_id": {_quoted(one.contact_id)}, "score": {one.score!r}, '
        f'"evidence": [{", ".join(map(_evidence, one.evidence))}]}}'
        for one in decision.candidates
    ]
    return f"[{', '.join(texts)}]"


@lru_cache(maxsize=4096)
def _evidence(one: Evidence) -> str:
    return json.dumps({"name": one.name, "weight": one.weight, "detail": one.detail})
