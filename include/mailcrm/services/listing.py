"""Listing one folder for `plan`: what the server has in the window, held against the ledger."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from mailcrm.backfill import (
    ListingPlan,
    find_hidden_mail,
    is_mass_vanishing,
    plan_absent,
    plan_doubted,
    plan_listing,
    plan_missing,
    plan_unknown,
)
from mailcrm.credentials import find_provider_of_host
from mailcrm.dedupe import RELINK_FIELDS, plan_relink_digest
from mailcrm.parse import parse_message
from mailcrm.ports import MailReader
from mailcrm.records import (
    FolderStatus,
    Generation,
    Lease,
    LedgerEntry,
    ListedMessage,
    SearchCriteria,
    Window,
)
from mailcrm.services.searching import search_folder
from mailcrm.services.wiring import Services

logger = logging.getLogger(__name__)

# Headers are asked for in groups of this many messages when a folder was numbered anew.
RELINK_STEP = 500
# So many uids are compared when a uidvalidity comes back.
COMPARED_UIDS = 2_000
# So many generations in a row that one run only has seen: the server keeps no stable uids.
UNSTABLE_AFTER = 3


@dataclass(slots=True)
class FolderListing:
    """One folder's listing as it goes on; counts are of messages inside the window."""

    services: Services
    lease: Lease
    window: Window
    reader: MailReader
    status: FolderStatus
    generation: Generation
    accept_vanished: bool = False
    listed: int = 0
    covered: int = 0
    missing: int = 0
    known: int = 0
    vanished: list[int] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def list_folder(
    services: Services,
    lease: Lease,
    window: Window,
    reader: MailReader,
    folder: str,
    accept_vanished: bool,
) -> FolderListing:
    """Write one folder's listing into the ledger.

    Raises:
        FolderMissingError, ServerRefusedError: of this folder alone.
        ServerUnreachableError, FencedError, StoreBusyError
    """
    status = reader.examine(folder)
    generation, notes = _open_life(services, lease, reader, status)
    work = FolderListing(
        services, lease, window, reader, status, generation, accept_vanished, notes=notes
    )
    search = search_folder(reader, status, window)
    work.notes += [search.note] if search.note else []
    work.problems += [search.problem] if search.problem else []
    for criteria, uids in search.parts:
        _list_part(work, criteria, uids)
    if generation.number > 1:
        _relink(work)
    _close_vanished(work)
    _compare_with_last_time(work)
    work.notes += _hidden_mail(services, lease.mailbox_id, status)
    services.ledger.write_counts(
        lease, generation.generation_id, work.listed, work.covered, work.missing
    )
    return work


def _hidden_mail(services: Services, mailbox_id: str, status: FolderStatus) -> list[str]:
    if find_hidden_mail(status) is None:
        return []
    provider = find_provider_of_host(services.registry.read_mailbox(mailbox_id).imap.host)
    note = find_hidden_mail(status, provider.hides_mail if provider else "")
    return [note] if note else []


def open_generation(services: Services, lease: Lease, status: FolderStatus) -> Generation:
    """The generation of what EXAMINE said; a folder without uidvalidity gets one for this run."""
    uidvalidity = -lease.token if status.uidvalidity is None else status.uidvalidity
    return services.ledger.open_generation(lease, status.name, uidvalidity, services.clock.now())


def _open_life(
    services: Services, lease: Lease, reader: MailReader, status: FolderStatus
) -> tuple[Generation, list[str]]:
    """The generation to list into, and what is odd about it."""
    note = unstable_note(services, lease.mailbox_id, status)
    if status.uidvalidity is not None:
        returned = services.ledger.find_returned(lease.mailbox_id, status.name, status.uidvalidity)
        if returned is not None and not _has_same_content(services, reader, returned):
            status = replace(status, uidvalidity=None)
            note = (
                f"folder {status.name!r}: uidvalidity {returned.uidvalidity} came back with other "
                "messages; recognised by content"
            )
    return open_generation(services, lease, status), [note] if note else []


def _has_same_content(services: Services, reader: MailReader, generation: Generation) -> bool:
    """Whether uids of a generation still name what they named; INTERNALDATE never changes."""
    known = services.ledger.read_entries(generation.generation_id, 1, None)
    latest = sorted(known)[-COMPARED_UIDS:]
    return all(
        known[message.uid].internaldate in (None, message.internaldate)
        and known[message.uid].size_bytes == message.size_bytes
        for message in (reader.fetch_listing(latest) if latest else ())
    )


def unstable_note(services: Services, mailbox_id: str, status: FolderStatus) -> str | None:
    """Says so where the server does not keep uids from one session to the next."""
    if status.uidvalidity is None:
        return f"folder {status.name!r}: the server gives no uidvalidity; recognised by content"
    if services.ledger.count_short_lives(mailbox_id, status.name) > UNSTABLE_AFTER:
        return f"folder {status.name!r}: uidvalidity changes every run; recognised by content"
    return None


def _list_part(work: FolderListing, criteria: SearchCriteria, uids: list[int]) -> None:
    services, lease = work.services, work.lease
    generation_id = work.generation.generation_id
    now = services.clock.now()
    known = services.ledger.read_entries(generation_id, criteria.uid_low, criteria.uid_high)
    known = _drop_misdated(work.reader, plan_doubted(uids, known, criteria), known)
    absent = plan_absent(uids, known, work.window, now)
    found, vanished = _ask_again(work.reader, absent)
    uids = sorted({*uids, *found})
    news = _fetch_news(work.reader, plan_unknown(uids, known))
    part = plan_listing(uids, known, news, work.window, lease.batch_id, now)
    if part.listed or part.outside or part.adopted:
        services.ledger.write_listing(
            lease, generation_id, part.listed, part.outside, part.adopted, now
        )
    _count(work, part, uids, known)
    work.vanished += vanished
    work.listed += len(vanished)


def _drop_misdated(
    reader: MailReader, doubted: Sequence[int], known: Mapping[int, LedgerEntry]
) -> Mapping[int, LedgerEntry]:
    """Ask for the dates of doubted uids again; those that say another one now count as new."""
    latest = doubted[-COMPARED_UIDS:]
    misdated = {
        message.uid
        for message in (reader.fetch_listing(latest) if latest else ())
        if message.internaldate != known[message.uid].internaldate
    }
    return {uid: entry for uid, entry in known.items() if uid not in misdated}


def _count(
    work: FolderListing, part: ListingPlan, uids: list[int], known: Mapping[int, LedgerEntry]
) -> None:
    work.listed += part.in_window
    work.covered += part.covered
    work.known += len(known)
    work.missing += len(plan_missing(uids, known, work.window))


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


def _close_vanished(work: FolderListing) -> None:
    """Two answers agree that these are gone; very many at once wait for a person's word."""
    if not work.vanished:
        return
    ledger, generation_id = work.services.ledger, work.generation.generation_id
    now = work.services.clock.now()
    if is_mass_vanishing(len(work.vanished), work.known) and not work.accept_vanished:
        work.problems.append(
            f"folder {work.status.name!r}: {len(work.vanished)} of {work.known} known messages are "
            "gone at once; held open until they are back, or a run with --accept-vanished"
        )
        reason = "gone with very many others at once; waits for approval"
        held = dict.fromkeys(work.vanished, reason)
        ledger.write_absent(work.lease, generation_id, [], held, now)
        return
    ledger.write_absent(work.lease, generation_id, work.vanished, {}, now)


def _compare_with_last_time(work: FolderListing) -> None:
    """Raise one alarm when very many published messages leave the listing; nothing is deleted."""
    before = work.services.ledger.last_missing(work.lease, work.generation.generation_id)
    if is_mass_vanishing(work.missing - before, work.known) and not work.accept_vanished:
        work.problems.append(
            f"folder {work.status.name!r}: {work.missing} of {work.known} known messages are no "
            "longer listed; nothing was deleted here. Look at the mailbox, then run again"
        )


def _relink(work: FolderListing) -> None:
    """Recognise messages of a folder that was numbered anew by their headers alone."""
    services, lease, generation = work.services, work.lease, work.generation
    rows = [uid for uid, _ in services.ledger.plan_rows(lease, generation.generation_id)]
    count = 0
    for start in range(0, len(rows), RELINK_STEP):
        messages = list(
            work.reader.fetch_headers(sorted(rows[start : start + RELINK_STEP]), RELINK_FIELDS)
        )
        digests = {}
        for message in messages:
            parsed = parse_message(
                message.raw, message.internaldate, message.size_bytes, services.clock.now()
            )
            digests[message.uid] = plan_relink_digest(parsed, message.internaldate)
        keys = services.ledger.find_relinks(generation, set(digests.values()))
        relinked = [
            (message, digests[message.uid], keys[digests[message.uid]])
            for message in messages
            if digests[message.uid] in keys
        ]
        services.ledger.write_relinks(lease, generation, relinked, services.clock.now())
        count += len(relinked)
    if count:
        work.notes.append(
            f"folder {generation.folder!r}: generation {generation.number}, {count} relinked"
        )
