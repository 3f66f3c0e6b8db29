"""`batch release`: a person publishes what the gate holds."""

import logging

from mailcrm.errors import MailcrmError
from mailcrm.services.publish import RunSummary, read_summary, run_publish
from mailcrm.services.wiring import Services

__all__ = ["release_batch"]

logger = logging.getLogger(__name__)


def release_batch(services: Services, batch_id: str, by: str, reason: str) -> RunSummary:
    """Publish exactly the held batch, and record who wanted it and why.

    A sync of the mailbox that is under way loses its right to write; the next one carries on.

    Returns:
        How the run ended; incomplete is no error here, because the batch itself is published.

    Raises:
        SettingsError, PublishConflictError: see `ports.Holds.take_held_batch`; nothing changed.
        StoreBusyError: try again; releasing twice publishes once.
    """
    lease = services.holds.take_held_batch(batch_id, by, reason, services.clock.now())
    logger.warning(
        "publish.batch_released mailbox=%s batch=%s run=%s",
        lease.mailbox_id,
        lease.batch_id,
        lease.run_id,
    )
    try:
        return run_publish(services, lease)
    except MailcrmError:
        summary = read_summary(services, lease.run_id)
        if summary.state != "incomplete":
            raise
        return summary
