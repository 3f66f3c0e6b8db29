"""The whole pipeline once, in the DAG's order, without Airflow."""

import datetime as dt
import resource
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from mailcrm.errors import IncompleteRunError, MailcrmError
from mailcrm.records import COUNT_NAMES, Certificate, Direction, Outcome, VerifyResult, Window
from mailcrm.services.approval import sign_off
from mailcrm.services.check import run_check
from mailcrm.services.fetch import Progress, run_fetch
from mailcrm.services.match import run_match
from mailcrm.services.plan import PlanResult, mailbox_window, require_active, run_plan
from mailcrm.services.publish import RunSummary, close_failed, read_summary, run_publish
from mailcrm.services.verify import raise_unless_usable, run_verify
from mailcrm.services.wiring import Services

STEPS = ("verify", "plan", "fetch", "parse", "dedupe", "match", "check", "publish")


@dataclass(slots=True)
class RunReport:
    """What one run did, as far as it came; `failure` is None where all went well."""

    mailbox: str
    run_id: str
    window: Window
    started_at: dt.datetime
    verify: Mapping[Direction, VerifyResult] = field(default_factory=dict)
    summary: RunSummary | None = None
    failure: MailcrmError | None = None
    bytes_received: int = 0
    commands_sent: int = 0
    seconds: dict[str, float] = field(default_factory=lambda: dict.fromkeys(STEPS, 0.0))
    total_s: float = 0.0

    @property
    def is_fine(self) -> bool:
        """Whether everything listed is accounted for; SMTP's state does not count."""
        return self.failure is None

    @property
    def is_published(self) -> bool:
        """Whether what was read is in the CRM tables."""
        states = ("published", "nothing_new", "incomplete")
        return self.summary is not None and self.summary.state in states

    def to_json(self) -> dict[str, Any]:
        """`run --json`: the stable keys."""
        summary = self.summary
        certificate = summary.certificate if summary else Certificate(())
        checks = summary.checks if summary else {"passed": 0, "failed": [], "held": False}
        return {
            "mailbox": self.mailbox,
            "run_id": self.run_id,
            "batch_id": summary.batch_id if summary else None,
            "window": {
                "since": self.window.since,
                "until": self.window.until or self.started_at,
            },
            "verify": {d.value: r.state.value for d, r in self.verify.items()},
            "published": self.is_published,
            "state": summary.state if summary else "failed",
            "folders": certificate.to_json(),
            "totals": {
                **{name: certificate.total(name) for name in COUNT_NAMES},
                "balanced": certificate.balanced,
            },
            "decisions": dict(summary.decisions) if summary else no_decisions(),
            "checks": {name: checks[name] for name in ("passed", "failed", "held")},
            "problems": list(summary.problems) if summary else [],
            "notes": list(summary.notes) if summary else [],
            "bytes_received": self.bytes_received,
            "commands_sent": self.commands_sent,
            "seconds": {
                **{step: round(self.seconds[step], 3) for step in STEPS},
                "total": round(self.total_s, 3),
            },
            "peak_rss_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
        }


def no_decisions() -> dict[str, int]:
    """All outcomes, none of them met."""
    return dict.fromkeys((outcome.value for outcome in Outcome), 0)


def run_mailbox(
    services: Services,
    mailbox_id: str,
    since: dt.datetime | None = None,
    until: dt.datetime | None = None,
    folders: Sequence[str] | None = None,
    progress: Progress | None = None,
    accept_vanished: bool = False,
    asked_by: str = "command line",
) -> RunReport:
    """Verify, plan, fetch, match, check and publish one mailbox.

    Being asked for by a person (`asked_by`), it is itself the sign-off of its window.

    Raises:
        UnknownMailboxError, SettingsError: before anything was tried. Later errors are the
            report's `failure`, beside everything that is known by then.
    """
    mailbox = services.registry.read_mailbox(mailbox_id)
    require_active(mailbox)
    now = services.clock.now()
    report = RunReport(
        mailbox=mailbox_id,
        run_id=f"{mailbox_id}/cli__{now.isoformat()}",
        window=mailbox_window(services, mailbox, since, until),
        started_at=now,
    )
    if since is not None or until is not None:
        sign_off(services, mailbox_id, report.run_id, since, until, folders, asked_by)
    started = services.clock.monotonic()
    try:
        _verify(services, report)
        started_plan = (report.mailbox, report.run_id, since, until, folders, accept_vanished)
        _run_steps(services, report, run_plan(services, *started_plan), progress)
    except MailcrmError as error:
        report.failure = error
    report.total_s = services.clock.monotonic() - started
    return report


def _verify(services: Services, report: RunReport) -> None:
    started = services.clock.monotonic()
    report.verify = run_verify(services, report.mailbox, list(Direction))
    report.seconds["verify"] = services.clock.monotonic() - started
    raise_unless_usable(report.mailbox, report.verify[Direction.IMAP])


def _run_steps(
    services: Services, report: RunReport, plan: PlanResult, progress: Progress | None
) -> None:
    report.seconds["plan"] = plan.seconds
    report.bytes_received += plan.bytes_received
    report.commands_sent += plan.commands_sent
    try:
        if plan.slices:
            _run_batch(services, report, plan, progress)
    except MailcrmError as error:
        close_failed(services, plan.lease)
        report.summary = read_summary(services, report.run_id)
        raise error
    report.summary = read_summary(services, report.run_id)
    report.summary.raise_unless_complete()


def _run_batch(
    services: Services, report: RunReport, plan: PlanResult, progress: Progress | None
) -> None:
    clock, lease, seconds = services.clock, plan.lease, report.seconds
    services.gate.start_import()
    failure = _fetch_slices(services, report, plan, progress)
    if failure is not None and len(plan.slices) == 1:
        raise failure
    matched = run_match(services, lease)
    seconds["dedupe"], seconds["match"] = matched.dedupe_s, matched.match_s
    started = clock.monotonic()
    run_check(services, lease)
    checked = clock.monotonic()
    seconds["check"] = checked - started
    try:
        run_publish(services, lease)
    except IncompleteRunError as error:
        raise failure or error from None
    finally:
        seconds["publish"] = clock.monotonic() - checked


def _fetch_slices(
    services: Services, report: RunReport, plan: PlanResult, progress: Progress | None
) -> MailcrmError | None:
    """Read all slices; the first failure is kept, and harms no other slice."""
    failure: MailcrmError | None = None
    for part in plan.slices:
        try:
            result = run_fetch(services, plan.lease, part, progress)
        except MailcrmError as error:
            failure = failure or error
            continue
        report.bytes_received += result.bytes_received
        report.commands_sent += result.commands_sent
        report.seconds["fetch"] += result.fetch_s
        report.seconds["parse"] += result.parse_s
    return failure
