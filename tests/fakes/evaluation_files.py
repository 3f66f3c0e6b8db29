"""Evaluation files in memory."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mailcrm.records import Contact


@dataclass
class MemoryEvaluationFiles:
    """See `mailcrm.ports.evaluation.EvaluationFiles`: one folder, whatever path is asked for."""

    messages: dict[str, bytes] = field(default_factory=dict)
    contacts: list[Contact] = field(default_factory=list)
    table: list[dict[str, str]] = field(default_factory=list)
    lines: list[dict[str, Any]] = field(default_factory=list)

    def list_messages(self, folder: Path) -> Sequence[str]:
        return sorted(self.messages)

    def read_messages(self, folder: Path, names: Sequence[str]) -> Iterator[tuple[str, bytes]]:
        yield from ((name, self.messages[name]) for name in names)

    def read_contacts(self, path: Path) -> Sequence[Contact]:
        return self.contacts

    def read_table(self, path: Path, required: Sequence[str]) -> Sequence[Mapping[str, str]]:
        return self.table

    def read_lines(self, path: Path) -> Sequence[Mapping[str, Any]]:
        return self.lines
