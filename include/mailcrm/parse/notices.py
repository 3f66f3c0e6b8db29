"""Failed recipients in the prose of bounces: qmail, Exim, old sendmail, Exchange and others."""

import re

from mailcrm.parse.addresses import parse_addresses
from mailcrm.parse.fields import HeaderBlock
from mailcrm.parse.words import decode_raw

TEXT_CAP = 64_000
"""Characters of a notice that are searched."""
STATUS = re.compile(r"(?<![\d.])([245]\.\d{1,3}\.\d{1,3})(?![\d.])")
"""An enhanced status code (RFC 3463)."""
REPLY = re.compile(r"(?<![\d.:-])([45])\d\d(?=[ -]|$)(?![ -]\d{3}[ -])")
"""An SMTP reply code that says failure (RFC 5321 §4.2)."""

_RECIPIENT_CAP = 100
_LINE_CAP = 1_000
_ORIGINAL = re.compile(
    r"(?im)^[ \t>]{0,9}(?:-{2,}[ \t]{0,9}(?:this is a copy of|(?:the )?(?:headers of the )?original"
    r" message|below this line is a copy|returned message|unsent message|original mail|"
    r"undelivered message|start of returned|message header|here is (?:a|the) copy)"
    r"|-{20,}[ \t]{0,9}$\n{0,2}return-path:"
    r"|(?:return-path|received|x-[a-z-]{3,30}|message-id):[ \t])"
)
_ADDRESS = re.compile(
    r"[\w.!#$%&'*+/=?^`{|}~-]{1,64}+@[A-Za-z0-9-]{1,63}+(?:\.[A-Za-z0-9-]{1,63}+)++"
)
_ALONE = re.compile(
    r"\A[ \t*]*+(?:(?:final-recipient|to|recipient|recipients|rcpt|original-recipient|user|address)"
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


def find_failed(header: HeaderBlock, text: str) -> dict[str, str]:
    """Recipients out of prose, each with the lines that say why.

    X-Failed-Recipients (Exim, Gmail) is believed first; then addresses alone in their line,
    addresses beside an error, and any address at all.
    """
    failed = parse_addresses(decode_raw((header.first("x-failed-recipients") or b"")[:8_000]))
    text = text[:TEXT_CAP]
    quoted = _ORIGINAL.search(text)
    notice = text[: quoted.start()] if quoted and quoted.start() > 80 else text
    lines = [line[:_LINE_CAP] for line in notice.split("\n")]
    named = [address for _, address in failed.entries if "@" in address]
    found = {address: _around(lines, _line_of(lines, address)) for address in named}
    if not found:
        own = _own_addresses(header)
        found = _search(lines, own) or _search(lines, set())
    return found


def names_failure(text: str) -> bool:
    """Whether a text holds an SMTP error, and an address alone in its line."""
    lines = [line[:_LINE_CAP] for line in text[:TEXT_CAP].split("\n")]
    return any(REPLY.search(line) or STATUS.search(line) for line in lines) and any(
        _ALONE.match(line) for line in lines
    )


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
        if _ERROR_WORDS.search(line) or REPLY.search(line):
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
        if not line.strip() and any(_ERROR_WORDS.search(one) or REPLY.search(one) for one in out):
            break
        out.append(line)
    return "\n".join(out)
