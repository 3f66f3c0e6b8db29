"""`verify --round-trip`: one small message to the mailbox's own address, awaited over IMAP.

The message is written down before it is sent, under the request that asked for it: whoever asks
again under the same request, after a crash too, waits for that message and sends none.
"""

import dataclasses
import datetime as dt
import email.message
import email.policy
import email.utils
import logging
import re
import secrets
import time
from collections.abc import Sequence
from email.headerregistry import Address

from mailcrm.backfill import resolve_folders
from mailcrm.credentials import ArrivedIdentity, compare_identity
from mailcrm.errors import CredentialError, MailcrmError
from mailcrm.match import read_auth_result
from mailcrm.parse import parse_message
from mailcrm.ports import MailReader
from mailcrm.records import (
    Direction,
    Mailbox,
    RoundTrip,
    RoundTripState,
    SearchCriteria,
    StagedMessage,
    VerifyState,
)
from mailcrm.records.text import escape_text
from mailcrm.services.sessions import keep_results, open_session
from mailcrm.services.wiring import Services

__all__ = ["exclude_test_messages", "round_trip_to_json", "run_round_trip"]

logger = logging.getLogger(__name__)
_FIELDS = ("Message-ID", "From", "Return-Path", "Reply-To", "Authentication-Results")
_NEWEST = 50
_PAUSE_S = 2.0
_RETURN_PATH = re.compile(rb"^return-path:\s*<?([^<>\r\n]*)>?", re.IGNORECASE | re.MULTILINE)
TEST_RULE = "test_message"


def run_round_trip(
    services: Services, mailbox_id: str, request: str, wait_s: float = 60.0
) -> RoundTrip:
    """Send one test message unless this request sent one before, and wait for it.

    Args:
        services: Registry, credentials, servers and the table of trips are used.
        mailbox_id: A registered mailbox.
        request: Who asks: an Airflow run's id, or one command's own.
        wait_s: Seconds to wait; a message that is slower is not_confirmed, which is no failure.

    Returns:
        How it stands; `detail` names what differed, or why it was refused.

    Raises:
        UnknownMailboxError: no such mailbox. Never for what a server answers.
    """
    mailbox = services.registry.read_mailbox(mailbox_id)
    token = secrets.token_hex(16)
    domain = mailbox.address.rpartition("@")[2]
    message_id = f"mailcrm-{token}@{domain}"
    trip = RoundTrip(token, mailbox_id, request, message_id)
    known = services.upkeep.trips.begin_trip(trip, services.clock.now())
    trip = _send(services, mailbox, trip) if known is None else known
    if trip.state in (RoundTripState.SENDING, RoundTripState.SENT, RoundTripState.NOT_CONFIRMED):
        trip = _await(services, mailbox, trip, wait_s)
    logger.info("credentials.round_trip mailbox=%s state=%s", mailbox_id, trip.state.value)
    return trip


def exclude_test_messages(
    services: Services, mailbox_id: str, rows: Sequence[StagedMessage]
) -> list[StagedMessage]:
    """The rows, our own test messages among them excluded from the CRM by rule."""
    ids = [row.parsed.message_id for row in rows if row.parsed.message_id]
    mine = [one for one in ids if one.startswith("mailcrm-")]
    found = services.upkeep.trips.find_test_messages(mailbox_id, mine) if mine else frozenset()
    return [
        dataclasses.replace(
            row, disposition="excluded", rule=TEST_RULE, reason="our own test message"
        )
        if row.disposition == "publish" and row.parsed.message_id in found
        else row
        for row in rows
    ]


def round_trip_to_json(trip: RoundTrip) -> dict[str, object]:
    """`round_trip` of `verify --json`."""
    return {"state": trip.state.value, "detail": trip.detail, "message_id": trip.message_id}


def _send(services: Services, mailbox: Mailbox, trip: RoundTrip) -> RoundTrip:
    try:
        credential = services.credentials.read_credential(mailbox.id, Direction.SMTP)
    except CredentialError as error:
        return _finish(services, trip, RoundTripState.REFUSED, str(error.fields["reason"]))
    content = _compose(mailbox, trip, services.clock.now())
    result = services.servers.send_message(mailbox, credential, content)
    if result.is_credential_rejected:
        keep_results(services, mailbox.id, {Direction.SMTP: result})
    is_open = result.stage == "content" and result.state is VerifyState.UNREACHABLE
    if result.state is VerifyState.OK or is_open:
        return _finish(services, trip, RoundTripState.SENT, None)
    said = f'{result.code or ""} "{result.server_text}". ' if result.server_text else ""
    detail = f"smtp {result.state.value} at {result.stage}: {said}{result.advice or ''}"
    return _finish(services, trip, RoundTripState.REFUSED, detail)


def _compose(mailbox: Mailbox, trip: RoundTrip, now: dt.datetime) -> bytes:
    """A fixed message: nothing in it comes from mail or from a server."""
    local, _, domain = mailbox.address.rpartition("@")
    name = "".join(c for c in mailbox.display_name if c.isprintable())
    me = Address(display_name=name, username=local, domain=domain)
    message = email.message.EmailMessage(policy=email.policy.SMTP)
    message["From"] = me
    message["To"] = Address(username=local, domain=domain)
    message["Subject"] = "mailcrm: test of this mailbox"
    message["Date"] = email.utils.format_datetime(now)
    message["Message-ID"] = f"<{trip.message_id}>"
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(
        "Somebody asked mailcrm to test whether this mailbox can send and receive.\n"
        "Nothing has to be done. The message may be deleted.\n"
    )
    return message.as_bytes()


def _await(services: Services, mailbox: Mailbox, trip: RoundTrip, wait_s: float) -> RoundTrip:
    end = services.clock.monotonic() + wait_s
    try:
        with open_session(services, mailbox) as reader:
            folders, _ = resolve_folders(("INBOX", *mailbox.folders), reader.list_folders())
            while True:
                raw = _find(reader, folders, trip, services.clock.now())
                if raw is not None or services.clock.monotonic() >= end:
                    break
                time.sleep(_PAUSE_S)
    except MailcrmError as error:
        detail = f"sent, but reading failed: {escape_text(str(error))}"
        return _finish(services, trip, RoundTripState.NOT_CONFIRMED, detail)
    if raw is None:
        detail = f"sent, and not there after {wait_s:.0f} s: it may still come"
        return _finish(services, trip, RoundTripState.NOT_CONFIRMED, detail)
    differing = compare_identity(
        _read_identity(mailbox, raw, services.clock.now()), mailbox.address, mailbox.display_name
    )
    if not differing:
        return _finish(services, trip, RoundTripState.CONFIRMED, None)
    detail = "; ".join(f"{f}: expected {e!r}, got {escape_text(g)!r}" for f, e, g in differing)
    return _finish(services, trip, RoundTripState.ARRIVED_WITH_OTHER_IDENTITY, detail)


def _find(
    reader: MailReader, folders: Sequence[str], trip: RoundTrip, now: dt.datetime
) -> bytes | None:
    """The headers of the test message, where it is among the newest of a folder."""
    since = (now - dt.timedelta(days=2)).date()
    for folder in folders:
        reader.examine(folder)
        newest = list(reader.search_uids(SearchCriteria(since, None)))[-_NEWEST:]
        for message in reader.fetch_headers(newest, _FIELDS) if newest else ():
            if trip.message_id.encode() in message.raw:
                return message.raw
    return None


def _read_identity(mailbox: Mailbox, raw: bytes, now: dt.datetime) -> ArrivedIdentity:
    parsed = parse_message(raw, now, len(raw), now)
    first = {p.role: p for p in reversed(parsed.participants)}
    sender, reply_to = first.get("from"), first.get("reply_to")
    domain = sender.address.rpartition("@")[2] if sender else ""
    path = _RETURN_PATH.search(raw)
    return ArrivedIdentity(
        from_address=sender.address if sender else "",
        from_name=sender.display_name if sender else "",
        return_path=path[1].decode("utf-8", "backslashreplace").strip() if path else "",
        reply_to=reply_to.address if reply_to else "",
        auth_result=read_auth_result(parsed.auth_results, mailbox.trusted_authserv_ids, domain),
    )


def _finish(
    services: Services, trip: RoundTrip, state: RoundTripState, detail: str | None
) -> RoundTrip:
    services.upkeep.trips.finish_trip(trip.token, state, detail, services.clock.now())
    return dataclasses.replace(trip, state=state, detail=detail)
