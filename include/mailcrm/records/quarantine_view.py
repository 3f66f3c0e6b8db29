"""Messages in quarantine, as people look at them on pages."""

import datetime as dt
from dataclasses import dataclass

__all__ = ["HeldCount", "HeldLine", "HeldView"]


@dataclass(frozen=True, slots=True)
class HeldCount:
    """How many messages of a mailbox one rule holds back."""

    mailbox_id: str
    rule: str
    count: int


@dataclass(frozen=True, slots=True)
class HeldLine:
    """One held message in a list; nothing in it is text of the mail, apart from `reason`.

    `size_bytes` is that of the kept bytes, None where none are kept.
    """

    quarantine_id: int
    mailbox_id: str
    folder: str
    uid: int
    rule: str
    reason: str
    attempts: int
    internaldate: dt.datetime | None
    created_at: dt.datetime
    size_bytes: int | None


@dataclass(frozen=True, slots=True)
class HeldView:
    """One message with what can be read of it, all of it plain text.

    `state` is held, replayed or discarded. `source` is the beginning of its bytes, each that is
    no printable text written as an escape; `is_cut` says that there is more.
    """

    line: HeldLine
    state: str
    uidvalidity: int
    batch_id: str | None
    parser_version: str | None
    rules_version: str | None
    discarded_by: str | None
    discarded_at: dt.datetime | None
    discard_reason: str | None
    subject: str = ""
    participants: tuple[tuple[str, str], ...] = ()
    sent_at: dt.datetime | None = None
    body_text: str = ""
    defects: tuple[str, ...] = ()
    source: str = ""
    is_cut: bool = False
