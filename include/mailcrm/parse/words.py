"""Encoded words in header values (RFC 2047), joined as bytes before they are decoded.

Neighbours of one charset are joined first, so that a character split over two words survives,
which decoding each word alone would break. Every scan moves forward only: linear time.
"""

import binascii
import re

from mailcrm.parse.charsets import decode_bytes, decode_undeclared, find_codec

_START = re.compile(r"=\?([^?\s]{1,80})\?([bBqQ])\?")
_NOT_BASE64 = re.compile(rb"[^A-Za-z0-9+/]+")


def decode_value(raw: bytes, hint: str = "") -> str:
    """Text of a header value whose structure does not matter (Subject, phrases).

    Args:
        raw: The unfolded value; RFC 6532 UTF-8 and stray 8-bit bytes are fine.
        hint: The charset that the message's body declares, for stray 8-bit bytes.
    """
    return decode_words(decode_raw(raw, hint))


def decode_raw(raw: bytes, hint: str = "") -> str:
    """Bytes of a header value to text, encoded words left as they are."""
    if raw.isascii():
        if b"\x1b$" in raw:
            return raw.decode("iso2022_jp", "replace")
        return raw.decode("ascii")
    return decode_undeclared(raw, hint)


def decode_words(value: str) -> str:
    """Replace the encoded words of a value by their text."""
    if "=?" not in value:
        return value
    out: list[str] = []
    run: list[tuple[str, str, str]] = []
    position = 0
    for start, end, word in _find_words(value):
        gap = value[position:start]
        if run and gap.strip(" \t\r\n"):
            out.append(_decode_run(run))
            run = []
        if not run:
            out.append(gap)
        run.append(word)
        position = end
    if run:
        out.append(_decode_run(run))
    out.append(value[position:])
    return "".join(out)


def _find_words(value: str) -> list[tuple[int, int, tuple[str, str, str]]]:
    found: list[tuple[int, int, tuple[str, str, str]]] = []
    position = 0
    while start := _START.search(value, position):
        end = value.find("?=", start.end())
        if end < 0:
            break
        charset, encoding = start[1].partition("*")[0].lower(), start[2].lower()
        found.append((start.start(), end + 2, (charset, encoding, value[start.end() : end])))
        position = end + 2
    return found


def _decode_run(run: list[tuple[str, str, str]]) -> str:
    """Decode neighbouring words, joining the bytes of those that share a charset."""
    out: list[str] = []
    chunk: list[bytes] = []
    current = run[0][0]
    pending = ""
    for charset, encoding, payload in run:
        if charset != current:
            chunk.append(_decode_base64(pending))
            out.append(decode_bytes(b"".join(chunk), current)[0])
            chunk, pending, current = [], "", charset
        if encoding == "b":
            pending += payload
            if payload.endswith("=") or len(pending) % 4 == 0:
                chunk.append(_decode_base64(pending))
                pending = ""
        else:
            chunk += [_decode_base64(pending), _decode_q(payload, charset)]
            pending = ""
    chunk.append(_decode_base64(pending))
    out.append(decode_bytes(b"".join(chunk), current)[0])
    return "".join(out)


def _decode_base64(payload: str) -> bytes:
    if not payload:
        return b""
    data = _NOT_BASE64.sub(b"", payload.encode("ascii", "ignore"))
    data = data[:-1] if len(data) % 4 == 1 else data
    return binascii.a2b_base64(data + b"=" * (-len(data) % 4))


def _decode_q(payload: str, charset: str) -> bytes:
    """Undo Q; stray 8-bit characters (already decoded) go back into the word's charset."""
    if payload.isascii():
        return binascii.a2b_qp(payload.encode("ascii"), header=True)
    try:
        data = payload.encode(find_codec(charset) or "utf-8")
    except UnicodeEncodeError:
        data = payload.encode("utf-8", "replace")
    return binascii.a2b_qp(data, header=True)
