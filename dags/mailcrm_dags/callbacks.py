"""What Airflow calls beside tasks; it has to be importable in the triggerer."""

import asyncio
import logging
from typing import Any

from mailcrm_dags.connections import AirflowCredentials

__all__ = ["tell_stale"]

logger = logging.getLogger(__name__)


async def tell_stale(mailbox_id: str, **_: Any) -> None:
    """A run did not end well within its mailbox's freshness: tell people, once per outage."""
    await asyncio.to_thread(_tell, mailbox_id)


def _tell(mailbox_id: str) -> None:
    from mailcrm.services.chores import run_freshness
    from mailcrm.services.wiring import open_services

    with open_services(credentials=AirflowCredentials()) as services:
        found = run_freshness(services, mailbox_id)
    for freshness in found:
        logger.warning("chores.deadline mailbox=%s stale=%s", mailbox_id, freshness.is_stale)
