"""Comparing a parsed message with what a test suite says of it."""

import datetime as dt
from collections.abc import Mapping
from typing import Any

from mailcrm.parse.addresses import parse_addresses
from mailcrm.parse.ids import parse_message_id
from mailcrm.parse.text import clean_line
from mailcrm.parse.words import decode_words
from mailcrm.records.message import ParsedMessage

_ROLES = ("from", "to", "cc", "bcc", "reply_to", "sender")


def compare_truth(parsed: ParsedMessage, truth_row: Mapping[str, Any]) -> tuple[str, ...]:
    """Name the fields of a truth row that the parsed message does not agree with.

    Args:
        parsed: What `parse_message` made of the file.
        truth_row: One line of truth.jsonl: any of from, to, cc, bcc, reply_to, sender (lists of
            [name or None, address]), subject, date_epoch, message_id, or raw_headers (a mapping of
            lower-case names to unfolded values); what it lacks is not compared.

    Returns:
        Field names in a fixed order, empty where all agree: the keys above, and from_name, to_name
        and so on where addresses agree but display names do not. White space runs and the domain's
        case do not count as differences.
    """
    row = dict(_from_raw(truth_row.get("raw_headers", {})), **truth_row)
    wrong = []
    for role in _ROLES:
        if role in row:
            wrong += _compare_people(parsed, role, row[role])
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


def _compare_people(parsed: ParsedMessage, role: str, people: Any) -> list[str]:
    """The role where addresses differ, role_name where names do; of senders suites name the first.

    A lone word may be taken for a name or for a local user, and a name of None says nothing.
    """
    ours = [p for p in parsed.participants if p.role == role]
    if role == "from" and people:
        ours = ours[: len(people)]
    if len(ours) != len(people):
        return [role]
    wrong: dict[str, None] = {}
    for mine, (name, address) in zip(ours, people, strict=True):
        if not address:
            if _squash(name or "") not in (_squash(mine.display_name), mine.address):
                wrong[role] = None
        elif _address(mine.address) != _address(address):
            wrong[role] = None
        elif name is not None and _squash(name) != _squash(mine.display_name):
            wrong[f"{role}_name"] = None
    return list(wrong)


def _same_date(parsed: ParsedMessage, epoch: float) -> bool:
    return int(parsed.sent_at.timestamp()) == int(epoch) and parsed.sent_at.tzinfo is dt.UTC


def _address(address: str) -> str:
    local, at, domain = address.strip().rpartition("@")
    return f"{local}{at}{domain.lower()}"


def _squash(text: str) -> str:
    return " ".join(clean_line(text).split())
