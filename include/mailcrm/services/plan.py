"""Task `plan`: what is in the window, what of it is known, and how to cut the rest into tasks."""

import datetime as dt
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field

from mailcrm.backfill import plan_slices, plan_window, resolve_folders
from mailcrm.errors import FolderMissingError, ServerRefusedError, SettingsError
from mailcrm.ports import MailReader
from mailcrm.records import (
    Direction,
    FolderSlice,
    Lease,
    Mailbox,
    MailboxState,
    Window,
)
from mailcrm.services.checklist import require_checklist
from mailcrm.services.listing import FolderListing, list_folder
from mailcrm.services.sessions import open_session
from mailcrm.services.wiring import Services

logger = logging.getLogger(__name__)
REFETCHED = 100


@dataclass(frozen=True, slots=True)
class PlanResult:
    """The run's lease and its slices, newest mail first; no slice means nothing is new."""

    lease: Lease
    window: Window
    slices: tuple[FolderSlice, ...]
    problems: tuple[str, ...]
    bytes_received: int
    commands_sent: int
    seconds: float


@dataclass(slots=True)
class _Found:
    """What the folders' listings gave so far."""

    slices: list[FolderSlice] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def require_active(mailbox: Mailbox) -> None:
    """Refuse to run a mailbox that somebody paused.

    Raises:
        SettingsError: it is not active; says how to resume it.
    """
    if mailbox.state is not MailboxState.ACTIVE:
        raise SettingsError(
            where=f"mailbox {mailbox.id}",
            problem=f"is {mailbox.state.value}; resume it: mailcrm mailbox resume {mailbox.id}",
        )


def mailbox_window(
    services: Services, mailbox: Mailbox, since: dt.datetime | None, until: dt.datetime | None
) -> Window:
    """The window that a run asked for, with the mailbox's policy where it asked for nothing."""
    connected_at = mailbox.connected_at or services.clock.now()
    return plan_window(mailbox.backfill, connected_at, since, until)


def run_plan(
    services: Services,
    mailbox_id: str,
    run_id: str,
    since: dt.datetime | None = None,
    until: dt.datetime | None = None,
    folders: Sequence[str] | None = None,
    accept_vanished: bool = False,
) -> PlanResult:
    """List the window on the server, compare it with the ledger, and cut the news into slices.

    Takes the mailbox's lease, so that an older run can write no more. A folder that cannot be
    listed harms only itself. `accept_vanished`: very many messages are gone, and that is right.

    Raises:
        UnknownMailboxError, SettingsError, ImapCredentialError, ServerUnreachableError
    """
    started = services.clock.monotonic()
    mailbox = services.registry.read_mailbox(mailbox_id)
    require_active(mailbox)
    require_checklist(mailbox)
    window = mailbox_window(services, mailbox, since, until)
    credential = services.credentials.read_credential(mailbox_id, Direction.IMAP)
    lease = services.ledger.take_lease(mailbox_id, run_id, window, services.clock.now())
    found = _Found()
    with open_session(services, mailbox, credential) as reader:
        asked = folders or mailbox.folders
        _list_folders(services, lease, window, reader, asked, accept_vanished, found)
        counters = reader.bytes_received, reader.commands_sent
    services.ledger.write_problems(lease, found.problems)
    services.ledger.write_notes(lease, found.notes)
    if not found.slices:
        services.publisher.publish_batch(lease, services.clock.now())
    seconds = services.clock.monotonic() - started
    count = len(found.slices)
    logger.info("backfill.planned mailbox=%s slices=%d elapsed_s=%.3f", mailbox_id, count, seconds)
    return PlanResult(lease, window, tuple(found.slices), tuple(found.problems), *counters, seconds)


def _list_folders(
    services: Services,
    lease: Lease,
    window: Window,
    reader: MailReader,
    asked: Sequence[str],
    accept_vanished: bool,
    found: _Found,
) -> None:
    """List one folder after the other; one that fails harms no other."""
    names, missing = resolve_folders(asked, reader.list_folders())
    for folder in missing:
        error = FolderMissingError(mailbox_id=lease.mailbox_id, folder=folder)
        found.problems.append(str(error))
    for name in names:
        try:
            listing = list_folder(services, lease, window, reader, name, accept_vanished)
        except (FolderMissingError, ServerRefusedError) as error:
            found.problems.append(str(error))
            continue
        found.slices += _plan_folder(services, lease, listing)
        _keep_bytes(services, lease, reader, listing.generation.generation_id)
        found.problems += listing.problems
        found.notes += listing.notes


def _keep_bytes(services: Services, lease: Lease, reader: MailReader, generation_id: int) -> None:
    """Read again what waits in quarantine without its bytes; the folder is open."""
    cap = services.settings.message_cap_bytes
    for uid in services.holds.find_without_raw(generation_id, REFETCHED):
        try:
            raws = {m.uid: m.raw for m in reader.fetch_messages([uid], cap)}
        except ServerRefusedError:
            continue
        services.holds.write_raw(lease, generation_id, raws, services.clock.now())


def _plan_folder(
    services: Services, lease: Lease, listing: FolderListing
) -> tuple[FolderSlice, ...]:
    generation, settings = listing.generation, services.settings
    slices = plan_slices(
        generation.folder,
        generation.generation_id,
        services.ledger.plan_rows(lease, generation.generation_id),
        settings.slice_messages,
        settings.slice_bytes,
    )
    if not slices and services.ledger.has_staged(lease, generation.generation_id):
        # Everything was staged by a run that was cut short: one empty slice carries it on.
        slices = (FolderSlice(generation.folder, generation.generation_id, 1, 1, 0, 0),)
    return slices
