"""Signing off a window: what was asked, what a person sees before deciding, and who decided."""

import datetime as dt
from dataclasses import dataclass
from enum import StrEnum

from mailcrm.records.sync import Window

__all__ = [
    "ApprovalRequest",
    "ApprovalState",
    "ApprovalWay",
    "MatchAudit",
    "SampleLink",
    "WindowPreview",
]


class ApprovalState(StrEnum):
    """How a request stands; only `approved` lets anything be read."""

    WAITING = "waiting"
    APPROVED = "approved"
    REJECTED = "rejected"
    TIMED_OUT = "timed_out"


class ApprovalWay(StrEnum):
    """Who signs off: a person in Airflow, the mailbox's policy, or who typed the command."""

    PERSON = "person"
    POLICY = "policy"
    COMMAND_LINE = "command_line"


@dataclass(frozen=True, slots=True)
class WindowPreview:
    """What a run of the window would meet, over all folders.

    `news` of the messages were never read; `news_bytes` is estimated from all of them by share.
    `seconds` is what reading them takes at the mailbox's own pace so far.
    """

    messages: int
    size_bytes: int
    news: int
    news_bytes: int
    seconds: float
    folders: tuple[tuple[str, int, int], ...] = ()


@dataclass(frozen=True, slots=True)
class SampleLink:
    """One automatic link to look at: no text of the mail, but where to find it."""

    message_key: str
    contact_id: str
    rule: str
    score: float


@dataclass(frozen=True, slots=True)
class MatchAudit:
    """How matching did on a mailbox so far.

    `outcomes` counts decisions by outcome. `right` of the `reviewed` automatic links were judged
    right; precision and its 95 % Wilson interval are None where nobody judged.
    """

    outcomes: tuple[tuple[str, int], ...]
    reviewed: int
    right: int
    sample: tuple[SampleLink, ...] = ()
    precision: float | None = None
    low: float | None = None
    high: float | None = None

    def count(self, outcome: str) -> int:
        """Decisions of one outcome."""
        return dict(self.outcomes).get(outcome, 0)


@dataclass(frozen=True, slots=True)
class ApprovalRequest:
    """One run's window that needs a sign-off, or had one.

    `reasons` say why a person is asked, one line each; none where the policy lets it pass.
    `preview` and `audit` are None where nothing was looked at.
    """

    run_id: str
    mailbox_id: str
    window: Window
    folders: tuple[str, ...] | None
    reasons: tuple[str, ...]
    preview: WindowPreview | None = None
    audit: MatchAudit | None = None
    state: ApprovalState = ApprovalState.WAITING
    way: ApprovalWay | None = None
    decided_by: str | None = None
    decided_at: dt.datetime | None = None
