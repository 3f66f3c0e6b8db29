"""What the gate found."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CheckResult:
    """One check on one batch: `observed` against `limit`, both as short texts without mail text.

    `severity` is batch (holds the batch), row (its rows go to quarantine) or warning.
    """

    name: str
    group: str
    severity: str
    passed: bool
    observed: str = ""
    limit: str = ""


@dataclass(frozen=True, slots=True)
class CheckReport:
    """All checks of one batch; `batch_hash` names exactly the rows that were looked at."""

    batch_id: str
    batch_hash: str
    results: tuple[CheckResult, ...]
    measures: "BatchMeasures | None" = None

    @property
    def failed(self) -> tuple[str, ...]:
        """Names of the checks that hold the batch."""
        return tuple(r.name for r in self.results if not r.passed and r.severity == "batch")

    @property
    def held(self) -> bool:
        """Whether nothing of the batch may be published."""
        return bool(self.failed)


@dataclass(frozen=True, slots=True)
class BatchMeasures:
    """Counts of one batch that are compared with other runs of its mailbox.

    `messages` are those to publish and their copies (`duplicates`); `decided` participants are
    those not ignored; `listed` is what the window holds, over `days`; `sent` messages are
    outbound, `failed_sends` the bounces. Not `is_comparable`: the window reaches further back
    than before, or a folder is new or was numbered anew.
    """

    messages: int
    duplicates: int
    without_id: int
    undated: int
    decided: int
    matched: int
    listed: int
    days: float
    sent: int
    failed_sends: int
    is_comparable: bool
