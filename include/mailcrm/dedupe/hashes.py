"""Hashes of message ids: what identities and conversations are keyed by."""

import hashlib
from collections.abc import Iterable

from mailcrm.records import ParsedMessage

__all__ = [
    "canonical_message_id",
    "conversation_ids",
    "derive_key",
    "hash_id",
    "is_id_owner",
    "message_id_key",
]

_MAX_REFERENCES = 200


def canonical_message_id(text: str) -> str:
    """Bring a Message-ID to the form in which two spellings of it are equal.

    Args:
        text: An id as parsed or as written, with or without angle brackets.

    Returns:
        The id without brackets and white space, its right-hand side in lower case (mail servers
        rewrite the case of domains, never that of the left side); "" where nothing is left.

    Source: RFC 5322 §3.6.4.
    """
    bare = "".join(text.split()).strip("<>")
    left, at, right = bare.rpartition("@")
    return f"{left}{at}{right.lower()}"


def hash_id(text: str) -> str:
    """SHA-256 (hex, 64 characters) of the canonical form of a Message-ID."""
    return hashlib.sha256(canonical_message_id(text).encode("utf-8", "replace")).hexdigest()


def message_id_key(id_hash: str) -> str:
    """The message_key of the message that owns a Message-ID, by the id's hash."""
    return derive_key("message-id", id_hash)


def is_id_owner(message_key: str, id_hash: str) -> bool:
    """Whether a message is the one that a Message-ID belongs to, and not a conflict over it."""
    return message_key == message_id_key(id_hash)


def derive_key(*parts: str) -> str:
    """A key of 64 hex digits out of texts; different parts never give the same joined text."""
    raws = [part.encode("utf-8", "replace") for part in parts]
    framed = b"".join([len(raw).to_bytes(8, "big") + raw for raw in raws])
    return hashlib.sha256(framed).hexdigest()


def conversation_ids(parsed: ParsedMessage) -> tuple[str, ...]:
    """Hashes of all ids that a message refers to, oldest first, without its own.

    References come first, then those of In-Reply-To that References lack. At most 200 are kept:
    the oldest (the thread's root) and the newest ones.
    """
    own = canonical_message_id(parsed.message_id) if parsed.message_id else ""
    ids = _distinct((*parsed.references, *parsed.in_reply_to))
    ids.pop(own, None)
    kept = list(ids)
    if len(kept) > _MAX_REFERENCES:
        kept = [kept[0], *kept[-(_MAX_REFERENCES - 1) :]]
    return tuple(hash_id(text) for text in kept)


def _distinct(texts: Iterable[str]) -> dict[str, None]:
    canonical = (canonical_message_id(text) for text in texts)
    return dict.fromkeys(text for text in canonical if text)
