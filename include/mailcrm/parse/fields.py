"""Splitting a header block into fields (RFC 5322 §2.2, obsolete forms included)."""

import re
from dataclasses import dataclass

BLOCK_CAP = 1024 * 1024
"""Bytes of a header block that are looked at."""
FIELD_COUNT_CAP = 2_000
"""Fields of a header block that are kept."""
VALUE_CAP = 64 * 1024
"""Bytes of one field that are decoded."""
ADDRESS_VALUE_CAP = 256 * 1024
"""Bytes of one address field that are decoded."""

_FIELD = re.compile(
    rb"(?:\A|(?<=\n))([!-9;-~]{1,200})[ \t]{0,100}:([^\n]*+(?:\n[ \t][^\n]*+)*+)(?:\n|\Z)"
)
_KNOWN = re.compile(
    rb"(?i:from|to|cc|bcc|subject|date|received|message-id|mime-version|content-[a-z-]{2,40}"
    rb"|x-[a-z0-9-]{1,60}|reply-to|sender|return-path|references|in-reply-to|list-[a-z-]{2,30}"
    rb"|precedence|resent-[a-z-]{2,20}|delivered-to|errors-to|organization|status|dkim-signature"
    rb"|authentication-results|user-agent|importance|priority|lines)[ \t]{0,9}:"
)


@dataclass(frozen=True, slots=True)
class HeaderBlock:
    """The fields of one header block.

    `values` maps lower-case names to unfolded values, first field first; `body_start` is the
    offset of the body in the bytes given.
    """

    values: dict[str, list[bytes]]
    body_start: int
    defects: tuple[str, ...]

    def first(self, name: str) -> bytes | None:
        """The first value of a field, None where it is absent."""
        values = self.values.get(name)
        return values[0] if values else None

    def text(self, name: str) -> str:
        """The first value as ASCII-compatible text for structured fields, "" where absent."""
        values = self.values.get(name)
        return values[0].decode("latin-1") if values else ""


def split_fields(raw: bytes, start: int, end: int, top: bool = False) -> HeaderBlock:
    """Split the header block that begins at `start`; never raises.

    Args:
        raw: The whole message.
        start: Where the block begins.
        end: Where the message or part ends.
        top: Whether it is the message's own block, before which blank lines are damage.

    A line that is no field ends the block unless a well-known field follows it at once, in which
    case it is skipped: such lines are damage on the way, not text.
    """
    limit = min(end, start + BLOCK_CAP)
    values: dict[str, list[bytes]] = {}
    defects: list[str] = []
    position, count = start, 0
    while position < limit:
        match = _FIELD.match(raw, position, limit)
        if match is not None:
            position = match.end()
            count += 1
            if count <= FIELD_COUNT_CAP:
                values.setdefault(match[1].lower().decode("ascii"), []).append(_unfold(match[2]))
            continue
        line_end = raw.find(b"\n", position, end) + 1 or end
        blank = not raw[position:line_end].rstrip(b"\r\n")
        if blank and (count or not top or not _KNOWN.match(raw, line_end)):
            return HeaderBlock(values, line_end, _named(defects, count))
        if not _skips(raw, position, line_end):
            defects.append("header_unterminated")
            return HeaderBlock(values, position, _named(defects, count))
        if not raw.startswith((b"From ", b">From "), position):
            defects.append("header_malformed_line")
        position = line_end
    if position < end:
        defects.append("headers_capped")
        position = _find_body(raw, position, end)
    return HeaderBlock(values, position, _named(defects, count))


def _named(defects: list[str], count: int) -> tuple[str, ...]:
    if count > FIELD_COUNT_CAP:
        defects.append("headers_capped")
    return tuple(dict.fromkeys(defects))


def _unfold(value: bytes) -> bytes:
    if b"\n" in value:
        value = value.replace(b"\r\n", b"").replace(b"\n", b"")
    return value.strip()


def _skips(raw: bytes, position: int, line_end: int) -> bool:
    """Whether a line that is no field is damage inside the block rather than its end."""
    if raw.startswith((b"From ", b">From "), position):
        return True
    return _KNOWN.match(raw, line_end) is not None


def _find_body(raw: bytes, position: int, end: int) -> int:
    ends = [
        at + len(mark)
        for mark in (b"\n\n", b"\n\r\n")
        if (at := raw.find(mark, position, end)) >= 0
    ]
    return min(ends, default=end)
