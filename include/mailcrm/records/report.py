"""One run, as its report page shows it."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mailcrm.records.check import CheckResult


@dataclass(frozen=True, slots=True)
class HeldReason:
    """How many messages of a run one rule held back, and what became of them."""

    rule: str
    reason: str
    state: str
    count: int


@dataclass(frozen=True, slots=True)
class RunPage:
    """Everything of one run that people look at; no text of any mail.

    `folders` are the certificate's rows as `run --json` prints them. `history` tells, for each
    check by name, whether it passed in the mailbox's earlier runs, oldest first. Moments are
    aware UTC; `finished_at` is None while the run goes on.
    """

    run_id: str
    mailbox_id: str
    batch_id: str
    kind: str
    state: str
    window_since: dt.datetime
    window_until: dt.datetime
    started_at: dt.datetime
    finished_at: dt.datetime | None
    folders: tuple[Mapping[str, Any], ...]
    decisions: Mapping[str, int]
    checks: tuple[CheckResult, ...]
    history: Mapping[str, tuple[bool, ...]]
    quarantine: tuple[HeldReason, ...]
    problems: tuple[str, ...]
    notes: tuple[str, ...]
    versions: Mapping[str, str]
    released_by: str | None
    release_reason: str | None

    @property
    def file_stem(self) -> str:
        """The name of the run's files: sorts by time, and says nothing of its own."""
        return f"{self.started_at:%Y%m%dT%H%M%S%f}-{self.batch_id[:12]}"
