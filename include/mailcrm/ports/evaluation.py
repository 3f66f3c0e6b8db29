"""Port towards the files of an evaluation: messages, and what is known to be true of them."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from mailcrm.records import Contact


class EvaluationFiles(Protocol):
    """Folders of messages, and truth files beside them. All errors are SettingsError."""

    def list_messages(self, folder: Path) -> Sequence[str]:
        """Names of all .eml files below a folder, relative to it, sorted."""
        ...

    def read_messages(self, folder: Path, names: Sequence[str]) -> Iterator[tuple[str, bytes]]:
        """The files' bytes, in the order of the names."""
        ...

    def read_contacts(self, path: Path) -> Sequence[Contact]:
        """Contacts of a CSV file; columns that contacts do not have are ignored."""
        ...

    def read_table(self, path: Path, required: Sequence[str]) -> Sequence[Mapping[str, str]]:
        """Rows of a CSV file that has at least these columns."""
        ...

    def read_lines(self, path: Path) -> Sequence[Mapping[str, Any]]:
        """Objects of a file with one JSON object a line."""
        ...
