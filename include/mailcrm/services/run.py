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
from mailcrm.services.fetch_beside import fetch_slices
from mailcrm.services.match import run_match
from mailcrm.services.plan import PlanResult, mailbox_window, require_active, run_plan
from mailcrm.services.publish import RunSummary, close_failed, read_summary, run_publish
from mailcrm.services.verify import raise_unless_usable, run_verify
from mailcrm.services.wiring import Services

_SELF, _CHILDREN = resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN
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
            "peak_rss_mb": peak_rss_mb(),
        }


def peak_rss_mb() -> float:
    """Peak memory of this process and of its largest child, together."""
    peaks = (resource.getrusage(who).ru_maxrss for who in (_SELF, _CHILDREN))
    return round(sum(peaks) / 1024, 1)


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
    started = services.clock.monotonic()
    try:
        if since is not None or until is not None:
            sign_off(services, mailbox_id, report.run_id, since, until, folders, asked_by)
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
    """Read all slices; the seconds of both processes are shares of what the clock says."""
    started = services.clock.monotonic()
    results, failure = fetch_slices(
        plan.lease,
        plan.slices,
        lambda part: run_fetch(services, plan.lease, part, progress),
        services.start_helper,
    )
    elapsed = services.clock.monotonic() - started
    report.bytes_received += sum(result.bytes_received for result in results)
    report.commands_sent += sum(result.commands_sent for result in results)
    parse_s = sum(result.parse_s for result in results)
    share = parse_s / max(1e-9, parse_s + sum(result.fetch_s for result in results))
    report.seconds["parse"] = elapsed * share
    report.seconds["fetch"] = elapsed - report.seconds["parse"]
    return failure
