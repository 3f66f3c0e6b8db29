"""Task `plan`: what is in the window, what of it is known, and how to cut the rest into tasks."""

import datetime as dt
import logging
from collections.abc import Sequence
from dataclasses import dataclass

from mailcrm.backfill import plan_slices, plan_window, resolve_folders
from mailcrm.errors import FolderMissingError, ServerRefusedError, SettingsError
from mailcrm.records import (
    Direction,
    FolderSlice,
    Lease,
    Mailbox,
    MailboxState,
    Window,
)
from mailcrm.services.listing import FolderListing, list_folder
from mailcrm.services.wiring import Services

logger = logging.getLogger(__name__)


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
    listed is a problem of its own: the others go on, and the run ends incomplete.
    `accept_vanished` is a person's word that very many messages are gone for good.

    Raises:
        UnknownMailboxError, SettingsError, ImapCredentialError, ServerUnreachableError
    """
    started = services.clock.monotonic()
    mailbox = services.registry.read_mailbox(mailbox_id)
    require_active(mailbox)
    window = mailbox_window(services, mailbox, since, until)
    credential = services.credentials.read_credential(mailbox_id, Direction.IMAP)
    lease = services.ledger.take_lease(mailbox_id, run_id, window, services.clock.now())
    slices: list[FolderSlice] = []
    problems: list[str] = []
    notes: list[str] = []
    with services.servers.open_reader(mailbox, credential) as reader:
        names, missing = resolve_folders(folders or mailbox.folders, reader.list_folders())
        problems += [str(FolderMissingError(mailbox_id=mailbox_id, folder=f)) for f in missing]
        for name in names:
            try:
                listing = list_folder(services, lease, window, reader, name, accept_vanished)
                slices += _plan_folder(services, lease, listing)
                problems += listing.problems
                notes += listing.notes
            except (FolderMissingError, ServerRefusedError) as error:
                problems.append(str(error))
        result = PlanResult(
            lease=lease,
            window=window,
            slices=tuple(slices),
            problems=tuple(problems),
            bytes_received=reader.bytes_received,
            commands_sent=reader.commands_sent,
            seconds=services.clock.monotonic() - started,
        )
    services.ledger.write_problems(lease, problems)
    services.ledger.write_notes(lease, notes)
    if not slices:
        services.publisher.publish_batch(lease, services.clock.now())
    logger.info(
        "backfill.planned mailbox=%s slices=%d messages=%d problems=%d elapsed_s=%.3f",
        mailbox_id,
        len(slices),
        sum(s.message_count for s in slices),
        len(problems),
        result.seconds,
    )
    return result


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
