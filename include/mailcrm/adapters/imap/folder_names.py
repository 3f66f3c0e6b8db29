"""Folder names between the wire (modified UTF-7) and people.

RFC 9051 calls a folder a mailbox.
"""

import unicodedata
from typing import Final

from imapclient import imap_utf7

__all__ = ["MAX_NAME_BYTES", "decode_name", "encode_name", "quote"]

MAX_NAME_BYTES: Final = 1024
INBOX: Final = "INBOX"


def decode_name(raw: bytes) -> str:
    """The name to show and to store.

    Args:
        raw: The name as the server sent it, unquoted.

    Returns:
        Decoded where that is certain: valid modified UTF-7 that encodes back to the same bytes and
        holds no control characters or lone surrogates. Else the bytes as they are, those that are
        not UTF-8 escaped. INBOX in any spelling is INBOX.
    Source: RFC 9051 §5.1, RFC 3501 §5.1.3.
    """
    if raw.upper() == b"INBOX":
        return INBOX
    try:
        name: str = imap_utf7.decode(raw)
        if raw.isascii() and imap_utf7.encode(name) == raw and _is_printable(name):
            return name
    except UnicodeError:
        pass
    return _show_raw(raw)


def encode_name(name: str) -> bytes | None:
    """The wire form of a name, None where it has none (lone surrogates)."""
    try:
        raw: bytes = imap_utf7.encode(name)
    except UnicodeError:
        return None
    return raw


def quote(raw: bytes) -> bytes:
    """A quoted string; line ends and NUL are refused later, where commands are sent."""
    return b'"' + raw.replace(b"\\", b"\\\\").replace(b'"', b'\\"') + b'"'


def _is_printable(name: str) -> bool:
    return not any(unicodedata.category(c) in ("Cc", "Cs") for c in name)


def _show_raw(raw: bytes) -> str:
    text = raw.decode("utf-8", "backslashreplace")
    return "".join(c if _is_printable(c) else f"\\x{ord(c):02x}" for c in text)
