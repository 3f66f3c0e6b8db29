"""Names in the form in which they are compared."""

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache

__all__ = ["NO_NAME", "NameKeys", "held_addresses", "name_keys", "name_of_local_part"]

_PARENTHESES = re.compile(r"\([^()]*\)|\[[^\[\]]*\]")
_VIA = re.compile(r"\s+(?:via|über|por|par)\s+.*$", re.IGNORECASE | re.DOTALL)
_ADDRESS = re.compile(r"[^\s<>()\[\]\"',;:]+@[^\s<>()\[\]\"',;:@]+\.[^\s<>()\[\]\"',;:@]+")
_APOSTROPHES = re.compile("(?<=\\w)['\u2019`\u00b4](?=\\w)")
_TOKEN = re.compile(r"[^\W\d_]+")
_SPECIAL = {"ß": "ss", "ø": "o", "æ": "ae", "œ": "oe", "đ": "d", "ð": "d", "ł": "l", "þ": "th"}
_LETTERS = str.maketrans(_SPECIAL | {"\u0131": "i"})
_NOT_A_NAME = frozenset(
    (
        *("mr", "mrs", "ms", "miss", "sir", "herr", "frau", "dr", "prof", "professor", "ing"),
        *("dipl", "mag", "msc", "bsc", "mba", "phd", "md", "jr", "sr", "ii", "iii", "iv", "esq"),
    )
)
_SEPARATORS = re.compile(r"[._]")
_MAX_CHARS = 200


@dataclass(frozen=True, slots=True)
class NameKeys:
    """Two forms of a name, "" where there is no name.

    `full` is all parts; `loose` the first and the last part of more than one letter, double names
    written as one word. Both are sorted, so that `Last, First` equals `First Last`.
    """

    full: str
    loose: str


NO_NAME = NameKeys("", "")


@lru_cache(maxsize=65536)
def name_keys(text: str) -> NameKeys:
    """Bring a person's name to comparable forms.

    Letters lose marks and case; titles, suffixes, what stands in parentheses, addresses and
    `via ...` go. A name of one part (`Igor`) says too little and gives no key, except in scripts
    that write a whole name without a space.
    """
    parts, joined = _parts_of(text[:_MAX_CHARS])
    long_parts = [part for part in joined if len(part) > 1]
    if len(parts) == 1 and 2 <= len(parts[0]) <= 5 and parts[0] >= "\u2e80":
        return NameKeys(parts[0], parts[0])
    if len(parts) < 2 or not long_parts:
        return NO_NAME
    full = " ".join(sorted(parts))
    if len(long_parts) < 2:
        return NameKeys(full, "")
    return NameKeys(full, " ".join(sorted((long_parts[0], long_parts[-1]))))


def _parts_of(text: str) -> tuple[list[str], list[str]]:
    """The parts of a name, with double names apart and written as one word."""
    words = text.split()
    if len(words) == 2 and words[0].isalpha() and words[1].isalpha() and text.isascii():
        parts = [word.lower() for word in words]  # most names are as plain as this
    else:
        plain = _ADDRESS.sub(" ", text) if "@" in text else text
        plain = _PARENTHESES.sub(" ", _VIA.sub("", plain))
        plain = _APOSTROPHES.sub("", _fold(plain))
        parts = _TOKEN.findall(plain)
        if "-" in plain:
            joined = _TOKEN.findall(plain.replace("-", ""))
            return _without_titles(parts), _without_titles(joined)
    parts = _without_titles(parts)
    return parts, parts


def _without_titles(parts: list[str]) -> list[str]:
    return [part for part in parts if part not in _NOT_A_NAME]


def name_of_local_part(address: str) -> str:
    """The name that a local part such as `ada.lovelace` spells, "" where it spells none."""
    local = address.rpartition("@")[0].partition("+")[0]
    parts = _SEPARATORS.split(local)
    is_name = 2 <= len(parts) <= 3 and all(len(p) > 1 and p.isalpha() for p in parts)
    return " ".join(parts) if is_name else ""


def _fold(text: str) -> str:
    if text.isascii():
        return text.lower()
    decomposed = unicodedata.normalize("NFKD", text.casefold().translate(_LETTERS))
    return "".join(c for c in decomposed if not unicodedata.combining(c))


def held_addresses(text: str) -> tuple[str, ...]:
    """The addresses that a display name contains, as written."""
    return tuple(_ADDRESS.findall(text[:_MAX_CHARS])) if "@" in text else ()
