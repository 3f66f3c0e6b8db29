"""Delivery reports: who could not be reached, and why (RFC 3464, and what vendors write instead).

A report in RFC 3464's own part is believed first. Where there is none, the readable text of a
message that calls itself a bounce is searched for addresses beside an error, as qmail, Exim, old
sendmail and Exchange write them.
"""

import re

from mailcrm.parse.addresses import normalise_address, parse_addresses
from mailcrm.parse.fields import HeaderBlock, split_fields
from mailcrm.parse.ids import parse_message_id
from mailcrm.parse.structure import Leaf, Structure
from mailcrm.parse.text import clean_line
from mailcrm.parse.transfer import decode_transfer
from mailcrm.parse.words import decode_raw, decode_value
from mailcrm.records.message import BounceReport

_RECIPIENT_CAP = 100
_TEXT_CAP = 64_000
_REPORT_CAP = 256 * 1024
_LINE_CAP = 1_000
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
    r"|not deliver|delayed|bounced)|could ?n[o']t (?:be )?(?:deliver|send)|bounced? (?:mail|message)"
    r"|unable to deliver|unzustellbar|zustellung|non remis|no se puede entregar|niedostarcz"
    r"|mail failure|permanent fail|message \S{1,80} delayed|error sending your mail"
    r"|配信できません|エラー通知|недоставлен|ошибка доставки|\bDSN\b|returning message|returned to sender|user unknown"
)
_ANSWER = re.compile(r"(?i)\s{0,9}(?:re|aw|fwd?|wg|sv|tr)(?:\[\d{1,3}\])?\s{0,3}:")
_ORIGINAL = re.compile(
    r"(?im)^[ \t>]{0,9}(?:-{2,}[ \t]{0,9}(?:this is a copy of|(?:the )?(?:headers of the )?original"
    r" message|below this line is a copy|returned message|unsent message|original mail|"
    r"undelivered message|start of returned|message header|here is (?:a|the) copy)"
    r"|-{20,}[ \t]{0,9}$\n{0,2}return-path:|(?:return-path|received|x-[a-z-]{3,30}|message-id):[ \t])"
)
_STATUS = re.compile(r"(?<![\d.])([245]\.\d{1,3}\.\d{1,3})(?![\d.])")
_REPLY = re.compile(r"(?<![\d.:-])([45])\d\d(?=[ -]|$)(?![ -]\d{3}[ -])")
_ADDRESS = re.compile(r"[\w.!#$%&'*+/=?^`{|}~-]{1,64}+@[A-Za-z0-9-]{1,63}+(?:\.[A-Za-z0-9-]{1,63}+)++")
_ALONE = re.compile(
    r"[ \t*]*+(?:(?:final-recipient|to|recipient|recipients|rcpt|original-recipient|user|address)"
    r"[ \t]*+:[ \t]*+)?(?:(?:rfc822|smtp)[ \t]*+[;:][ \t]*+)?[<'\"]?("
    + _ADDRESS.pattern
    + r")[>'\"]?[ \t]*+(?:[:;,.]|\(|\.\.\.|$)",
    re.I,
)
_ERROR_WORDS = re.compile(
    r"(?i)unknown|no such|does(?:n't| not) exist|not found|invalid|disabled|reject|refused|denied"
    r"|quota|full|unavailable|not (?:listed|a valid|recogni|permitted|deliver|allow|exist|yet been)"
    r"|inactive|fail|error|undeliver|unrouteable|could not|couldn't|cannot|can't|bad |blocked|spam"
    r"|timed out|exceed|no (?:mailbox|account|user|recipient)|suspended|too large|returned"
)
_OWN = re.compile(r"(?i)^(?:mailer-daemon|postmaster|mail-daemon|maildaemon|abuse)@")
_MESSAGE_ID = re.compile(r"(?im)^[ \t>]{0,9}message-id[ \t]{0,9}:[ \t]{0,9}(?:\n[ \t]{1,9})?(<[^<>\s]{1,500}>)")


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
    lines = [line[:_LINE_CAP] for line in text[:_TEXT_CAP].split("\n")]
    return any(_REPLY.search(line) or _STATUS.search(line) for line in lines) and any(
        _ALONE.match(line) for line in lines
    )


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
        for report in _read_text(header, text, original):
            reports.setdefault(report.recipient.lower(), report)
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
        recipient = _typed_address(block, "final-recipient") or _typed_address(
            block, "original-recipient", "x-actual-recipient"
        )
        if recipient is None:
            continue
        status = _STATUS.search(block.text("status"))
        raw_diagnostic = decode_raw((block.first("diagnostic-code") or b"")[:4_000])
        diagnostic = raw_diagnostic.partition(";")[2] or raw_diagnostic
        reports.append(_report(recipient, diagnostic, original, status[1] if status else None))
    return reports


def _typed_address(block: HeaderBlock, *names: str) -> str | None:
    """The address after `rfc822;` (RFC 3464 §2.3.1)."""
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
        found = _STATUS.search(diagnostic)
        status = found[1] if found else status
    if status is None and (code := _REPLY.search(diagnostic)):
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
    match = _MESSAGE_ID.search(text[:_TEXT_CAP])
    return parse_message_id(match[1]) if match else None


def _read_text(header: HeaderBlock, text: str, original: str | None) -> list[BounceReport]:
    """Recipients out of prose: addresses alone in their line, or beside an error."""
    failed = parse_addresses(decode_raw((header.first("x-failed-recipients") or b"")[:8_000]))
    text = text[:_TEXT_CAP]
    quoted = _ORIGINAL.search(text)
    notice = text[: quoted.start()] if quoted and quoted.start() > 80 else text
    lines = [line[:_LINE_CAP] for line in notice.split("\n")]
    named = [address for _, address in failed.entries if "@" in address]
    found = {address: _around(lines, _line_of(lines, address)) for address in named}
    if not found:
        own = _own_addresses(header)
        found = _search(lines, own) or _search(lines, set())
    return [_report(address, why, original) for address, why in found.items()]


def _search(lines: list[str], own: set[str]) -> dict[str, str]:
    """The surest of three kinds of mention; none of them an address in `own`."""
    return _alone(lines, own) or _beside_error(lines, own) or _anywhere(lines, own)


def _own_addresses(header: HeaderBlock) -> set[str]:
    """Addresses that a bounce names without having failed: its sender and its receiver."""
    return {
        address.lower()
        for name in ("from", "to", "delivered-to")
        for value in header.values.get(name, ())[:3]
        for _, address in parse_addresses(decode_raw(value[:8_000]), 20).entries
    }


def _alone(lines: list[str], own: set[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for index, line in enumerate(lines):
        match = _ALONE.match(line)
        if match and _is_foreign(match[1], own) and len(found) < _RECIPIENT_CAP:
            found.setdefault(match[1], _around(lines, index))
    return found


def _beside_error(lines: list[str], own: set[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for line in lines:
        if _ERROR_WORDS.search(line) or _REPLY.search(line):
            for match in _ADDRESS.finditer(line):
                if _is_foreign(match[0], own) and len(found) < _RECIPIENT_CAP:
                    found.setdefault(match[0].strip("'"), line)
    return found


def _anywhere(lines: list[str], own: set[str]) -> dict[str, str]:
    for line in lines:
        for match in _ADDRESS.finditer(line):
            if _is_foreign(match[0], own):
                why = next((one for one in lines if _ERROR_WORDS.search(one)), line)
                return {match[0].strip("'"): why}
    return {}


def _is_foreign(address: str, own: set[str]) -> bool:
    return address.lower() not in own and not _OWN.match(address)


def _line_of(lines: list[str], address: str) -> int:
    wanted = address.lower()
    return next((index for index, line in enumerate(lines) if wanted in line.lower()), 0)


def _around(lines: list[str], index: int) -> str:
    """A line and the few after it that say why; up to the next blank line after a reason."""
    out: list[str] = []
    for line in lines[index : index + 8]:
        if not line.strip() and any(_ERROR_WORDS.search(one) or _REPLY.search(one) for one in out):
            break
        out.append(line)
    return "\n".join(out)
