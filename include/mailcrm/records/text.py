"""The one encoder between text that others wrote and our logs, errors and pages."""

import unicodedata

__all__ = ["MAX_TEXT_CHARS", "escape_text"]

MAX_TEXT_CHARS = 200
_ELLIPSIS = "…"
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
