"""Registry files and contact files on the local disk; run reports in a folder or object store."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from mailcrm.adapters.contacts_file import read_contacts_file
from mailcrm.adapters.files_store import FolderStore, open_file_store
from mailcrm.adapters.registry_entry import mailbox_from_entry
from mailcrm.adapters.registry_file import read_mailbox_file
from mailcrm.adapters.registry_snapshot import write_snapshot
from mailcrm.adapters.run_page import write_run_page
from mailcrm.records import Contact, Mailbox
from mailcrm.records.registry import RegistryEntry
from mailcrm.records.report import RunPage

__all__ = ["LocalFiles"]


class LocalFiles:
    """See `mailcrm.ports.Files`."""

    def __init__(self, home: Path, url: str | None = None) -> None:
        """Where files go; nothing is opened or made before it is needed.

        Args:
            home: The folder of everything that this machine alone needs.
            url: MAILCRM_FILES_URL, what all machines share; None is `home`.
        """
        self._home = home
        self._url = url

    def read_mailbox(self, path: Path) -> Mailbox:
        """One registry file."""
        return read_mailbox_file(path)

    def parse_mailbox(self, entry: Mapping[str, object], source: str) -> Mailbox:
        """One mailbox from plain values."""
        return mailbox_from_entry(entry, source)

    def read_contacts(self, path: Path) -> Sequence[Contact]:
        """One contacts file, in its order."""
        return read_contacts_file(path)

    def write_snapshot(self, entries: Sequence[RegistryEntry]) -> None:
        """Replace the copy of the registry."""
        write_snapshot(open_file_store(self._url, self._home), entries)

    def write_run_page(self, page: RunPage, out: Path | None, keep: int) -> Sequence[str]:
        """A run's report, below `reports` of the shared store where no folder is named."""
        if out is not None:
            return write_run_page(FolderStore(out), "", page, None)
        store = open_file_store(self._url, self._home)
        return write_run_page(store, f"reports/{page.mailbox_id}", page, keep)
