"""Ports towards decisions that people judge, and towards deciding again."""

import datetime as dt
from collections.abc import Collection, Sequence
from typing import Protocol

from mailcrm.records import Decision, MessageContext
from mailcrm.records.review import (
    LinkChanges,
    OpenReview,
    Place,
    Review,
    RulesDecision,
    Verdict,
)

__all__ = ["Rematch", "Reviews"]


class Reviews(Protocol):
    """What people are asked, and what they said."""

    def list_open(self, mailbox_id: str | None, limit: int) -> Sequence[OpenReview]:
        """Possible and ambiguous decisions that nobody judged, latest message first."""
        ...

    def list_links(
        self, since: dt.datetime, until: dt.datetime, mailbox_id: str | None
    ) -> Sequence[Place]:
        """Places that the rules matched in messages published in [since, until), in order."""
        ...

    def read_places(self, places: Collection[Place]) -> Sequence[OpenReview]:
        """The decisions on these places as they are now, by place; unknown ones are left out."""
        ...

    def find_place(self, review_id: int) -> Place | None:
        """What an earlier verdict is about."""
        ...

    def find_message(self, start: str) -> str | None:
        """The one message whose key begins so; None where there is none, or several."""
        ...

    def write_verdict(
        self, verdict: Verdict, decided: RulesDecision, now: dt.datetime
    ) -> tuple[Review, LinkChanges]:
        """Store a verdict and change decisions and links accordingly, in one transaction."""
        ...

    def remove_verdict(
        self,
        review_id: int,
        reviewer: str,
        decided: Sequence[tuple[MessageContext, Sequence[Decision]]],
        now: dt.datetime,
    ) -> LinkChanges:
        """Take back a verdict that the same person gave last on its place, and write what the
        rules say of its message, in one transaction.

        Raises:
            SettingsError: there is none of that number, another person's, or a later one.
        """
        ...

    def list_reviews(self) -> Sequence[Review]:
        """The latest verdict on each place, by review_id."""
        ...


class Rematch(Protocol):
    """Published messages, to be decided on again."""

    def find_touched(self, mailbox_id: str) -> Collection[str]:
        """Message keys of a mailbox whose decisions may differ now.

        Those made by other rules, those that name a contact that changed or went, and those with
        a participant to whom a contact that changed may belong.
        """
        ...

    def find_neighbours(self, keys: Collection[str]) -> Collection[str]:
        """Keys of other messages in the same conversations."""
        ...

    def read_contexts(self, keys: Collection[str]) -> Sequence[MessageContext]:
        """The messages as `match` sees them, by key; the ledger's place of each is 0."""
        ...

    def write_decisions(
        self, rows: Sequence[tuple[MessageContext, Sequence[Decision]]], now: dt.datetime
    ) -> LinkChanges:
        """Replace the rules' decisions, and make the links follow; people's verdicts hold."""
        ...

    def write_mark(self, mailbox_id: str, contacts_at: dt.datetime) -> None:
        """Remember that contacts up to then were considered on all the mailbox's messages."""
        ...

    def count_verdicts(self, keys: Collection[str]) -> int:
        """Of how many of the messages' participants a person's verdict stands."""
        ...
