"""Task `plan`: what is in the window, what of it is known, and how to cut the rest into tasks."""

import datetime as dt
import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from mailcrm.backfill import (
    ListingPlan,
    plan_absent,
    plan_listing,
    plan_search,
    plan_slices,
    plan_unknown,
    plan_window,
    resolve_folders,
)
from mailcrm.errors import FolderMissingError, ServerRefusedError, SettingsError
from mailcrm.ports import MailReader
from mailcrm.records import (
    Direction,
    FolderSlice,
    FolderStatus,
    Generation,
    Lease,
    ListedMessage,
    Mailbox,
    MailboxState,
    SearchCriteria,
    Window,
)
from mailcrm.services.wiring import Services

logger = logging.getLogger(__name__)

# A folder is listed in windows of at most this many messages: bounded lines, bounded memory.
LISTING_STEP = 20_000


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
) -> PlanResult:
    """List the window on the server, compare it with the ledger, and cut the news into slices.

    Takes the mailbox's lease, so that an older run can write no more. A folder that cannot be
    listed is a problem of its own: the others go on, and the run ends incomplete.

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
    with services.servers.open_reader(mailbox, credential) as reader:
        names, missing = resolve_folders(folders or mailbox.folders, reader.list_folders())
        problems += [str(FolderMissingError(mailbox_id=mailbox_id, folder=f)) for f in missing]
        for name in names:
            try:
                slices += _plan_folder(services, lease, window, reader, name)
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
    services: Services, lease: Lease, window: Window, reader: MailReader, folder: str
) -> tuple[FolderSlice, ...]:
    now = services.clock.now()
    status = reader.examine(folder)
    generation = services.ledger.open_generation(lease, folder, status.uidvalidity or 0, now)
    listed = covered = 0
    for criteria in plan_listing_windows(reader, status, window):
        part = _list_part(services, lease, generation, window, reader, criteria)
        listed += part.in_window
        covered += part.covered
    services.ledger.write_counts(lease, generation.generation_id, listed, covered)
    settings = services.settings
    slices = plan_slices(
        folder,
        generation.generation_id,
        services.ledger.plan_rows(lease, generation.generation_id),
        settings.slice_messages,
        settings.slice_bytes,
    )
    if not slices and services.ledger.has_staged(lease, generation.generation_id):
        # Everything was staged by a run that was cut short: one empty slice carries it on.
        slices = (FolderSlice(folder, generation.generation_id, 1, 1, 0, 0),)
    return slices


def plan_listing_windows(
    reader: MailReader, status: FolderStatus, window: Window
) -> Iterator[SearchCriteria]:
    """Cut a folder's listing into uid windows of at most LISTING_STEP messages each."""
    search = plan_search(window)
    if status.exists <= LISTING_STEP:
        yield search
        return
    anchors = list(reader.uid_anchors(LISTING_STEP))
    lows = [1, *anchors[1:]]
    for low, following in zip(lows, [*lows[1:], None], strict=True):
        high = None if following is None else following - 1
        yield SearchCriteria(search.since, search.before, low, high)


def _list_part(
    services: Services,
    lease: Lease,
    generation: Generation,
    window: Window,
    reader: MailReader,
    criteria: SearchCriteria,
) -> ListingPlan:
    now = services.clock.now()
    uids = list(reader.search_uids(criteria))
    known = services.ledger.read_entries(
        generation.generation_id, criteria.uid_low, criteria.uid_high
    )
    absent = plan_absent(uids, known, window, now)
    found, vanished = _ask_again(reader, absent)
    uids += found
    news = _fetch_news(reader, plan_unknown(uids, known))
    part = plan_listing(uids, known, news, window, lease.batch_id, now)
    services.ledger.write_listing(
        lease, generation.generation_id, part.listed, part.outside, part.adopted, now
    )
    if vanished:
        services.ledger.write_absent(lease, generation.generation_id, vanished, {}, now)
    return ListingPlan(part.listed, part.outside, (*part.adopted, *vanished), part.covered)


def _ask_again(reader: MailReader, absent: Sequence[int]) -> tuple[list[int], list[int]]:
    """Ask for uids that a listing left out by FETCH: which are there after all, which are gone."""
    if not absent:
        return [], []
    found = {message.uid for message in reader.fetch_listing(absent)}
    return sorted(found), [uid for uid in absent if uid not in found]


def _fetch_news(reader: MailReader, unknown: Sequence[int]) -> list[ListedMessage]:
    """Date and size of new uids; one that the server does not date is listed all the same."""
    if not unknown:
        return []
    news = {message.uid: message for message in reader.fetch_listing(unknown)}
    return [news.get(uid, ListedMessage(uid, None, 0)) for uid in unknown]
