"""Tells people once when a direction breaks or works again, and of failed sends."""

import logging

from mailcrm.errors import MailcrmError
from mailcrm.records import Delivery
from mailcrm.services.wiring import Services

__all__ = ["send_notices"]

logger = logging.getLogger(__name__)


def send_notices(services: Services) -> int:
    """Send every notice that waits; each is claimed first, so that it goes out once.

    One that could not be delivered waits for the next verification, a few times. Never raises: a
    broken webhook stops no verification.

    Returns:
        How many went out.
    """
    sent = 0
    try:
        for notice in services.upkeep.notices.claim_notices(services.clock.now()):
            delivery = services.upkeep.notifier.send(notice)
            services.upkeep.notices.finish_notice(notice.notice_id, delivery, services.clock.now())
            sent += delivery is Delivery.SENT
        for notice in services.upkeep.failed_sends.claim_failed_sends(services.clock.now()):
            is_sent = services.upkeep.notifier.send(notice) is Delivery.SENT
            sent += is_sent
            if not is_sent:
                services.upkeep.failed_sends.release_failed_sends(notice)
    except MailcrmError as error:
        logger.warning("credentials.notices_failed error=%s", type(error).__name__)
    return sent
