"""What the pages show of mailboxes and runs; nothing in it is text of a mail."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["HealthEvent", "MailboxCard", "MatchSummary", "RunLine"]


@dataclass(frozen=True, slots=True)
class RunLine:
    """One run in a list. `totals` are the certificate's sums by end, empty while it goes on."""

    run_id: str
    state: str
    kind: str
    window_since: dt.datetime
    window_until: dt.datetime
    started_at: dt.datetime
    finished_at: dt.datetime | None
    totals: Mapping[str, int]
    decisions: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class MailboxCard:
    """One mailbox in a list; `coverage` are (folder, since, until), by folder and date."""

    coverage: tuple[tuple[str, dt.datetime, dt.datetime], ...]
    last_run: RunLine | None
    open_reviews: int
    quarantined: int


@dataclass(frozen=True, slots=True)
class HealthEvent:
    """A direction went down, or came back."""

    direction: str
    event: str
    since: dt.datetime
    reason: str


@dataclass(frozen=True, slots=True)
class MatchSummary:
    """What a mailbox' runs decided, and what people said of it since.

    `decisions` are sums over all runs; `upheld` verdicts agree with what the rules had linked,
    `overturned` do not.
    """

    decisions: Mapping[str, int]
    upheld: int
    overturned: int
