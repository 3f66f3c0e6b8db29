"""Ports towards what is known of logins, and towards the people who are told."""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from mailcrm.records import (
    ChecklistAnswer,
    Delivery,
    Direction,
    LoginRefusal,
    Notice,
    RoundTrip,
    RoundTripState,
)


class Logins(Protocol):
    """Which versions of a credential a server has rejected for good.

    `version` is a keyed digest of server, username and secret; the secret cannot be told from it.
    """

    def find_refusal(
        self, mailbox_id: str, direction: Direction, version: str
    ) -> LoginRefusal | None:
        """The refusal of exactly this version, None where it was never rejected."""
        ...

    def write_refusal(
        self, mailbox_id: str, direction: Direction, version: str, refusal: LoginRefusal
    ) -> None:
        """Keep that this version was rejected; the first refusal stays."""
        ...

    def lift_refusals(self, mailbox_id: str) -> int:
        """Let every version be tried once more; how many were kept back."""
        ...


class Notices(Protocol):
    """The notices that wait to go out; each is claimed before it is sent."""

    def claim_notices(self, now: dt.datetime) -> Sequence[Notice]:
        """Take every waiting notice, so that nobody else sends it; oldest first."""
        ...

    def finish_notice(self, notice_id: int, delivery: Delivery, now: dt.datetime) -> None:
        """Keep that it went out; or let it wait for another try, a few times.

        Where there was no way to send it, nothing was tried: that does not count.
        """
        ...


class FailedSends(Protocol):
    """Bounces that a shared mailbox received, and who watches for them."""

    def claim_failed_sends(self, now: dt.datetime) -> Sequence[Notice]:
        """Take all that nobody was told of yet, as one notice for each mailbox and monitor."""
        ...

    def release_failed_sends(self, notice: Notice) -> None:
        """Let what a claimed notice told of wait again; it could not be sent."""
        ...


class Notifier(Protocol):
    """Tells people."""

    def send(self, notice: Notice) -> Delivery:
        """Whether somebody took it. Never raises."""
        ...


class RoundTrips(Protocol):
    """Test messages: each is written down before it is sent, so that it is sent at most once."""

    def begin_trip(self, trip: RoundTrip, now: dt.datetime) -> RoundTrip | None:
        """Keep a trip that is about to begin.

        Returns:
            None where it is kept now; else the trip that the same request began before.
        """
        ...

    def finish_trip(
        self, token: str, state: RoundTripState, detail: str | None, now: dt.datetime
    ) -> None:
        """Keep how it stands."""
        ...

    def find_test_messages(self, mailbox_id: str, message_ids: Sequence[str]) -> frozenset[str]:
        """Those Message-IDs that are of our own test messages to this mailbox."""
        ...


class Answers(Protocol):
    """The shared mailbox's checklist: who answered what, and when."""

    def write_answers(
        self, mailbox_id: str, answers: Mapping[str, str], answered_by: str, now: dt.datetime
    ) -> None:
        """Keep answers by question; one that says the same as before keeps its who and when."""
        ...

    def read_answers(self, mailbox_id: str) -> Mapping[str, ChecklistAnswer]:
        """The answers by question."""
        ...


@dataclass(frozen=True, slots=True)
class Upkeep:
    """The ports that keep a mailbox's connections healthy."""

    logins: Logins
    notices: Notices
    failed_sends: FailedSends
    notifier: Notifier
    trips: RoundTrips
    answers: Answers
