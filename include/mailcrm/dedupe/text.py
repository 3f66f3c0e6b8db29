"""What of a subject and a text stays the same in every copy of a message."""

import re

__all__ = ["base_subject", "normalise_subject", "strip_footers", "words_of"]

_WORD = re.compile(r"[^\W_]+")
_LIST_TAG = re.compile(r"\[[^\[\]\d/]{1,40}\]\s*")
_REPLY = re.compile(
    r"^\s*(?:re|aw|antw|sv|vs|fwd?|wg|tr|rif|ynt|odp|回复|答复|转发)\s*(?:\[\d+\]|\(\d+\))?\s*[:：]\s*",  # noqa: RUF001
    re.IGNORECASE,
)
_RULE = re.compile(r"^[ \t]*(?:[_=*~-]{10,}|-- ?|--~--~.*)[ \t]*$")
_LIST_WORDS = re.compile(
    r"mailing[ -]?list|unsubscribe|subscri|listinfo|listserv|majordomo|google groups?|"
    r"yahoo!? groups?|@googlegroups\.com|lists?\.[a-z0-9-]+\.[a-z]{2,}",
    re.IGNORECASE,
)
_FOOTER_LINES = 14


def normalise_subject(subject: str) -> str:
    """A subject without list tags (`[name]`, no digits or slashes inside) and spacing, lower-case.

    Reply prefixes stay: a reply is another message. `[PATCH 1/2]` stays too: it tells two apart.
    """
    kept = _LIST_TAG.sub("", subject) if "[" in subject else subject
    return " ".join(kept.lower().split())


def base_subject(subject: str) -> tuple[str, bool]:
    """The subject without list tags and reply prefixes, and whether it had a reply prefix.

    Source: RFC 5256 §2.1, with prefixes of other languages.
    """
    text, is_reply = normalise_subject(subject), False
    while (match := _REPLY.match(text)) is not None:
        text, is_reply = text[match.end() :], True
    return text.strip(), is_reply


def strip_footers(text: str) -> str:
    """Cut what mailing lists append: a ruled-off tail of a few lines that speaks of the list.

    A signature or a patch's last lines stay, because they do not.
    """
    lines = text.rstrip().split("\n")
    while (cut := _footer_start(lines)) is not None:
        lines = lines[:cut]
    return "\n".join(lines)


def _footer_start(lines: list[str]) -> int | None:
    lowest = max(0, len(lines) - _FOOTER_LINES)
    for index in range(len(lines) - 1, lowest - 1, -1):
        if _RULE.match(lines[index]):
            tail = "\n".join(lines[index + 1 :])
            if _LIST_WORDS.search(tail):
                return index
    return None


def words_of(text: str) -> list[str]:
    """The text's words, lower-case, without punctuation, underscores and quote marks."""
    return _WORD.findall(text.lower())
