"""Delivery reports: who could not be reached, and why (RFC 3464, and what vendors write instead).

A report in RFC 3464's own part is believed first. Where there is none, the readable text of a
message that calls itself a bounce is searched for addresses beside an error, as qmail, Exim, old
sendmail and Exchange write them.
"""

import re

from mailcrm.parse.addresses import normalise_address
from mailcrm.parse.fields import HeaderBlock, split_fields
from mailcrm.parse.ids import parse_message_id
from mailcrm.parse.notices import REPLY, STATUS, TEXT_CAP, find_failed, names_failure
from mailcrm.parse.structure import Leaf, Structure
from mailcrm.parse.text import clean_line
from mailcrm.parse.transfer import decode_transfer
from mailcrm.parse.words import decode_raw, decode_value
from mailcrm.records.message import BounceReport

_RECIPIENT_CAP = 100
_REPORT_CAP = 256 * 1024
_DIAGNOSTIC_CAP = 500
_STATUS_TYPES = ("message/delivery-status", "message/global-delivery-status")
_ORIGINAL_TYPES = (
    "message/rfc822", "text/rfc822-headers", "message/global", "message/global-headers",
    "text/rfc822", "message/rfc822-headers",
)  # fmt: skip

_DAEMON = re.compile(
    r"(?i)\b(?:mailer-daemon|mail-daemon|maildaemon|mail delivery (?:sub)?system|mdaemon"
    r"|internet mail delivery|mail administrator|system administrator|mail system"
    r"|mailerdaemon|microsoftexchange[0-9a-f]{32})\b"
)
_POSTMASTER = re.compile(r"(?i)\bpostmaster\b|\bpostoffice\b|\bno-?reply\b")
_SUBJECT = re.compile(
    r"(?i)undeliver|non[- ]?deliver|not delivered|delivery (?:status|fail|notif|report|problem"
    r"|error|has (?:failed|been delayed)|incomplete|unsuccessful|delayed|warning)"
    r"|returned (?:e-?)?mail|mail returned|(?:e-?)?mail (?:could not be|delivery|system error"
    r"|not deliver)|failure notice|failed delivery|delivery attempt|message (?:could not be"
    r"|not deliver|delayed|bounced)|could ?n[o']t (?:be )?(?:deliver|send)"
    r"|bounced? (?:mail|message)"
    r"|unable to deliver|unzustellbar|zustellung|non remis|no se puede entregar|niedostarcz"
    r"|mail failure|permanent fail|message \S{1,80} delayed|error sending your mail"
    r"|配信できません|エラー通知|недоставлен|ошибка доставки"
    r"|\bDSN\b|returning message|returned to sender|user unknown"
)
_ANSWER = re.compile(r"(?i)\A\s{0,9}(?:re|aw|fwd?|wg|sv|tr)(?:\[\d{1,3}\])?\s{0,3}:")
_MESSAGE_ID = re.compile(
    r"(?im)^[ \t>]{0,9}message-id[ \t]{0,9}:[ \t]{0,9}(?:\n[ \t]{1,9})?(<[^<>\s]{1,500}>)"
)


def judge_bounce(
    raw: bytes, header: HeaderBlock, structure: Structure, text: str
) -> tuple[bool, tuple[BounceReport, ...]]:
    """Whether somebody was not reached, and who as far as it is told.

    Args:
        raw: The whole message.
        header: Its header block.
        structure: Its parts.
        text: Its readable text.

    Returns:
        (False, ()) for a report of success; (True, ()) where a bounce names nobody.
    """
    if not (is_bounce(header, structure) or is_bounce_text(header, text)):
        return False, ()
    reports = read_bounces(raw, header, structure, text)
    return bool(reports) or not reports_success(raw, structure), reports


def is_bounce(header: HeaderBlock, structure: Structure) -> bool:
    """Whether a message calls itself a bounce: by its type, its sender, or sender and subject."""
    if "x-failed-recipients" in header.values:
        return True
    if structure.content_type == "multipart/report":
        kind = structure.parameters.get("report-type", "").lower()
        if kind == "delivery-status" or _has_status(structure):
            return True
    sender = decode_value((header.first("from") or b"")[:2_000])
    if _DAEMON.search(sender):
        return True
    no_path = header.text("return-path").strip() == "<>"
    if not (no_path or _POSTMASTER.search(sender) or not sender.strip("<> ")):
        return False
    return _SUBJECT.search(_subject(header)) is not None


def is_bounce_text(header: HeaderBlock, text: str) -> bool:
    """Whether a message from an ordinary address reads as a bounce.

    Its subject must say so (not as an answer or a forward), and its text must hold an SMTP error
    and an address alone in its line.
    """
    subject = _subject(header)
    if not _SUBJECT.search(subject) or _ANSWER.match(subject):
        return False
    return names_failure(text)


def _has_status(structure: Structure) -> bool:
    return any(leaf.content_type in _STATUS_TYPES for leaf in structure.leaves)


def _subject(header: HeaderBlock) -> str:
    return decode_value((header.first("subject") or b"")[:2_000])


def read_bounces(
    raw: bytes, header: HeaderBlock, structure: Structure, text: str
) -> tuple[BounceReport, ...]:
    """The recipients that a bounce names; empty for a report of success.

    Args:
        raw: The whole message.
        header: Its header block.
        structure: Its parts.
        text: Its readable text.
    """
    original = _original_id(raw, structure, text)
    reports: dict[str, BounceReport] = {}
    for leaf in structure.leaves:
        if leaf.content_type in _STATUS_TYPES:
            for report in _read_status(_leaf_bytes(raw, leaf), original):
                reports.setdefault(report.recipient.lower(), report)
    if not reports and not reports_success(raw, structure):
        for recipient, why in find_failed(header, text).items():
            reports.setdefault(recipient.lower(), _report(recipient, why, original))
    return tuple(reports.values())[:_RECIPIENT_CAP]


def _leaf_bytes(raw: bytes, leaf: Leaf) -> bytes:
    data = raw[leaf.start : min(leaf.end, leaf.start + _REPORT_CAP)]
    return decode_transfer(data, leaf.encoding)[0]


def _blocks(data: bytes) -> list[HeaderBlock]:
    """The groups of fields of a delivery-status part, separated by blank lines."""
    blocks: list[HeaderBlock] = []
    position = 0
    while position < len(data) and len(blocks) <= 2 * _RECIPIENT_CAP:
        block = split_fields(data, position, len(data))
        if block.body_start <= position:
            break
        position = block.body_start
        if block.values:
            blocks.append(block)
        if "header_unterminated" in block.defects:
            position = (data.find(b"\n", position) + 1) or len(data)
    return blocks


def _read_status(data: bytes, original: str | None) -> list[BounceReport]:
    reports = []
    for block in _blocks(data):
        action = block.text("action").partition("(")[0].strip().lower()
        if action in ("delivered", "relayed", "expanded"):
            continue
        recipient = _typed_address(block, "original-recipient", "final-recipient")
        if recipient is None:
            continue
        status = STATUS.search(block.text("status"))
        raw_diagnostic = decode_raw((block.first("diagnostic-code") or b"")[:4_000])
        diagnostic = raw_diagnostic.partition(";")[2] or raw_diagnostic
        reports.append(_report(recipient, diagnostic, original, status[1] if status else None))
    return reports


def _typed_address(block: HeaderBlock, *names: str) -> str | None:
    """The first usable address after `rfc822;` (RFC 3464 §2.3.1).

    The original recipient comes first: it is the address that we wrote to, and that a contact has.
    """
    for name in names:
        value = block.text(name)[:2_000]
        address = normalise_address((value.partition(";")[2] or value).strip().strip("<>"))
        if address is not None and "@" in address:
            return address
    return None


def reports_success(raw: bytes, structure: Structure) -> bool:
    """Whether it is a report (RFC 3464 §2.3.3) in which each recipient was reached."""
    actions = [
        block.text("action").strip().lower()
        for leaf in structure.leaves
        if leaf.content_type in _STATUS_TYPES
        for block in _blocks(_leaf_bytes(raw, leaf))
        if "action" in block.values
    ]
    return bool(actions) and all(
        action.startswith(("delivered", "relayed", "expanded")) for action in actions
    )


def _report(
    recipient: str, diagnostic: str, original: str | None, status: str | None = None
) -> BounceReport:
    """A report; where no enhanced status is given, that of the text, or the SMTP code's class."""
    diagnostic = clean_line(" ".join(diagnostic[:4_000].split()), _DIAGNOSTIC_CAP)
    if status is None or status.endswith(".0.0"):
        found = STATUS.search(diagnostic)
        status = found[1] if found else status
    if status is None and (code := REPLY.search(diagnostic)):
        status = f"{code[1]}.0.0"
    return BounceReport(recipient, status, diagnostic, original)


def _original_id(raw: bytes, structure: Structure, text: str) -> str | None:
    for leaf in structure.leaves:
        if leaf.content_type in _ORIGINAL_TYPES:
            data = _leaf_bytes(raw, leaf)
            block = split_fields(data, 0, len(data), top=True)
            found = parse_message_id(block.text("message-id")[:2_000])
            if found:
                return found
    match = _MESSAGE_ID.search(text[:TEXT_CAP])
    return parse_message_id(match[1]) if match else None
