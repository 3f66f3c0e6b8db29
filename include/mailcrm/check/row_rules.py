"""Rules that one message breaks alone: it goes to quarantine, the rest of the batch goes on.

Each rule says the same twice: `predicate` before the message is staged, so that it never gets
into the batch, and `condition` afterwards, over what the database holds. Messages with
disposition excluded or quarantined are not asked.
"""

from collections.abc import Iterator

from mailcrm.check.rule import RowFault, Rule
from mailcrm.records import StagedMessage, Window

__all__ = [
    "MAX_ADDRESS_CHARS",
    "MAX_BODY_CHARS",
    "MAX_HEADER_CHARS",
    "MAX_SIZE_BYTES",
    "ROW_RULES",
    "check_row",
]

MAX_SIZE_BYTES = 2**32 - 1
"""RFC822.SIZE is an unsigned 32-bit number (RFC 3501 §9, `number`)."""
MAX_HEADER_CHARS = 100_000
MAX_BODY_CHARS = 64 * 1024 * 1024
MAX_ADDRESS_CHARS = 512
"""PostgreSQL refuses index entries over 2,704 bytes; an address may take 4 bytes a character."""


def has_no_headers(row: StagedMessage, window: Window) -> bool:
    """Whether nothing says that these bytes are a message: no sender, date, subject or id."""
    parsed = row.parsed
    return (
        parsed.sent_at_source != "date"
        and not parsed.subject
        and not parsed.message_id
        and not _sender_address(row)
    )


def has_no_sender(row: StagedMessage, window: Window) -> bool:
    """Whether there is no From address; a bounce needs none (RFC 5321 §4.5.5).

    A name without a domain, such as `root`, is an address on the server's own host.
    """
    address = _sender_address(row)
    is_usable = bool(address) and ("@" in address or " " not in address)
    return not is_usable and row.parsed.kind != "bounce"


def has_unstorable_text(row: StagedMessage, window: Window) -> bool:
    """Whether any text holds U+0000 or half a surrogate pair, which databases refuse."""
    return any(not _is_storable(text) for text in _texts(row))


def has_overlong_text(row: StagedMessage, window: Window) -> bool:
    """Whether a text is longer than its column or the column's index takes."""
    parsed = row.parsed
    return (
        len(parsed.body_text) > MAX_BODY_CHARS
        or len(parsed.subject) > MAX_HEADER_CHARS
        or len(parsed.message_id or "") > MAX_HEADER_CHARS
        or any(len(p.display_name) > MAX_HEADER_CHARS for p in parsed.participants)
        or any(len(a.filename) > MAX_HEADER_CHARS for a in parsed.attachments)
    )


def has_overlong_address(row: StagedMessage, window: Window) -> bool:
    """Whether an address is longer than an index entry may be (RFC 5321 §4.5.3.1 allows 254)."""
    return any(len(p.address) > MAX_ADDRESS_CHARS for p in row.parsed.participants)


def has_size_out_of_range(row: StagedMessage, window: Window) -> bool:
    """Whether the message's size is none that a server can report."""
    return not 1 <= row.parsed.size_bytes <= MAX_SIZE_BYTES


def has_naive_time(row: StagedMessage, window: Window) -> bool:
    """Whether a moment carries no zone, so that nobody knows when it was."""
    moments = (row.internaldate, row.received_at, row.parsed.sent_at)
    return any(moment is not None and moment.tzinfo is None for moment in moments)


def is_outside_window(row: StagedMessage, window: Window) -> bool:
    """Whether it arrived outside the window; an unreadable internaldate is not held against it."""
    moment = row.internaldate
    if moment is None or moment.tzinfo is None:
        return False
    return not window.contains(moment)


def check_row(row: StagedMessage, window: Window) -> RowFault | None:
    """Find the first rule that a message breaks by itself.

    Args:
        row: A parsed message on its way to staging.
        window: The run's window, aware UTC.

    Returns:
        The rule and a reason without mail text, or None where the message is fit to stage.
    """
    for rule in ROW_RULES:
        if rule.predicate is not None and rule.predicate(row, window):
            return RowFault(rule=rule.name, reason=rule.reason)
    return None


def _sender_address(row: StagedMessage) -> str:
    sender = row.parsed.sender()
    return sender.address.strip(" ") if sender is not None else ""


def _texts(row: StagedMessage) -> Iterator[str]:
    parsed = row.parsed
    yield from (parsed.subject, parsed.message_id or "", parsed.list_id or "")
    yield from (parsed.body_text, parsed.new_text)
    yield from (row.auth_result or "", row.identity.sender, row.identity.text_sketch)
    yield from row.flags
    yield from parsed.defects
    for participant in parsed.participants:
        yield from (participant.address, participant.display_name)
    for attachment in parsed.attachments:
        yield from (attachment.part, attachment.filename, attachment.content_type)
    for bounce in parsed.bounces:
        yield from (bounce.recipient, bounce.status or "", bounce.diagnostic)
        yield bounce.original_message_id or ""


def _is_storable(text: str) -> bool:
    if "\x00" in text:
        return False
    if text.isascii():
        return True
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


_SENDER = "COALESCE(TRIM(m.from_address), '')"
_PARTICIPANT = (
    "EXISTS (SELECT 1 FROM staged_participants AS p WHERE p.generation_id = m.generation_id"
    " AND p.uid = m.uid AND ({}))"
)
_ATTACHMENT = (
    "EXISTS (SELECT 1 FROM staged_attachments AS a WHERE a.generation_id = m.generation_id"
    " AND a.uid = m.uid AND ({}))"
)
_TEXT_COLUMNS = (
    "subject",
    "body_text",
    "snippet",
    "message_id",
    "list_id",
    "from_address",
    "from_name",
    "flags",
    "auth_result",
    "sender",
    "text_sketch",
)

ROW_RULES: tuple[Rule, ...] = (
    Rule(
        name="no_headers",
        group="schema",
        severity="row",
        limit="a sender, a date, a subject or a Message-ID",
        reason="the bytes are not a message: no From, Date, Subject or Message-ID",
        condition=(
            "m.sent_at_source <> 'date' AND m.subject = '' AND COALESCE(m.message_id, '') = ''"
            f" AND {_SENDER} = ''"
        ),
        predicate=has_no_headers,
    ),
    Rule(
        name="text_unstorable",
        group="text",
        severity="row",
        limit="no U+0000, no half surrogate pairs",
        reason="a text holds characters that a database cannot store",
        condition=" OR ".join(
            (
                *(f"{{nul:m.{column}}}" for column in _TEXT_COLUMNS),
                "{nul_json:m.bounces}",
                _PARTICIPANT.format("{nul:p.address} OR {nul:p.display_name}"),
                _ATTACHMENT.format("{nul:a.part} OR {nul:a.filename} OR {nul:a.content_type}"),
            )
        ),
        predicate=has_unstorable_text,
    ),
    Rule(
        name="sender_missing",
        group="references",
        severity="row",
        limit="a From address, except on bounces",
        reason="no usable From address, and it is not a bounce",
        condition=(
            f"m.kind <> 'bounce' AND ({_SENDER} = '' OR (REPLACE({_SENDER}, '@', '') = {_SENDER}"
            f" AND REPLACE({_SENDER}, ' ', '') <> {_SENDER}))"
        ),
        predicate=has_no_sender,
    ),
    Rule(
        name="address_too_long",
        group="text",
        severity="row",
        limit=f"<= {MAX_ADDRESS_CHARS} characters",
        reason=f"an address is longer than {MAX_ADDRESS_CHARS} characters",
        condition=_PARTICIPANT.format(f"LENGTH(p.address) > {MAX_ADDRESS_CHARS}"),
        predicate=has_overlong_address,
    ),
    Rule(
        name="text_too_long",
        group="text",
        severity="row",
        limit=f"headers <= {MAX_HEADER_CHARS}, text <= {MAX_BODY_CHARS} characters",
        reason="a header or the text is longer than its column takes",
        condition=" OR ".join(
            (
                f"({{octets:m.body_text}} > {MAX_BODY_CHARS}"
                f" AND LENGTH(m.body_text) > {MAX_BODY_CHARS})",
                f"LENGTH(m.subject) > {MAX_HEADER_CHARS}",
                f"LENGTH(m.message_id) > {MAX_HEADER_CHARS}",
                _PARTICIPANT.format(f"LENGTH(p.display_name) > {MAX_HEADER_CHARS}"),
                _ATTACHMENT.format(f"LENGTH(a.filename) > {MAX_HEADER_CHARS}"),
            )
        ),
        predicate=has_overlong_text,
    ),
    Rule(
        name="size_out_of_range",
        group="ranges",
        severity="row",
        limit=f"1..{MAX_SIZE_BYTES} bytes",
        reason="its size is none that a server can report",
        condition=f"m.size_bytes NOT BETWEEN 1 AND {MAX_SIZE_BYTES}",
        predicate=has_size_out_of_range,
    ),
    Rule(
        name="time_not_utc",
        group="ranges",
        severity="row",
        limit="internaldate, received_at and sent_at are moments in UTC",
        reason="a moment carries no zone",
        condition="{not_utc:m.internaldate} OR {not_utc:m.received_at} OR {not_utc:m.sent_at}",
        predicate=has_naive_time,
    ),
    Rule(
        name="internaldate_outside_window",
        group="ranges",
        severity="row",
        limit="since <= internaldate < until",
        reason="it arrived outside the run's window",
        condition="m.internaldate < {since} OR m.internaldate >= {until}",
        predicate=is_outside_window,
    ),
)
