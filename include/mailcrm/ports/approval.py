"""Port towards the sign-offs of windows."""

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Protocol

from mailcrm.records.approval import ApprovalRequest, ApprovalState, ApprovalWay, MatchAudit

__all__ = ["Approvals"]


class Approvals(Protocol):
    """Who signed off which window, and what there is to judge by."""

    def write_request(self, request: ApprovalRequest, now: dt.datetime) -> None:
        """Keep what was asked; a decision that is there already stays."""
        ...

    def write_decision(
        self, run_id: str, state: ApprovalState, way: ApprovalWay, by: str, now: dt.datetime
    ) -> None:
        """Keep the decision; the first one stays."""
        ...

    def read_request(self, run_id: str) -> ApprovalRequest | None:
        """What was asked for a run, and how it stands; None where nothing was."""
        ...

    def list_requests(self, mailbox_id: str) -> Sequence[ApprovalRequest]:
        """All of a mailbox, latest first."""
        ...

    def read_coverage(
        self, mailbox_id: str
    ) -> Mapping[str, Sequence[tuple[dt.datetime, dt.datetime]]]:
        """Intervals that were read in full, by folder, of each folder's latest generation."""
        ...

    def read_audit(self, mailbox_id: str, sample_size: int) -> MatchAudit:
        """How matching did on this mailbox's messages; precision is not filled in."""
        ...

    def read_pace(self, mailbox_id: str) -> float | None:
        """Messages a second of the mailbox's latest runs, from start to end; None before them."""
        ...
