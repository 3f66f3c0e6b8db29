"""Task `check`: validate the staged batch, and hold back what is unfit."""

import dataclasses
import logging

from mailcrm.check import decide_drift, decide_failed_sends
from mailcrm.records import CheckReport, Lease, Window
from mailcrm.services.report import keep_run_page
from mailcrm.services.wiring import Services

logger = logging.getLogger(__name__)
COMPARED_RUNS = 30


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
    report = _compare(services, lease, report)
    services.publisher.write_report(lease, report, services.clock.now())
    if report.held:
        logger.warning(
            "check.batch_held mailbox=%s batch=%s failed=%s",
            lease.mailbox_id,
            lease.batch_id,
            ",".join(report.failed),
        )
        keep_run_page(services, lease.run_id)
    return report


def _compare(services: Services, lease: Lease, report: CheckReport) -> CheckReport:
    """Add how the batch compares with earlier runs; what is replayed is like no run."""
    if services.ledger.read_run(lease.run_id)["kind"] != "sync":
        return report
    measures = services.overview.measure_batch(lease)
    history = services.overview.read_history(lease, COMPARED_RUNS)
    results = (
        *report.results,
        *decide_drift(measures, history),
        decide_failed_sends(measures, services.settings.failed_send_share),
    )
    return dataclasses.replace(report, results=results, measures=measures)


def _check(services: Services, lease: Lease, window: Window) -> CheckReport:
    batch_hash = services.staging.batch_hash(lease.batch_id)
    return services.gate.check_batch(lease, window, batch_hash)
