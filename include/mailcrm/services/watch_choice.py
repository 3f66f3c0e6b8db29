"""Which mailboxes are watched for new mail."""

from collections.abc import Mapping, Sequence
from typing import Final

from mailcrm.records import Direction, Mailbox, MailboxState
from mailcrm.records.registry import RegistryEntry

__all__ = ["explain_capacity", "is_watched", "plan_capacity"]

LEAST_CAPACITY: Final = 1000
# Beside watched mailboxes: deferred tasks, and mailboxes that are connected before a restart.
SPARE_CAPACITY: Final = 100


def is_watched(mailbox: Mailbox, health: Mapping[str, Mapping[str, object]]) -> bool:
    """Whether new mail starts a run.

    As the entry's `idle` says. Where it says nothing: when the last verification saw IDLE, and
    the mailbox has a schedule at all (one without runs by hand only).
    """
    if mailbox.idle is not None:
        return mailbox.idle
    has_idle = health.get(Direction.IMAP.value, {}).get("offers_idle") is True
    return has_idle and mailbox.schedule is not None


def plan_capacity(mailboxes: int) -> int:
    """How many triggers a triggerer must take for so many mailboxes (`[triggerer] capacity`)."""
    return max(LEAST_CAPACITY, mailboxes + SPARE_CAPACITY)


def explain_capacity(entries: Sequence[RegistryEntry], capacity: int) -> str | None:
    """What to do where more mailboxes are watched than triggerers take; None where all is well.

    Airflow says nothing: the triggers beyond its capacity wait, unassigned.
    """
    watched = sum(
        entry.mailbox is not None
        and entry.state is MailboxState.ACTIVE
        and is_watched(entry.mailbox, entry.health)
        for entry in entries
    )
    if watched <= capacity:
        return None
    return (
        f"{watched} mailboxes are watched for new mail, and the triggerers take {capacity}: set "
        f"MAILCRM_TRIGGERER_CAPACITY and [triggerer] capacity to {plan_capacity(watched)}"
    )
