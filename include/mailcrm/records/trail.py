"""The audit trail: who did what on the pages, and when."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

__all__ = ["Deed", "Outcome", "TrailEntry"]


class Outcome(StrEnum):
    """An entry is written before a deed, and a second one only where it did not go through."""

    ASKED = "asked"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Deed:
    """What a person does.

    `action` is one word for each kind, as `mailbox.connect`; `subject` names what it is done to
    besides the mailbox, such as a run or a review. `detail` holds plain values, no secret and no
    text of mail.
    """

    actor: str
    action: str
    mailbox_id: str | None = None
    subject: str | None = None
    detail: Mapping[str, str | int | float | bool | None] = field(default_factory=dict)
    outcome: Outcome = Outcome.ASKED


@dataclass(frozen=True, slots=True)
class TrailEntry:
    """One stored deed; `digest` covers it and everything before it."""

    event_id: int
    at: dt.datetime
    deed: Deed
    digest: str
