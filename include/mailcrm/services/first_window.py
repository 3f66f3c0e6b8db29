"""What a mailbox that nobody stored yet holds: its folders, and what a first run would read."""

from collections.abc import Mapping
from dataclasses import dataclass

from mailcrm.backfill import resolve_folders
from mailcrm.records import Credential, FolderEntry
from mailcrm.services.plan import mailbox_window
from mailcrm.services.preview import Preview, preview_folder
from mailcrm.services.registry import parse_web_draft
from mailcrm.services.wiring import Services

__all__ = ["FirstWindow", "look_ahead"]


@dataclass(frozen=True, slots=True)
class FirstWindow:
    """The server's folders, INBOX first; `missing` are those asked for that it does not have."""

    folders: tuple[FolderEntry, ...]
    missing: tuple[str, ...]
    preview: Preview


def look_ahead(
    services: Services, draft: Mapping[str, object], credential: Credential
) -> FirstWindow:
    """List folders and count the first window, with one login; nothing is stored.

    Args:
        services: Registry, ledger, files and servers are used.
        draft: The form of a registry file, whole, as it was typed on a web page.
        credential: For reading.

    Raises:
        SettingsError: a field is wrong.
        ImapCredentialError, ServerUnreachableError, ThrottledError, ServerRefusedError
    """
    mailbox = parse_web_draft(services, draft)
    window = mailbox_window(services, mailbox, None, None)
    with services.servers.open_reader(mailbox, credential) as reader:
        folders = tuple(sorted(reader.list_folders(), key=_order))
        names, missing = resolve_folders(mailbox.folders, folders)
        counts = tuple(preview_folder(services, mailbox.id, window, reader, n) for n in names)
    return FirstWindow(folders, tuple(missing), Preview(window, counts))


def _order(entry: FolderEntry) -> tuple[bool, str]:
    return entry.name.upper() != "INBOX", entry.name
