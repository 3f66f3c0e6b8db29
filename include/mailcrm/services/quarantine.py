"""`quarantine replay` and `discard`: what becomes of the messages that were held back."""

import datetime as dt
import itertools
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from mailcrm.errors import IncompleteRunError, MailcrmError, SettingsError
from mailcrm.records import FetchedMessage, Lease, Mailbox, StagedMessage, Window
from mailcrm.records.holds import HeldMessage
from mailcrm.services.check import run_check
from mailcrm.services.fetch import stage_message
from mailcrm.services.match import run_match
from mailcrm.services.plan import require_active
from mailcrm.services.publish import read_summary, run_publish
from mailcrm.services.wiring import Services

__all__ = ["ReplayReport", "discard_message", "replay_messages"]

logger = logging.getLogger(__name__)
CHUNK = 50
MARGIN = dt.timedelta(seconds=1)


@dataclass(slots=True)
class ReplayReport:
    """What became of one mailbox's held messages.

    `published` and `duplicate` count those that pass now; `failed` names number and rule of those
    that do not. `without_bytes` are read again by the mailbox's next run; `unsettled` belong to
    a batch that is not published yet. `failure` is None where all went well.
    """

    mailbox: str
    run_id: str | None = None
    batch_id: str | None = None
    published: int = 0
    duplicate: int = 0
    failed: list[tuple[int, str]] = field(default_factory=list)
    without_bytes: list[int] = field(default_factory=list)
    unsettled: list[int] = field(default_factory=list)
    failure: MailcrmError | None = None

    def to_json(self) -> dict[str, Any]:
        """The report as plain values."""
        return {
            "mailbox": self.mailbox,
            "run_id": self.run_id,
            "batch_id": self.batch_id,
            "published": self.published,
            "duplicate": self.duplicate,
            "failed": [{"quarantine_id": number, "rule": rule} for number, rule in self.failed],
            "without_bytes": list(self.without_bytes),
            "unsettled": list(self.unsettled),
            "error": None if self.failure is None else str(self.failure),
        }


def replay_messages(
    services: Services,
    mailbox_id: str | None = None,
    quarantine_id: int | None = None,
    rule: str | None = None,
) -> list[ReplayReport]:
    """Judge held messages by today's parser and checks, and publish those that pass.

    They go the way of every message: staged as a batch of their own, matched, checked and
    published under a lease of their mailbox. One mailbox's trouble harms no other.

    Raises:
        SettingsError: there is no held message of that number.
    """
    held = services.holds.find_held(mailbox_id, quarantine_id, rule)
    if quarantine_id is not None and not held:
        raise SettingsError(
            where=f"quarantine {quarantine_id}",
            problem="no such message is held: mailcrm quarantine list shows them",
        )
    reports = []
    for owner, rows in itertools.groupby(held, key=lambda row: row.mailbox_id):
        report = ReplayReport(owner)
        reports.append(report)
        try:
            _replay_mailbox(services, report, list(rows))
        except MailcrmError as error:
            report.failure = error
    return reports


def discard_message(services: Services, quarantine_id: int, by: str, reason: str) -> None:
    """Give up one held message; certificates go on counting it as quarantined.

    Raises:
        SettingsError: see `ports.Holds.discard`.
    """
    services.holds.discard(quarantine_id, by, reason, services.clock.now())
    logger.info("quarantine.discarded quarantine_id=%d", quarantine_id)


def _replay_mailbox(services: Services, report: ReplayReport, rows: list[HeldMessage]) -> None:
    mailbox = services.registry.read_mailbox(report.mailbox)
    require_active(mailbox)
    report.unsettled += [row.quarantine_id for row in rows if not row.is_settled]
    settled = [row for row in rows if row.is_settled]
    report.without_bytes += [row.quarantine_id for row in settled if not row.has_raw]
    window = _window_around(settled, services.clock.now())
    passing = [
        row for row in settled if row.has_raw and _passes(services, mailbox, window, row, report)
    ]
    if passing:
        _publish(services, mailbox, window, passing, report)
    logger.info(
        "quarantine.replayed mailbox=%s published=%d duplicate=%d failed=%d",
        mailbox.id,
        report.published,
        report.duplicate,
        len(report.failed),
    )


def _window_around(rows: Sequence[HeldMessage], now: dt.datetime) -> Window:
    """Asked for by name, no message lies outside: the window is theirs."""
    moments = [row.internaldate for row in rows if row.internaldate is not None] or [now]
    return Window(min(moments), max(moments) + MARGIN)


def _passes(
    services: Services, mailbox: Mailbox, window: Window, row: HeldMessage, report: ReplayReport
) -> bool:
    """Whether it passes now; else the attempt is counted, and nothing else changes."""
    judged = _judge(services, mailbox, window, row)
    if judged.disposition != "quarantined":
        return True
    rule, reason = judged.rule or "unknown", judged.reason or ""
    services.holds.count_attempt(row.quarantine_id, rule, reason, services.clock.now())
    report.failed.append((row.quarantine_id, rule))
    return False


def _judge(services: Services, mailbox: Mailbox, window: Window, row: HeldMessage) -> StagedMessage:
    raw = services.holds.read_raw(row.quarantine_id)
    message = FetchedMessage(row.uid, row.internaldate, row.size_bytes or len(raw), (), raw)
    return stage_message(message, mailbox, window, services)


def _publish(
    services: Services,
    mailbox: Mailbox,
    window: Window,
    rows: list[HeldMessage],
    report: ReplayReport,
) -> None:
    """The batch's way, as in a run; what is cut short is taken up by the mailbox's next run."""
    now = services.clock.now()
    report.run_id = f"{mailbox.id}/replay__{now.isoformat()}"
    lease = services.ledger.take_lease(mailbox.id, report.run_id, window, now, kind="replay")
    report.batch_id = lease.batch_id
    try:
        for generation_id, group in itertools.groupby(rows, key=lambda row: row.generation_id):
            _stage(services, mailbox, window, lease, generation_id, list(group))
        run_match(services, lease)
        run_check(services, lease)
        run_publish(services, lease)
    except IncompleteRunError:
        pass  # published; what is open is counted below
    except MailcrmError:
        if read_summary(services, report.run_id).state == "running":
            services.ledger.finish_run(lease, "failed", services.clock.now())
        raise
    certificate = services.ledger.certificate(report.run_id)
    report.published = certificate.total("published")
    report.duplicate = certificate.total("duplicate")


def _stage(
    services: Services,
    mailbox: Mailbox,
    window: Window,
    lease: Lease,
    generation_id: int,
    rows: list[HeldMessage],
) -> None:
    uids = [row.uid for row in rows]
    now = services.clock.now()
    services.ledger.write_listing(lease, generation_id, [], [], uids, now)
    services.ledger.write_counts(lease, generation_id, len(rows), 0)
    for start in range(0, len(rows), CHUNK):
        staged = [_judge(services, mailbox, window, row) for row in rows[start : start + CHUNK]]
        services.staging.write_messages(lease, generation_id, staged, now)
