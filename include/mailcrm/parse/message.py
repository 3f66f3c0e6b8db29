"""Bytes to a message record: the stage's one entry."""

import codecs
import datetime as dt
from collections.abc import Mapping
from types import MappingProxyType

from mailcrm.parse.addresses import parse_addresses
from mailcrm.parse.body import read_body
from mailcrm.parse.bounces import judge_bounce
from mailcrm.parse.dates import choose_date
from mailcrm.parse.fields import ADDRESS_VALUE_CAP, VALUE_CAP, HeaderBlock, split_fields
from mailcrm.parse.ids import parse_message_id, parse_references
from mailcrm.parse.kinds import classify_kind
from mailcrm.parse.quotes import split_new_text
from mailcrm.parse.structure import walk_parts
from mailcrm.parse.text import clean_line
from mailcrm.parse.words import decode_raw, decode_value
from mailcrm.records.message import ParsedMessage, Participant

KEPT_HEADERS = (
    "reply-to", "sender", "return-path", "errors-to", "x-original-from", "x-original-sender",
    "list-post", "list-unsubscribe", "precedence", "auto-submitted", "feedback-id",
    "x-autoreply", "x-autorespond", "x-auto-response-suppress", "x-failed-recipients",
    "delivered-to", "x-original-to", "x-forwarded-to", "x-forwarded-for", "thread-index",
    "thread-topic", "x-gm-thrid", "user-agent", "x-mailer", "organization",
    "x-mailcrm-test",
)  # fmt: skip
_ROLES = (
    ("from", "from"), ("sender", "sender"), ("reply_to", "reply-to"), ("to", "to"),
    ("cc", "cc"), ("bcc", "bcc"),
)  # fmt: skip
_KEPT_CAP = 2_000
_AUTH_CAP = 50
_NOTHING: Mapping[str, int] = MappingProxyType({})
_SINGLE = ("from", "subject", "date", "message-id")
_PARTIAL = frozenset(
    (
        "addresses_capped", "boundary_absent", "boundary_missing", "charset_unknown",
        "charset_wrong", "encoding_damaged", "encoding_unknown", "headers_capped",
        "header_value_capped", "parser_failed", "parts_capped", "parts_too_deep",
        "raw_capped", "text_capped",
    )
)  # fmt: skip


def parse_message(
    raw: bytes,
    internaldate: dt.datetime | None,
    size_bytes: int | None = None,
    now: dt.datetime | None = None,
    omitted: Mapping[str, int] = _NOTHING,
) -> ParsedMessage:
    """Parse a message's bytes; never raises and never loses the message.

    Args:
        raw: The message as the server gave it, or its beginning where it was capped.
        internaldate: The server's arrival time (aware), None where unknown.
        size_bytes: The message's whole size where `raw` is only its beginning.
        now: The time to fall back to where no other is known (aware).
        omitted: Decoded sizes of attachments that `raw` lacks, by IMAP part number.

    Returns:
        The record; `defects` name what was odd. `partial` is true where something of the message
        could not be decoded or was beyond a cap.
    """
    try:
        return _parse(raw, internaldate, size_bytes, now, omitted)
    except Exception:  # the promise: a message is never lost to an oversight of ours
        return _salvage(raw, internaldate, size_bytes, now)


def _parse(
    raw: bytes,
    internaldate: dt.datetime | None,
    size_bytes: int | None,
    now: dt.datetime | None,
    omitted: Mapping[str, int],
) -> ParsedMessage:
    size = len(raw) if size_bytes is None else max(size_bytes, len(raw))
    defects = {"raw_capped": None} if size > len(raw) and not omitted else {}
    raw = _mend_lines(raw)
    header = split_fields(raw, 0, len(raw), top=True)
    structure = walk_parts(raw, header, len(raw))
    body = read_body(raw, structure, omitted)
    hint = structure.parameters.get("charset", "")
    sent_at, source, date_defects = choose_date(header, internaldate, now)
    participants, counts, address_defects = _participants(header, hint)
    defects |= dict.fromkeys((*_header_defects(raw, header), *date_defects))
    defects |= dict.fromkeys((*address_defects, *body.defects))
    subject = _text(header, "subject", hint)
    bounced, bounces = judge_bounce(raw, header, structure, body.text)
    return ParsedMessage(
        message_id=parse_message_id(_text(header, "message-id", hint)),
        subject=subject,
        sent_at=sent_at,
        sent_at_source=source,
        participants=participants,
        body_text=body.text,
        new_text=split_new_text(body.text),
        size_bytes=size,
        kind=classify_kind(header, structure, subject, bounced),
        attachments=body.attachments,
        in_reply_to=parse_references(_raw_text(header, "in-reply-to")),
        references=parse_references(_raw_text(header, "references")),
        list_id=_list_id(_text(header, "list-id", hint)),
        auth_results=_auth_results(header),
        bounces=bounces,
        headers=_kept_headers(header, participants, hint) | counts,
        defects=tuple(defects),
        partial=not _PARTIAL.isdisjoint(defects),
    )


def _mend_lines(raw: bytes) -> bytes:
    """Without a byte order mark, and with line feeds where only carriage returns end lines."""
    if b"\n" not in raw and b"\r" in raw:
        raw = raw.replace(b"\r", b"\n")
    return raw.removeprefix(codecs.BOM_UTF8)


def list_parts(raw: bytes) -> tuple[tuple[str, str], ...]:
    """IMAP number and type of a message's leaves, in document order; empty where any is odd."""
    structure = walk_parts(raw, split_fields(raw, 0, len(raw), top=True), len(raw))
    return (
        ()
        if structure.defects
        else tuple((leaf.part, leaf.content_type) for leaf in structure.leaves)
    )


def _header_defects(raw: bytes, header: HeaderBlock) -> list[str]:
    """What is odd about the header block: fields that must be single, caps, NUL bytes."""
    defects = list(header.defects)
    for name in _SINGLE:
        if len(header.values.get(name, ())) > 1:
            defects.append(f"duplicate_{name.replace('-', '_')}")
    if any(len(value) > VALUE_CAP for value in header.values.get("subject", ())):
        defects.append("header_value_capped")
    if raw.find(b"\x00", 0, header.body_start) >= 0:
        defects.append("nul_replaced")
    return defects


def _auth_results(header: HeaderBlock) -> tuple[str, ...]:
    """The raw values, topmost first: the topmost is the nearest server's (RFC 8601 §5)."""
    values = header.values.get("authentication-results", [])[:_AUTH_CAP]
    return tuple(clean_line(decode_raw(value[:VALUE_CAP])) for value in values)


def _salvage(
    raw: bytes, internaldate: dt.datetime | None, size_bytes: int | None, now: dt.datetime | None
) -> ParsedMessage:
    """The least that can be said of a message on which the parser itself failed."""
    sent_at, source, _ = choose_date(HeaderBlock({}, 0, ()), internaldate, now)
    return ParsedMessage(
        message_id=None,
        subject="",
        sent_at=sent_at,
        sent_at_source=source,
        participants=(),
        body_text="",
        new_text="",
        size_bytes=len(raw) if size_bytes is None else size_bytes,
        kind="person",
        defects=("parser_failed",),
        partial=True,
    )


def _participants(
    header: HeaderBlock, hint: str
) -> tuple[tuple[Participant, ...], dict[str, str], tuple[str, ...]]:
    """The addresses of all roles, how many there were where not all are kept, and defects."""
    out: list[Participant] = []
    counts: dict[str, str] = {}
    defects: dict[str, None] = {}
    for role, name in _ROLES:
        position = total = 0
        for raw in header.values.get(name, ()):
            found = parse_addresses(decode_raw(raw[:ADDRESS_VALUE_CAP], hint))
            total += found.total + raw.count(b"@", ADDRESS_VALUE_CAP)
            if found.malformed:
                defects[f"malformed_{role}"] = None
            for display_name, address in found.entries:
                out.append(Participant(role, position, address, display_name))
                position += 1
        if total > position:
            defects["addresses_capped"] = None
            counts[f"{name}-count"] = str(total)
        if role == "from" and position != 1:
            defects["multiple_from" if position else "from_missing"] = None
    return tuple(out), counts, tuple(defects)


def _raw_text(header: HeaderBlock, name: str) -> str:
    value = header.first(name)
    return decode_raw(value[:VALUE_CAP]) if value else ""


def _text(header: HeaderBlock, name: str, hint: str) -> str:
    value = header.first(name)
    return clean_line(decode_value(value[:VALUE_CAP], hint)) if value else ""


def _list_id(value: str) -> str | None:
    """The identifier between the last angle brackets (RFC 2919 §3), lower-case."""
    inner = value.rpartition("<")[2].partition(">")[0] if "<" in value else value
    return clean_line(inner.lower(), 255) or None


def _kept_headers(
    header: HeaderBlock, participants: tuple[Participant, ...], hint: str
) -> dict[str, str]:
    """The named fields that other stages use; From too, where no address could be read in it."""
    kept = {
        name: _text(header, name, hint)[:_KEPT_CAP]
        for name in KEPT_HEADERS
        if name in header.values
    }
    if "from" in header.values and not any(one.role == "from" for one in participants):
        kept["from"] = _text(header, "from", hint)[:_KEPT_CAP]
    return kept
