"""Port towards the files that people give us, and those that we write for people."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

from mailcrm.records import Contact, Mailbox
from mailcrm.records.registry import RegistryEntry
from mailcrm.records.report import RunPage


class Files(Protocol):
    """Registry files, contact files, run reports, and a copy of the registry."""

    def read_mailbox(self, path: Path) -> Mailbox:
        """One registry file.

        Raises:
            SettingsError: it cannot be read or is wrong; one line with file and fields.
        """
        ...

    def parse_mailbox(self, entry: Mapping[str, object], source: str) -> Mailbox:
        """One mailbox from values in the form of a registry file, checked in the same way.

        Raises:
            SettingsError: an entry is wrong; one line that begins with `source`, no value in it.
        """
        ...

    def read_contacts(self, path: Path) -> Sequence[Contact]:
        """One contacts file, in its order.

        Raises:
            SettingsError: it cannot be read or is wrong; one line with file and line number.
        """
        ...

    def write_snapshot(self, entries: Sequence[RegistryEntry]) -> None:
        """Replace the copy of the registry in the store that all machines share.

        Raises:
            SettingsError: the store cannot be written.
        """
        ...

    def write_run_page(self, page: RunPage, out: Path | None, keep: int) -> Sequence[str]:
        """Write a run's report; where its HTML and its Markdown form lie, as paths or URLs.

        Into the folder `out` as it is, or among the mailbox's kept ones in the store that all
        machines share, of which the latest `keep` stay.

        Raises:
            SettingsError: the folder or the store cannot be written.
        """
        ...
