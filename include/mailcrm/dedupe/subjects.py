"""Subjects by which a reply that names no message can still find its conversation."""

import datetime as dt
import re

from mailcrm.dedupe.hashes import derive_key
from mailcrm.dedupe.text import base_subject, normalise_subject
from mailcrm.records import ParsedMessage

__all__ = ["SUBJECT_GAP", "plan_subject"]

SUBJECT_GAP = dt.timedelta(days=14)
"""So far apart may messages be that only their subject joins."""
_ANSWER = re.compile(r"(?:re|aw|antw|sv|vs|rif|ynt|odp|回复|答复)\s*(?:\[\d+\]|\(\d+\))?\s*[:：]")  # noqa: RUF001
_KINDS = frozenset({"person", "list"})
_MIN_CHARS = 8
_GENERIC = frozenset(
    (
        *("good morning", "good afternoon", "happy birthday", "happy new year", "hello there"),
        *("meeting notes", "meeting request", "merry christmas", "monthly report", "my question"),
        *("no subject", "out of office", "phone call", "please call", "please read"),
        *("quick question", "status report", "status update", "thank you", "thanks again"),
        *("weekly report", "weekly update", "your invoice", "your mail", "your message"),
        *("your order", "your question", "your request"),
    )
)


def plan_subject(parsed: ParsedMessage) -> tuple[str | None, bool]:
    """Whether and how a message's subject may tie it to others.

    Args:
        parsed: The message.

    Returns:
        The hash (64 hex digits) of the subject without list tags and reply prefixes, None where
        it joins nothing: bulk mail, automatic replies, bounces, and subjects of one word, of few
        characters, or that everybody uses. And whether the message asks to be joined: an answer
        that refers to no message by its id.

    Source: J. Zawinski, Message threading (1997), step 5.
    """
    if parsed.kind not in _KINDS:
        return None, False
    base, _ = base_subject(parsed.subject)
    if len(base) < _MIN_CHARS or " " not in base or base.strip("!?. ") in _GENERIC:
        return None, False
    is_answer = _ANSWER.match(normalise_subject(parsed.subject)) is not None
    asks = is_answer and not (parsed.references or parsed.in_reply_to)
    return derive_key("subject", base), asks
