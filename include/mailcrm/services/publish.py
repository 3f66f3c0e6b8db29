"""Task `publish`: the CRM tables change, once, or nothing does."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mailcrm.errors import BatchOutdatedError, ChecksFailedError, IncompleteRunError
from mailcrm.records import Certificate, Lease, PublishCounts
from mailcrm.services.check import run_check
from mailcrm.services.match import run_match
from mailcrm.services.report import keep_run_page
from mailcrm.services.wiring import Services

logger = logging.getLogger(__name__)
MATCH_ATTEMPTS = 5


@dataclass(frozen=True, slots=True)
class RunSummary:
    """How a run ended: state, certificate, decisions by outcome, and the gate's findings."""

    run_id: str
    batch_id: str
    state: str
    certificate: Certificate
    decisions: Mapping[str, int]
    checks: Mapping[str, Any]
    problems: tuple[str, ...]
    notes: tuple[str, ...]

    def raise_unless_complete(self) -> None:
        """A gap is never green.

        Raises:
            ChecksFailedError: the gate held the batch.
            IncompleteRunError: messages or folders are still open.
        """
        if self.state == "held":
            failed = ", ".join(self.checks["failed"])
            raise ChecksFailedError(batch_id=self.batch_id, failed=failed)
        if self.state not in ("published", "nothing_new"):
            raise IncompleteRunError(run_id=self.run_id, detail=self._open_detail())

    def _open_detail(self) -> str:
        counts = [
            f"{self.certificate.total(name)} {name}"
            for name in ("pending", "unavailable")
            if self.certificate.total(name)
        ]
        if not self.certificate.balanced:
            counts.append("the certificate does not balance")
        return "; ".join([*counts, *self.problems]) or f"the run ended {self.state}"


def run_publish(services: Services, lease: Lease) -> RunSummary:
    """Publish exactly the batch that the gate passed; doing it again changes nothing.

    Raises:
        ChecksFailedError: the gate held the batch; nothing was published.
        IncompleteRunError: published, but something listed is still open.
        BatchOutdatedError, PublishConflictError, FencedError, StoreBusyError
    """
    counts = _publish(services, lease)
    logger.info(
        "publish.done mailbox=%s published=%d duplicate=%d",
        lease.mailbox_id,
        counts.published,
        counts.duplicate,
    )
    keep_run_page(services, lease.run_id)
    summary = read_summary(services, lease.run_id)
    summary.raise_unless_complete()
    return summary


def _publish(services: Services, lease: Lease) -> PublishCounts:
    """Publish; what another mailbox published since the batch was matched is taken into account.

    A batch that a person released is published as it was released, or not at all.
    """
    shared = services.registry.read_mailbox(lease.mailbox_id).shared
    for _ in range(MATCH_ATTEMPTS - 1):
        try:
            return services.publisher.publish_batch(lease, services.clock.now(), shared)
        except BatchOutdatedError:
            if services.ledger.read_run(lease.run_id)["release_reason"]:
                raise
            logger.info("publish.match_again mailbox=%s", lease.mailbox_id)
            run_match(services, lease)
            run_check(services, lease)
    return services.publisher.publish_batch(lease, services.clock.now(), shared)


def close_failed(services: Services, lease: Lease) -> None:
    """Mark a run that an error ended as failed; one that ended otherwise stays as it is."""
    if services.ledger.read_run(lease.run_id)["state"] == "running":
        services.ledger.finish_run(lease, "failed", services.clock.now())


def read_summary(services: Services, run_id: str) -> RunSummary:
    """What is stored of a run, with the certificate as the ledger gives it now."""
    run = services.ledger.read_run(run_id)
    nothing = {"passed": 0, "failed": [], "held": False, "results": []}
    return RunSummary(
        run_id=run_id,
        batch_id=str(run["batch_id"]),
        state=str(run["state"]),
        certificate=services.ledger.certificate(run_id),
        decisions=run["decisions"] or services.staging.count_outcomes(str(run["batch_id"])),
        checks=run["checks"] or nothing,
        problems=tuple(run["problems"] or ()),
        notes=tuple(run["notes"] or ()),
    )
