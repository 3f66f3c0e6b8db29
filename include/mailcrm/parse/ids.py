"""Message-IDs in canonical form: no angle brackets, no white space (RFC 5322 §3.6.4)."""

import re

from mailcrm.parse.text import clean_line

REFERENCES_CAP = 500
"""Ids of one field that are kept: the first and the latest ones."""
_LENGTH_CAP = 998
_ANGLE = re.compile(r"<([^<>]*+)>")


def parse_message_id(value: str) -> str | None:
    """The canonical id of a Message-ID field, None where it is empty or too long to be one."""
    match = _ANGLE.search(value) if "<" in value else None
    return _canonical(match[1] if match else value.strip().strip("<>"))


def parse_references(value: str) -> tuple[str, ...]:
    """The ids of a References or In-Reply-To field, in order, each once.

    Words outside angle brackets (`Your message of ...`) are no ids unless the field has no
    brackets at all, where words with an at-sign count.
    """
    if "<" in value:
        found = _ANGLE.findall(value)
    else:
        found = [word for word in value.split() if "@" in word]
    if len(found) > REFERENCES_CAP:
        found = found[:50] + found[50 - REFERENCES_CAP :]
    ids = (_canonical(text) for text in found)
    return tuple(dict.fromkeys(one for one in ids if one))


def _canonical(text: str) -> str | None:
    text = clean_line("".join(text.split()), _LENGTH_CAP + 1)
    return text if text and len(text) <= _LENGTH_CAP else None
