"""Task `fetch`: read one slice, parse it, and stage it; every uid gets a state."""

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from mailcrm.backfill import is_mass_vanishing, plan_chunks, plan_whole_bytes
from mailcrm.check import check_row
from mailcrm.dedupe import plan_identity
from mailcrm.match import decide_direction, read_auth_result
from mailcrm.parse import parse_message
from mailcrm.ports import MailReader
from mailcrm.records import (
    FetchedMessage,
    FolderSlice,
    Lease,
    LedgerEntry,
    Mailbox,
    ParsedMessage,
    StagedMessage,
    Window,
)
from mailcrm.services.listing import unstable_note
from mailcrm.services.reading import read_messages, search_again
from mailcrm.services.round_trip import exclude_test_messages
from mailcrm.services.sessions import open_session
from mailcrm.services.wiring import Services

logger = logging.getLogger(__name__)

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class FetchResult:
    """What one slice brought; seconds are of the wire and the database, and of parsing."""

    staged: int = 0
    quarantined: int = 0
    vanished: int = 0
    unavailable: int = 0
    bytes_received: int = 0
    commands_sent: int = 0
    fetch_s: float = 0.0
    parse_s: float = 0.0


@dataclass(slots=True)
class _Slice:
    """The work on one slice, as it goes on."""

    services: Services
    lease: Lease
    part: FolderSlice
    mailbox: Mailbox
    window: Window
    reader: MailReader
    parse_s: float = 0.0
    staged: int = 0
    quarantined: int = 0
    listed: dict[int, LedgerEntry] | None = None
    sizes: dict[int, int] = field(default_factory=dict)
    vanished: list[int] = field(default_factory=list)
    unavailable: dict[int, str] = field(default_factory=dict)


def run_fetch(
    services: Services, lease: Lease, part: FolderSlice, progress: Progress | None = None
) -> FetchResult:
    """Read the open uids of one slice, in commands bounded by count and bytes.

    Each chunk is staged in one transaction with its ledger rows, so a slice that was cut short
    goes on where it stopped.

    Raises:
        ImapCredentialError, ServerUnreachableError, ThrottledError, FencedError
    """
    started = services.clock.monotonic()
    todo = services.ledger.open_uids(lease, part.generation_id, part.uid_low, part.uid_high)
    if not todo:
        return FetchResult()
    mailbox = services.registry.read_mailbox(lease.mailbox_id)
    window = services.ledger.read_window(lease)
    with open_session(services, mailbox) as reader:
        work = _Slice(services, lease, part, mailbox, window, reader)
        if _is_same_generation(work):
            _fetch_all(work, todo, progress)
        counters = reader.bytes_received, reader.commands_sent
    return _result(work, services.clock.monotonic() - started, *counters)


def _result(work: _Slice, elapsed: float, bytes_received: int, commands_sent: int) -> FetchResult:
    logger.info(
        "backfill.slice_staged mailbox=%s generation_id=%d count=%d elapsed_s=%.3f",
        work.mailbox.id,
        work.part.generation_id,
        work.staged,
        elapsed,
    )
    return FetchResult(
        staged=work.staged,
        quarantined=work.quarantined,
        vanished=len(work.vanished),
        unavailable=len(work.unavailable),
        bytes_received=bytes_received,
        commands_sent=commands_sent,
        fetch_s=elapsed - work.parse_s,
        parse_s=work.parse_s,
    )


def _is_same_generation(work: _Slice) -> bool:
    """Whether the folder is still the one that was listed; else nothing of it may be staged.

    Where uids are known not to be stable, each message is compared with its listing instead.
    """
    status = work.reader.examine(work.part.folder)
    generation = work.services.ledger.read_generation(work.part.generation_id)
    if status.uidvalidity == generation.uidvalidity:
        return True
    is_unstable = generation.uidvalidity < 0
    if is_unstable or unstable_note(work.services, work.mailbox.id, status) is not None:
        work.listed = dict(
            work.services.ledger.read_entries(
                work.part.generation_id, work.part.uid_low, work.part.uid_high
            )
        )
        return True
    work.services.ledger.write_problems(
        work.lease,
        [f"folder {work.part.folder!r}: its uidvalidity changed during the run; left for the next"],
    )
    return False


def _is_as_listed(work: _Slice, message: FetchedMessage) -> bool:
    if work.listed is None:
        return True
    entry = work.listed.get(message.uid)
    return (
        entry is not None
        and entry.internaldate == message.internaldate
        and entry.size_bytes == message.size_bytes
    )


def _fetch_all(work: _Slice, todo: Sequence[tuple[int, int]], progress: Progress | None) -> None:
    settings = work.services.settings
    done = 0
    limit, largest = settings.fetch_chunk_bytes, settings.fetch_whole_bytes
    # Of a large message only some parts are read, so it takes little of its chunk.
    newest_first = ((uid, min(size, largest)) for uid, size in reversed(todo))
    work.sizes = dict(todo)
    # A message of unknown size is read alone: it may be large.
    chunks = plan_chunks(newest_first, settings.fetch_chunk_messages, limit, unknown_bytes=limit)
    for chunk in chunks:
        uids = sorted(uid for uid, _ in chunk)
        _fetch_chunk(work, uids)
        done += len(chunk)
        if progress is not None:
            progress(work.part.folder, done, len(todo))
    _close_vanished(work, len(todo))


def _fetch_chunk(work: _Slice, uids: list[int]) -> None:
    refused: dict[int, str] = {}
    limit = plan_whole_bytes(
        work.services.settings.fetch_whole_bytes, work.reader.bytes_received, work.reader.waited_s
    )
    small = [uid for uid in uids if work.sizes[uid] <= limit]
    large = [uid for uid in uids if work.sizes[uid] > limit]
    found = _stage(work, [*_read(work, small, refused), *_outline(work, large)])
    # Once more, and alone: these may be large, and are not held in memory together.
    for uid in (uid for uid in uids if uid not in found and uid not in refused):
        found |= _stage(work, _read(work, [uid], refused))
    _sort_absent(work, [uid for uid in uids if uid not in found], refused)


def _outline(work: _Slice, uids: list[int]) -> Iterator[FetchedMessage]:
    """Large messages without their attachments; what cannot be had so is read whole."""
    cap = work.services.settings.message_cap_bytes
    return work.reader.fetch_outlines(uids, cap) if uids else iter(())


def _read(work: _Slice, uids: list[int], refused: dict[int, str]) -> list[FetchedMessage]:
    cap = work.services.settings.message_cap_bytes
    return read_messages(work.reader, uids, cap, refused) if uids else []


def _sort_absent(work: _Slice, missing: list[int], refused: dict[int, str]) -> None:
    """Tell apart what is gone (two answers agree) from what the server lists but does not give."""
    if not missing:
        return
    listed = {message.uid for message in work.reader.fetch_listing(missing)}
    unlisted = [uid for uid in missing if uid not in listed and uid not in refused]
    listed |= search_again(work.reader, unlisted)
    unavailable = {
        uid: refused.get(uid, "listed, but not in the server's answer, asked twice")
        for uid in missing
        if uid in listed or uid in refused
    }
    _write_absent(work, [], unavailable)
    work.vanished += [uid for uid in missing if uid not in unavailable]
    work.unavailable |= unavailable


def _close_vanished(work: _Slice, asked: int) -> None:
    """Proved absence is an end; very many at once are likelier an outage, and stay open."""
    if is_mass_vanishing(len(work.vanished), asked):
        reason = "gone with very many others at once; waits for the next listing"
        held = dict.fromkeys(work.vanished, reason)
        work.unavailable |= held
        work.vanished = []
        _write_absent(work, [], held)
        return
    _write_absent(work, work.vanished, {})


def _write_absent(work: _Slice, vanished: list[int], unavailable: dict[int, str]) -> None:
    if vanished or unavailable:
        now, generation_id = work.services.clock.now(), work.part.generation_id
        work.services.ledger.write_absent(work.lease, generation_id, vanished, unavailable, now)


def _stage(work: _Slice, fetched: list[FetchedMessage]) -> set[int]:
    """Parse and stage what is as it was listed; its uids."""
    messages = {m.uid: m for m in fetched if _is_as_listed(work, m)}
    if not messages:
        return set()
    services = work.services
    started = services.clock.monotonic()
    rows = [_judge(work, message) for message in messages.values()]
    rows = exclude_test_messages(services, work.mailbox.id, rows)
    work.parse_s += services.clock.monotonic() - started
    services.staging.write_messages(work.lease, work.part.generation_id, rows, services.clock.now())
    quarantined = sum(row.disposition == "quarantined" for row in rows)
    work.quarantined += quarantined
    work.staged += len(rows) - quarantined
    return set(messages)


def _judge(work: _Slice, message: FetchedMessage) -> StagedMessage:
    """One message's row; what is held back is read whole first, because its bytes are kept."""
    row = stage_message(message, work.mailbox, work.window, work.services)
    if row.disposition != "quarantined" or not message.omitted:
        return row
    for whole in _read(work, [message.uid], {}):
        if whole.uid == message.uid:
            return stage_message(whole, work.mailbox, work.window, work.services)
    return replace(row, raw=None)


def _sender_domain(parsed: ParsedMessage) -> str:
    sender = parsed.sender()
    return sender.address.rpartition("@")[2] if sender else ""


def stage_message(
    message: FetchedMessage, mailbox: Mailbox, window: Window, services: Services
) -> StagedMessage:
    """Parse one message and judge it by itself."""
    now = services.clock.now()
    omitted = dict(message.omitted)
    parsed = parse_message(message.raw, message.internaldate, message.size_bytes, now, omitted)
    own = mailbox.all_own_addresses()
    row = StagedMessage(
        uid=message.uid,
        internaldate=message.internaldate,
        received_at=message.internaldate or parsed.sent_at,
        flags=message.flags,
        parsed=parsed,
        identity=plan_identity(parsed),
        direction=decide_direction(parsed, own),
        auth_result=read_auth_result(
            parsed.auth_results, mailbox.trusted_authserv_ids, _sender_domain(parsed)
        ),
    )
    fault = check_row(row, window)
    if fault is None:
        return row
    return row.held(rule=fault.rule, reason=fault.reason, raw=message.raw)
