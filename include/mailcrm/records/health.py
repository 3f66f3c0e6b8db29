"""How a mailbox's two directions are over time, and what people are told about it."""

import datetime as dt
from dataclasses import dataclass
from enum import StrEnum

from mailcrm.records.mailbox import Direction

__all__ = [
    "ChecklistAnswer",
    "Delivery",
    "Health",
    "HealthState",
    "LoginRefusal",
    "Notice",
    "NoticeEvent",
    "RoundTrip",
    "RoundTripState",
]


class HealthState(StrEnum):
    """One direction's health; `paused` waits for another credential and tries no login."""

    OK = "ok"
    DEGRADED = "degraded"
    BROKEN = "broken"
    PAUSED = "paused"

    @property
    def is_down(self) -> bool:
        """Whether people have to be told."""
        return self in (HealthState.BROKEN, HealthState.PAUSED)


@dataclass(frozen=True, slots=True)
class Health:
    """One direction's health since a moment; `failures` counts those in a row that may heal.

    `reason` is None while all is well.
    """

    state: HealthState
    since: dt.datetime
    failures: int = 0
    reason: str | None = None


class NoticeEvent(StrEnum):
    """What a notice tells."""

    BROKE = "broke"
    RECOVERED = "recovered"
    FAILED_SENDS = "failed_sends"


class Delivery(StrEnum):
    """What became of a notice; `no_way` where there was no connection to send it through."""

    SENT = "sent"
    FAILED = "failed"
    NO_WAY = "no_way"


@dataclass(frozen=True, slots=True)
class Notice:
    """One change of health, or failed sends since the last word, that people are told once.

    `recipient` is who looks after the credentials (rotation_owner of a shared mailbox, else the
    mailbox's own address), or failed_send_monitor for failed sends; `reason` holds no secret.
    """

    notice_id: int
    mailbox_id: str
    direction: Direction
    event: NoticeEvent
    since: dt.datetime
    reason: str
    recipient: str


@dataclass(frozen=True, slots=True)
class LoginRefusal:
    """A login that a server rejected for good, under one version of the credential."""

    refused_at: dt.datetime
    code: str | None
    advice: str


class RoundTripState(StrEnum):
    """How a test message to the mailbox's own address stands."""

    SENDING = "sending"
    SENT = "sent"
    CONFIRMED = "confirmed"
    ARRIVED_WITH_OTHER_IDENTITY = "arrived_with_other_identity"
    NOT_CONFIRMED = "not_confirmed"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class RoundTrip:
    """One test message; `request` names who asked (one Airflow run asks once).

    `detail` says what differed, or why it was refused; no secret, one line.
    """

    token: str
    mailbox_id: str
    request: str
    message_id: str
    state: RoundTripState = RoundTripState.SENDING
    detail: str | None = None


@dataclass(frozen=True, slots=True)
class ChecklistAnswer:
    """One answer of a shared mailbox's checklist."""

    answer: str
    answered_by: str
    answered_at: dt.datetime
