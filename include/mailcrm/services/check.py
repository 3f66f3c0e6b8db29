"""Task `check`: validate the staged batch, and hold back what is unfit."""

import logging

from mailcrm.records import CheckReport, Lease, Window
from mailcrm.services.wiring import Services

logger = logging.getLogger(__name__)


def run_check(services: Services, lease: Lease) -> CheckReport:
    """Validate the batch and store what was found; publish needs exactly this report.

    Messages that break a row rule were held back when they were read. Should one have come
    through, it is taken out of the batch here, and the rest is validated again.

    Returns:
        The report; a failed check raises nothing, because `publish` refuses the batch.

    Raises:
        StoreBusyError, DatabaseError: the checks could not be run; nothing is stored.
        FencedError: a newer run took over.
    """
    window = services.ledger.read_window(lease)
    report = _check(services, lease, window)
    if any(result.severity == "row" and not result.passed for result in report.results):
        faults = services.gate.find_faults(lease, window)
        services.staging.quarantine_rows(lease, faults, services.clock.now())
        logger.warning(
            "check.rows_quarantined mailbox=%s batch=%s count=%d",
            lease.mailbox_id,
            lease.batch_id,
            len(faults),
        )
        report = _check(services, lease, window)
    services.publisher.write_report(lease, report, services.clock.now())
    return report


def _check(services: Services, lease: Lease, window: Window) -> CheckReport:
    batch_hash = services.staging.batch_hash(lease.batch_id)
    return services.gate.check_batch(lease, window, batch_hash)
