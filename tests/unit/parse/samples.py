"""Builders of messages for the parse tests."""

import datetime as dt
from pathlib import Path

from mailcrm.parse import parse_message
from mailcrm.records import ParsedMessage

MESSAGES = Path(__file__).parents[2] / "messages"
ARRIVED = dt.datetime(2026, 11, 20, 8, 30, tzinfo=dt.UTC)


def parse_sample(name: str) -> ParsedMessage:
    """Parse one of tests/messages."""
    return parse_message((MESSAGES / f"{name}.eml").read_bytes(), ARRIVED)


def parse_text(header: str, body: str = "Hello") -> ParsedMessage:
    """Parse a message made of header lines and a body."""
    raw = f"{header.strip()}\n\n{body}".encode("utf-8", "surrogateescape")
    return parse_message(raw.replace(b"\n", b"\r\n"), ARRIVED)
