"""Recognising a message under another uidvalidity by its headers, without reading it again."""

import datetime as dt

from mailcrm.dedupe.hashes import canonical_message_id, derive_key
from mailcrm.records import ParsedMessage

__all__ = ["RELINK_FIELDS", "plan_relink_digest"]

RELINK_FIELDS = ("MESSAGE-ID", "FROM", "DATE", "SUBJECT")
"""The header fields that the digest is made of."""


def plan_relink_digest(parsed: ParsedMessage, internaldate: dt.datetime | None) -> str:
    """Digest what stays the same when a server numbers a folder anew.

    Args:
        parsed: The whole message, or what its RELINK_FIELDS alone parse to; both give the same.
        internaldate: Aware UTC; it does not change within a folder (RFC 9051 §2.3.3).

    Returns:
        64 hex digits. Within one folder, equal digests of published messages with one
        message_key mean that message.
    """
    sender = parsed.sender()
    return derive_key(
        "relink",
        canonical_message_id(parsed.message_id or ""),
        sender.address.lower() if sender else "",
        parsed.subject,
        parsed.sent_at.isoformat() if parsed.sent_at_source == "date" else "",
        internaldate.isoformat() if internaldate else "",
        str(parsed.size_bytes),
    )
