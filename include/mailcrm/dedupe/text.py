"""What of a subject and a text stays the same in every copy of a message."""

import re

__all__ = ["base_subject", "normalise_subject", "squeeze_spaces", "strip_footers", "words_of"]

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
_ASCII_SPACES = "\n\t\r\x0b\x0c\x1c\x1d\x1e\x1f"
_OTHER_SPACES = (
    "\x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000"
)
_ASCII_WORDS = bytes(
    ord(chr(code).lower()) if chr(code).isalnum() and code < 128 else 32 for code in range(256)
)


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
    text = text.rstrip()
    while (cut := _footer_start(text)) is not None:
        text = text[:cut]
    return text


def _footer_start(text: str) -> int | None:
    """Where the line break before the text's last footer is; None without a footer."""
    end = len(text)
    for _ in range(_FOOTER_LINES):
        start = text.rfind("\n", 0, end)
        if _RULE.match(text[start + 1 : end]) and _LIST_WORDS.search(text, end + 1):
            return max(start, 0)
        if start < 0:
            break
        end = start
    return None


def squeeze_spaces(text: str) -> str:
    """The text with every run of white space as one space, and none at its ends."""
    for space in _ASCII_SPACES if text.isascii() else _ASCII_SPACES + _OTHER_SPACES:
        if space in text:  # looking and replacing run at memory's speed, splitting does not
            text = text.replace(space, " ")
    while "  " in text:  # each round halves the runs
        text = text.replace("  ", " ")
    return text.strip(" ")


def words_of(text: str) -> list[bytes]:
    """The text's words in UTF-8, lower-case, without punctuation, underscores and quote marks."""
    if text.isascii():
        return text.encode().translate(_ASCII_WORDS).split()
    return [word.encode("utf-8", "replace") for word in _WORD.findall(text.lower())]
