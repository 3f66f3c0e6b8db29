"""Ports of the report on match quality."""

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Protocol

from mailcrm.records.quality import MatchCounts, QualityReport, ReviewedRule
from mailcrm.records.review import Place

__all__ = ["QualityPages", "QualityTables"]


class QualityTables(Protocol):
    """Counts over all stored decisions."""

    def count_decisions(self, mailbox_ids: Collection[str] | None = None) -> MatchCounts:
        """Counted by day, by rule and by score, each in order; None takes every mailbox."""
        ...

    def find_example(self) -> Place | None:
        """A decision worth explaining: of the latest that people are asked about, the one with
        the most evidence; or else of the latest links.
        """
        ...


class QualityPages(Protocol):
    """Writes the report."""

    def write_report(self, report: QualityReport, path: Path) -> int:
        """Write one HTML file that needs no network; its size in bytes.

        Raises:
            SettingsError: the file cannot be written.
        """
        ...

    def draw_chart(
        self, name: str, counts: MatchCounts, rules: Sequence[ReviewedRule], *, dark: bool
    ) -> str | None:
        """One chart as SVG that loads nothing: days, rules, scores or precision; else None."""
        ...
