"""Comparing a parsed message with what a test suite says of it."""

import datetime as dt
from collections.abc import Mapping
from typing import Any

from mailcrm.parse.addresses import parse_addresses
from mailcrm.parse.ids import parse_message_id
from mailcrm.parse.text import clean_line
from mailcrm.parse.words import decode_words
from mailcrm.records.message import ParsedMessage, Participant

_ROLES = ("from", "to", "cc", "bcc", "reply_to", "sender")


def compare_truth(parsed: ParsedMessage, truth_row: Mapping[str, Any]) -> tuple[str, ...]:
    """Name the fields of a truth row that the parsed message does not agree with.

    Args:
        parsed: What `parse_message` made of the file.
        truth_row: One line of truth.jsonl: any of from, to, cc, bcc, reply_to, sender (lists of
            [name or None, address]), subject, date_epoch, message_id, or raw_headers (a mapping of
            lower-case names to unfolded values); what it lacks is not compared.

    Returns:
        Field names in a fixed order, empty where all agree. White space runs and the domain's
        case do not count as differences.
    """
    row = dict(_from_raw(truth_row.get("raw_headers", {})), **truth_row)
    wrong = [role for role in _ROLES if role in row and not _same_people(parsed, role, row[role])]
    if "subject" in row and _squash(parsed.subject) != _squash(row["subject"] or ""):
        wrong.append("subject")
    if "date_epoch" in row and not _same_date(parsed, row["date_epoch"]):
        wrong.append("date_epoch")
    if "message_id" in row and parsed.message_id != parse_message_id(row["message_id"] or ""):
        wrong.append("message_id")
    return tuple(wrong)


def _from_raw(raw_headers: Mapping[str, str]) -> dict[str, Any]:
    row: dict[str, Any] = {}
    for name, value in raw_headers.items():
        key = name.replace("-", "_")
        if key in _ROLES:
            row[key] = [list(entry) for entry in parse_addresses(value).entries]
        elif key == "subject":
            row[key] = decode_words(value)
        elif key == "message_id":
            row[key] = value
    return row


def _same_people(parsed: ParsedMessage, role: str, people: Any) -> bool:
    """Whether we read the same people; of senders, suites often name the first only."""
    ours = [p for p in parsed.participants if p.role == role]
    if role == "from" and people:
        ours = ours[: len(people)]
    return len(ours) == len(people) and all(
        _same_person(mine, name, address) for mine, (name, address) in zip(ours, people, strict=True)
    )


def _same_person(ours: Participant, name: str | None, address: str | None) -> bool:
    """A name of None says nothing; a lone word may be taken for a name or for a local user."""
    if not address:
        return _squash(name or "") in (_squash(ours.display_name), ours.address)
    if _address(ours.address) != _address(address):
        return False
    return name is None or _squash(name) == _squash(ours.display_name)


def _same_date(parsed: ParsedMessage, epoch: float) -> bool:
    return int(parsed.sent_at.timestamp()) == int(epoch) and parsed.sent_at.tzinfo is dt.UTC


def _address(address: str) -> str:
    local, at, domain = address.strip().rpartition("@")
    return f"{local}{at}{domain.lower()}"


def _squash(text: str) -> str:
    return " ".join(clean_line(text).split())
