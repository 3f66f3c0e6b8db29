"""Between text that others wrote and our logs, errors and pages: one encoder, one scrubber."""

import base64
import json
import unicodedata
from urllib.parse import quote, quote_plus

__all__ = ["MAX_TEXT_CHARS", "escape_text", "hide_secrets"]

MAX_TEXT_CHARS = 200
_ELLIPSIS = "…"
_SHORTEST_FRAGMENT = 4
# Control, format (bidi marks, zero width), surrogate, private and unassigned characters, and the
# two separators that some viewers take for a line end.
_UNSAFE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_SHORT = {"\n": "\\n", "\r": "\\r", "\t": "\\t", "\\": "\\\\"}


def escape_text(text: str | bytes, limit: int = MAX_TEXT_CHARS) -> str:
    r"""Make foreign text safe to show: one line, bounded, nothing invisible.

    Args:
        text: What a server or a mail said; bytes are read as UTF-8, else each odd byte as \xNN.
        limit: Most characters of the result, at least 1.

    Returns:
        The text with control, direction, zero-width, surrogate and unassigned characters and the
        backslash written as escapes; where it was too long it ends in an ellipsis, and no escape
        is cut in two. Never longer than `limit`.
    """
    if isinstance(text, bytes):
        text = text[: limit * 4].decode("utf-8", "surrogateescape")
    pieces: list[str] = []
    length = 0
    for character in text.strip()[: limit + 1]:
        piece = _escape(character)
        pieces.append(piece)
        length += len(piece)
    if length <= limit:
        return "".join(pieces)
    while pieces and length > limit - len(_ELLIPSIS):
        length -= len(pieces.pop())
    return "".join(pieces) + _ELLIPSIS


def _escape(character: str) -> str:
    if character in _SHORT:
        return _SHORT[character]
    if unicodedata.category(character) not in _UNSAFE:
        return character
    point = ord(character)
    if 0xDC80 <= point <= 0xDCFF:  # an undecodable byte, as surrogateescape keeps it
        return f"\\x{point - 0xDC00:02x}"
    if point <= 0xFF:
        return f"\\x{point:02x}"
    return f"\\u{point:04x}" if point <= 0xFFFF else f"\\U{point:08x}"


def hide_secrets(text: str, username: str, password: str) -> str:
    """Take a secret out of what a server said, in every form in which it was or could be sent.

    Servers echo commands. There is no shortest length: a one-letter password is hidden too, at
    the price of a text that is hard to read.

    Args:
        text: The server's words, before escaping or capping.
        username: Hidden only inside encoded logins, where the secret stands beside it.
        password: The secret; where it is empty the text stays as it is.

    Returns:
        The text with each form (plain, base64 alone, as AUTH PLAIN and at any offset, URL,
        escaped) replaced by three asterisks.
    """
    for form in _secret_forms(username, password):
        text = text.replace(form, "***")
    return text


def _secret_forms(username: str, password: str) -> list[str]:
    if not password:
        return []
    raw = password.encode("utf-8", "surrogatepass")
    login = username.encode("utf-8", "surrogatepass")
    forms = {password, quote(raw, safe=""), quote_plus(raw), repr(password)[1:-1]}
    forms |= {password.replace("\\", "\\\\").replace('"', '\\"'), json.dumps(password)[1:-1]}
    forms |= {raw.decode("latin-1")}
    forms |= {_base64(raw), _base64(b"\0" + login + b"\0" + raw)}
    forms |= {_base64(b"user=" + login + b"\x01auth=Bearer " + raw + b"\x01\x01")}
    forms |= {form.rstrip("=") for form in forms}
    for offset in range(3):
        # Only characters that the secret alone decides: those beside it depend on neighbours.
        inner = _base64(b"\0" * offset + raw + b"\0\0")[-(-offset * 8 // 6) :]
        inner = inner[: (len(raw) * 8 - (-offset * 8 % 6)) // 6]
        if len(inner) >= _SHORTEST_FRAGMENT:
            forms.add(inner)
    return sorted((form for form in forms if form), key=len, reverse=True)


def _base64(raw: bytes) -> str:
    return base64.b64encode(raw).decode("ascii")
