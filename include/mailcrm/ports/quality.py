"""Ports of the report on match quality."""

from pathlib import Path
from typing import Protocol

from mailcrm.records.quality import MatchCounts, QualityReport
from mailcrm.records.review import Place

__all__ = ["QualityPages", "QualityTables"]


class QualityTables(Protocol):
    """Counts over all stored decisions."""

    def count_decisions(self) -> MatchCounts:
        """Counted by day, by rule and by score, each in order."""
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
