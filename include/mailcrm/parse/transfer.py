"""Content-Transfer-Encodings: undoing them, and sizes without undoing them (RFC 2045 §6)."""

import binascii
import re

_NOT_BASE64 = re.compile(rb"[^A-Za-z0-9+/=]+")
_UU_BEGIN = re.compile(rb"(?:\A|\n)begin [0-7]{3,4} [^\n]{1,200}\n")
_LINE = re.compile(rb"[^\n]*+\n?")
_IDENTITY = frozenset(("", "7bit", "8bit", "binary", "none", "7-bit", "8-bit", "unencoded"))
_UUENCODE = frozenset(("x-uuencode", "uuencode", "x-uue", "uue"))


def normalise_encoding(value: str) -> str:
    """The bare name of a Content-Transfer-Encoding value, lower-case."""
    return value.partition(";")[0].partition("(")[0].strip(" \t\"'").lower()


def decode_transfer(data: bytes, encoding: str) -> tuple[bytes, str | None]:
    """Undo a transfer encoding; never raises.

    Returns:
        The bytes, and the defect's name or None: encoding_unknown (bytes as they are) or
        encoding_damaged (what could be saved).
    """
    if encoding in _IDENTITY:
        return data, None
    if encoding == "quoted-printable":
        return binascii.a2b_qp(data), None
    if encoding == "base64":
        return _decode_base64(data)
    if encoding in _UUENCODE:
        return _decode_uu(data)
    return data, "encoding_unknown"


def measure_transfer(raw: bytes, start: int, end: int, encoding: str) -> int:
    """Decoded size in bytes of raw[start:end], base64 without decoding it."""
    if encoding == "base64":
        space = sum(raw.count(mark, start, end) for mark in (b"\n", b"\r", b" ", b"\t"))
        signs = end - start - space
        padding = raw.count(b"=", max(start, end - 8), end)
        return max(0, (signs - padding) * 3 // 4)
    if encoding in _IDENTITY:
        return end - start
    return len(decode_transfer(raw[start:end], encoding)[0])


def measure_lines(head: bytes, tail: bytes, octets: int) -> int | None:
    """Decoded size of a base64 body whose lines all have one length, from its ends alone.

    Args:
        head: The body's beginning.
        tail: Its end.
        octets: Its encoded size; head and tail do not overlap.

    Returns:
        What `measure_transfer` would say of the whole body; None where its lines are uneven.
    """
    width = head.find(b"\r\n")
    step, start = width + 2, octets - len(tail)
    first = tail.find(b"\r\n")
    if not 0 < width <= 256 or first < 0 or (start + first) % step != width:
        return None
    count = len(head) // step
    if head[: count * step] != b"".join(
        head[n * step : n * step + width] + b"\r\n" for n in range(count)
    ):
        return None
    rows, rest = divmod(start, step)
    if _NOT_BASE64.search(head.replace(b"\r\n", b"")):
        return None
    signs = rows * width + min(rest, width) + len(tail) - sum(map(tail.count, (b"\n", b"\r")))
    signs -= tail.count(b" ") + tail.count(b"\t")
    return max(0, (signs - tail.count(b"=", -8)) * 3 // 4)


def _decode_base64(data: bytes) -> tuple[bytes, str | None]:
    try:
        return binascii.a2b_base64(data), None
    except binascii.Error:
        pass
    data = _NOT_BASE64.sub(b"", data).replace(b"=", b"")
    data = data[:-1] if len(data) % 4 == 1 else data
    return binascii.a2b_base64(data + b"=" * (-len(data) % 4)), "encoding_damaged"


def _decode_uu(data: bytes) -> tuple[bytes, str | None]:
    begin = _UU_BEGIN.search(data)
    if begin is None:
        return data, "encoding_damaged"
    out = bytearray()
    defect = None
    for found in _LINE.finditer(data, begin.end()):
        line = found[0].rstrip(b"\r\n")
        if line == b"end":
            break
        try:
            out += binascii.a2b_uu(line)
        except binascii.Error:
            count = ((line[0] - 32) & 63) * 4 // 3 + 5 if line else 0
            try:
                out += binascii.a2b_uu(line[:count])
            except binascii.Error:
                defect = "encoding_damaged"
        if len(out) > len(data):  # a line of one sign stands for 45 bytes; none is that empty
            return bytes(out), "encoding_damaged"
    return bytes(out), defect
