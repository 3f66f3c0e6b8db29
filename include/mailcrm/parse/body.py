"""The readable text of a message, and its attachments as metadata."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from mailcrm.parse.charsets import decode_bytes
from mailcrm.parse.fields import split_fields
from mailcrm.parse.markup import HTML_CAP, parse_html
from mailcrm.parse.structure import DEPTH_CAP, Leaf, Structure, walk_parts
from mailcrm.parse.text import BODY_CAP, clean_line, clean_text
from mailcrm.parse.transfer import decode_transfer, measure_transfer
from mailcrm.records.message import Attachment

_RAW_TEXT_CAP = 4 * BODY_CAP
_FILENAME_CAP = 255
_INK = re.compile(rb"\S")
_META = re.compile(rb"(?i)<meta[^<>]{1,200}charset[ ]?=[ ]?[\"']?([a-z0-9_-]{2,40})")
_TEXT_TYPES = ("text/plain", "text/html")


@dataclass(frozen=True, slots=True)
class Body:
    """What the parts of a message say; `partial` where something of it could not be read."""

    text: str
    attachments: tuple[Attachment, ...]
    defects: tuple[str, ...]


def read_body(raw: bytes, structure: Structure, omitted: Mapping[str, int]) -> Body:
    """Choose and decode the text of a message: plain text preferred, else text from HTML.

    Where the message has no text of its own but embeds a message, that message's text is taken.
    `omitted` has the decoded sizes of attachments that `raw` lacks, by part number.
    """
    defects: dict[str, None] = dict.fromkeys(structure.defects)
    attachments = tuple(
        _attachment(raw, leaf, omitted) for leaf in structure.leaves if not _is_text(leaf)
    )
    text = _read_text(raw, structure, defects)
    depth = 1
    while not text and depth < DEPTH_CAP:
        inner = _open_embedded(raw, structure, depth)
        if inner is None:
            break
        structure, depth = inner, depth + 1
        text = _read_text(raw, structure, defects)
    return Body(text, attachments, tuple(defects))


def _is_text(leaf: Leaf) -> bool:
    if leaf.content_type not in _TEXT_TYPES or leaf.disposition == "attachment":
        return False
    return leaf.is_root or not leaf.filename


def _attachment(raw: bytes, leaf: Leaf, omitted: Mapping[str, int]) -> Attachment:
    name, size = leaf.filename, omitted.get(leaf.part)
    if size is None:
        size = measure_transfer(raw, leaf.start, leaf.end, leaf.encoding)
    return Attachment(
        part=leaf.part,
        filename=clean_line(name, _FILENAME_CAP),
        content_type=clean_line(leaf.content_type, 100),
        size_bytes=size,
    )


def _read_text(raw: bytes, structure: Structure, defects: dict[str, None]) -> str:
    texts = [leaf for leaf in structure.leaves if _is_text(leaf)]
    chosen = _choose(raw, texts)
    pieces: list[str] = []
    size = 0
    for leaf in chosen:
        piece = _decode_leaf(raw, leaf, defects)
        if piece.strip():
            pieces.append(piece)
            size += len(piece)
        if size >= BODY_CAP:
            defects["text_capped"] = None
            break
    return clean_text("\n".join(pieces)).strip("\n")


def _choose(raw: bytes, leaves: list[Leaf]) -> list[Leaf]:
    """Drop the HTML branch of each multipart/alternative that has plain text as well."""
    plain = {
        group
        for leaf in leaves
        if leaf.alternatives and leaf.content_type == "text/plain"
        if _INK.search(raw, leaf.start, leaf.end)
        for group, _ in leaf.alternatives
    }
    return [
        leaf
        for leaf in leaves
        if leaf.content_type == "text/plain" or not any(g in plain for g, _ in leaf.alternatives)
    ]


def _decode_leaf(raw: bytes, leaf: Leaf, defects: dict[str, None]) -> str:
    if leaf.end - leaf.start > _RAW_TEXT_CAP:
        defects["text_capped"] = None
    data, defect = decode_transfer(
        raw[leaf.start : min(leaf.end, leaf.start + _RAW_TEXT_CAP)], leaf.encoding
    )
    if defect:
        defects[defect] = None
    charset = leaf.parameters.get("charset", "")
    if not charset and leaf.content_type == "text/html" and not data.isascii():
        found = _META.search(data, 0, 2_000)
        charset = found[1].decode("ascii") if found else ""
    text, defect = decode_bytes(data, charset)
    if "\x00" in text:
        defects["nul_replaced"] = None
    if defect:
        defects[defect] = None
    if leaf.content_type == "text/html":
        if len(text) > HTML_CAP:
            defects["text_capped"] = None
        return parse_html(text)
    return text


def _open_embedded(raw: bytes, structure: Structure, depth: int) -> Structure | None:
    """The structure of the first embedded message that is not itself encoded."""
    for leaf in structure.leaves:
        if leaf.content_type == "message/rfc822" and leaf.encoding != "base64":
            header = split_fields(raw, leaf.start, leaf.end, top=True)
            return walk_parts(raw, header, leaf.end, leaf.part, depth)
    return None
