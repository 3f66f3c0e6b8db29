"""`preview`: exact counts and bytes per folder, before anything is read."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from mailcrm.backfill import plan_unknown, resolve_folders
from mailcrm.errors import FolderMissingError
from mailcrm.ports import MailReader
from mailcrm.records import LedgerEntry, Window
from mailcrm.services.plan import mailbox_window
from mailcrm.services.searching import search_folder
from mailcrm.services.sessions import open_session
from mailcrm.services.wiring import Services


@dataclass(frozen=True, slots=True)
class FolderPreview:
    """One folder inside the window; `already_covered` of its messages need no reading."""

    folder: str
    messages: int
    size_bytes: int
    already_covered: int


@dataclass(frozen=True, slots=True)
class Preview:
    """What a run of this window would meet."""

    window: Window
    folders: tuple[FolderPreview, ...]


def run_preview(
    services: Services,
    mailbox_id: str,
    since: dt.datetime | None = None,
    until: dt.datetime | None = None,
    folders: Sequence[str] | None = None,
) -> Preview:
    """List the window on the server without writing anything.

    Raises:
        UnknownMailboxError, SettingsError, ImapCredentialError, ServerUnreachableError,
        FolderMissingError
    """
    mailbox = services.registry.read_mailbox(mailbox_id)
    window = mailbox_window(services, mailbox, since, until)
    with open_session(services, mailbox) as reader:
        names, missing = resolve_folders(folders or mailbox.folders, reader.list_folders())
        if missing:
            raise FolderMissingError(mailbox_id=mailbox_id, folder=missing[0])
        found = tuple(preview_folder(services, mailbox_id, window, reader, n) for n in names)
    return Preview(window, found)


def preview_folder(
    services: Services, mailbox_id: str, window: Window, reader: MailReader, folder: str
) -> FolderPreview:
    """One folder over an open connection; raises as `run_preview` does."""
    status = reader.examine(folder)
    generation = services.ledger.find_generation(mailbox_id, folder, status.uidvalidity or 0)
    messages = size_bytes = covered = 0
    now = services.clock.now()
    for criteria, uids in search_folder(reader, status, window).parts:
        known: dict[int, LedgerEntry] = {}
        if generation is not None:
            entries = services.ledger.read_entries(
                generation.generation_id, criteria.uid_low, criteria.uid_high
            )
            known = dict(entries)
        news = reader.fetch_listing(plan_unknown(uids, known))
        inside = [known[uid] for uid in uids if uid in known] + list(news)
        inside = [m for m in inside if window.contains(m.internaldate or now)]
        messages += len(inside)
        size_bytes += sum(m.size_bytes for m in inside)
        covered += sum(isinstance(m, LedgerEntry) and m.state.is_final for m in inside)
    return FolderPreview(folder, messages, size_bytes, covered)
