"""Regular upkeep: who had no good run in time, how all are, and what can go."""

import datetime as dt
import logging
from collections import Counter
from typing import Any

from mailcrm.records import Mailbox
from mailcrm.records.chores import Freshness, HealthDigest
from mailcrm.records.health import NoticeEvent
from mailcrm.services.notices import send_notices
from mailcrm.services.status import read_status
from mailcrm.services.wiring import Services

__all__ = ["run_digest", "run_freshness", "run_retention"]

logger = logging.getLogger(__name__)


def run_freshness(services: Services, mailbox_id: str | None = None) -> tuple[Freshness, ...]:
    """Tell people, once per outage, of active mailboxes without a good run in their `freshness`.

    And once when a good run came again. `mailbox_id` None looks at all; mailboxes without a
    `freshness` are left out.

    Raises:
        StoreBusyError
    """
    wanted = [
        mailbox
        for mailbox in services.registry.list_mailboxes()
        if mailbox.freshness is not None
        and mailbox.state.value == "active"
        and mailbox_id in (None, mailbox.id)
    ]
    found = tuple(_judge(services, mailbox) for mailbox in wanted)
    for mailbox, freshness in zip(wanted, found, strict=True):
        _tell(services, mailbox, freshness)
    send_notices(services)
    return found


def run_digest(services: Services) -> HealthDigest:
    """Count how all mailboxes are; one line in the log."""
    status = read_status(services)["mailboxes"]
    digest = HealthDigest(
        mailboxes=Counter("wrong" if one["problem"] else one["state"] for one in status),
        directions=Counter(
            f"{name} {one[name]['health']}"
            for one in status
            for name in ("imap", "smtp")
            if one[name] is not None
        ),
        stale=tuple(one.mailbox_id for one in run_freshness(services) if one.is_stale),
        quarantine=_sum(status, "quarantined"),
        open_reviews=_sum(status, "open_reviews"),
        held_batches=sum(len(one["held_batches"]) for one in status),
    )
    logger.info(
        "chores.digest mailboxes=%s directions=%s stale=%d quarantine=%d reviews=%d held=%d",
        dict(digest.mailboxes),
        dict(digest.directions),
        len(digest.stale),
        digest.quarantine,
        digest.open_reviews,
        digest.held_batches,
    )
    return digest


def run_retention(services: Services) -> int:
    """Delete what no run can use any more; how many dead batches that were."""
    count = services.chores.delete_dead_staging()
    logger.info("chores.staging_cleared batches=%d", count)
    return count


def _judge(services: Services, mailbox: Mailbox) -> Freshness:
    now = services.clock.now()
    last = services.chores.read_last_good(mailbox.id) or mailbox.connected_at or now
    limit = mailbox.freshness or dt.timedelta.max
    told = services.chores.find_open_outage(mailbox.id)
    return Freshness(mailbox.id, last, now - last > limit, told)


def _tell(services: Services, mailbox: Mailbox, freshness: Freshness) -> None:
    to = mailbox.shared.rotation_owner if mailbox.shared else mailbox.address
    write = services.chores.write_outage
    if freshness.is_stale and freshness.told is None:
        reason = f"no good run since {freshness.last_good:%Y-%m-%d %H:%M} UTC"
        write(mailbox.id, NoticeEvent.BROKE, freshness.last_good, reason, to)
        logger.warning("chores.stale mailbox=%s", mailbox.id)
    if not freshness.is_stale and freshness.told is not None:
        write(mailbox.id, NoticeEvent.RECOVERED, freshness.told, "a good run came again", to)


def _sum(status: list[dict[str, Any]], name: str) -> int:
    return sum(value for one in status if isinstance(value := one.get(name), int))
