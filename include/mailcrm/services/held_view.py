"""What is held back, for people on pages: lists page by page, and one message as plain text."""

import dataclasses
import datetime as dt
from collections.abc import Collection, Sequence

from mailcrm.errors import SettingsError
from mailcrm.parse import parse_message
from mailcrm.records.quarantine_view import HeldCount, HeldLine, HeldView
from mailcrm.services.wiring import Services

__all__ = ["SOURCE_BYTES", "count_held", "page_held", "view_held"]

# So much of a message's source is shown; whoever needs all of it takes `quarantine show --json`.
SOURCE_BYTES = 65_536
# Kept as they are in the source; every other control character is shown as an escape.
_PLAIN = frozenset("\t\n")


def page_held(
    services: Services,
    mailbox_ids: Collection[str],
    rule: str | None,
    below: int | None,
    limit: int,
) -> Sequence[HeldLine]:
    """At most `limit` held messages of these mailboxes, latest first, numbered below `below`."""
    return services.overview.page_quarantine(mailbox_ids, rule, below, limit)


def count_held(services: Services, mailbox_ids: Collection[str]) -> Sequence[HeldCount]:
    """Held messages by mailbox and rule, the most first."""
    return services.overview.count_held(mailbox_ids)


def view_held(services: Services, quarantine_id: int) -> HeldView:
    """One message in quarantine with what can be read of it; nothing of it is markup.

    Raises:
        SettingsError: there is none of that number.
    """
    found = services.overview.view_quarantined(quarantine_id, SOURCE_BYTES)
    if found is None:
        raise SettingsError(
            where=f"quarantine {quarantine_id}", problem="no such message in quarantine"
        )
    view, raw = found
    if not raw:
        return view
    size = view.line.size_bytes or len(raw)
    received = view.line.internaldate or dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
    parsed = parse_message(raw, received, size, services.clock.now())
    return dataclasses.replace(
        view,
        subject=parsed.subject,
        participants=tuple(
            (one.role, f"{one.display_name} <{one.address}>" if one.display_name else one.address)
            for one in parsed.participants
        ),
        sent_at=parsed.sent_at if parsed.sent_at_source == "date" else None,
        body_text=parsed.body_text,
        defects=parsed.defects,
        source=_readable(raw),
        is_cut=size > len(raw),
    )


def _readable(raw: bytes) -> str:
    r"""Bytes as text of several lines: bad UTF-8 and control characters as \xNN or \uNNNN."""
    text = raw.replace(b"\r\n", b"\n").decode("utf-8", "backslashreplace")
    return "".join(
        one if one.isprintable() or one in _PLAIN else one.encode("unicode_escape").decode()
        for one in text
    )
