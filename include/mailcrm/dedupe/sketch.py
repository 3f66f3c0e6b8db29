"""A short text out of which the likeness of two message texts can be told.

A sketch holds the number of distinct word pairs of a text's first 256 words, and the 64 smallest
of their CRC-32 hashes, as eight hex digits each. Texts of up to 64 word pairs are held entirely,
so their comparison is exact; longer ones are estimated. Copies of a message differ in footers and
in how they were encoded, not in how they begin, so the beginning is enough, and a long text costs
no more than a short one.

Sketches made before 2026.2 covered 4,000 words. Those of shorter texts are the same; those of
longer ones are told by `is_outdated`, and made anew from the stored text where they are compared.

Source: A. Broder, On the resemblance and containment of documents (1997), bottom-k sketches.
"""

import struct
import zlib
from dataclasses import dataclass
from functools import lru_cache

from mailcrm.dedupe.text import words_of

__all__ = ["Likeness", "compare_sketches", "is_outdated", "is_same_text", "make_sketch"]

_KEPT = 64
_MAX_WORDS = 256
_MAX_CHARS = 4096
_GOES_ON = "+"
FOOTER_PAIRS = 60


@dataclass(frozen=True, slots=True)
class Likeness:
    """How like two texts are.

    `resemblance` is shared / all word pairs, `containment` shared / word pairs of the shorter
    text, both 0 to 1; `extra` the word pairs that only the longer text has, estimated.
    """

    resemblance: float
    containment: float
    extra: int


def make_sketch(text: str) -> str:
    """Sketch a text: `count:hashes`, at most 520 characters; "0:" for an empty text.

    The count ends in `+` where the text goes on after what was sketched.
    """
    words = words_of(text[:_MAX_CHARS])
    mark = ""
    if len(text) > _MAX_CHARS or len(words) > _MAX_WORDS:
        # The last word may have been cut in two.
        words, mark = (words if len(words) > _MAX_WORDS else words[:-1])[:_MAX_WORDS], _GOES_ON
    hashes = set(map(zlib.crc32, map(b" ".join, zip([b"", *words], words, strict=False))))
    kept = sorted(hashes)[:_KEPT]
    return f"{len(hashes)}{mark}:" + struct.pack(f">{len(kept)}I", *kept).hex()


def is_outdated(sketch: str) -> bool:
    """Whether a stored sketch covers more of a long text than sketches do now."""
    count = sketch.partition(":")[0]
    return count.isdecimal() and int(count) > _MAX_WORDS


def compare_sketches(one: str, two: str) -> Likeness:
    """Estimate how like the texts behind two sketches are; exact for short texts.

    An unreadable sketch counts as that of an empty text. Two empty texts are alike.
    """
    count_one, hashes_one = _read(one)
    count_two, hashes_two = _read(two)
    if not count_one or not count_two:
        same = 1.0 if count_one == count_two else 0.0
        return Likeness(same, same, max(count_one, count_two))
    union = sorted(hashes_one | hashes_two)
    if count_one > _KEPT or count_two > _KEPT:
        union = union[:_KEPT]
    shared_share = len(hashes_one & hashes_two & set(union)) / len(union)
    shared = shared_share * (count_one + count_two) / (1 + shared_share)
    smaller, larger = sorted((count_one, count_two))
    return Likeness(shared_share, min(1.0, shared / smaller), max(0, round(larger - shared)))


def is_same_text(one: str, two: str) -> bool:
    """Whether two sketches are those of one message's text in two deliveries.

    Either most of both is shared, or the shorter text is nearly all in the longer one, which adds
    no more than a list's footer or a gateway's disclaimer would.
    """
    if one == two:
        return True
    likeness = compare_sketches(one, two)
    if likeness.resemblance >= 0.5:
        return True
    is_inside = likeness.containment >= 0.8 or one.startswith("0:") or two.startswith("0:")
    return is_inside and likeness.extra <= FOOTER_PAIRS


@lru_cache(maxsize=4096)
def _read(sketch: str) -> tuple[int, frozenset[int]]:
    count, _, digits = sketch.partition(":")
    try:
        values = frozenset(int(digits[i : i + 8], 16) for i in range(0, len(digits), 8))
        return (int(count.rstrip(_GOES_ON)), values) if values else (0, frozenset())
    except ValueError:
        return 0, frozenset()
