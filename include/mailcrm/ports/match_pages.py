"""Port towards decisions, contacts and conversations, for people on pages."""

import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from typing import Protocol

from mailcrm.records.match_pages import CaseView, ContactLine, SenderCount, TimelineLine
from mailcrm.records.review import OpenReview, Place

__all__ = ["MatchPages"]


class MatchPages(Protocol):
    """Read-only looks, page by page, of some mailboxes."""

    def page_open(
        self, mailbox_ids: Collection[str], after: tuple[dt.datetime, Place] | None, limit: int
    ) -> Sequence[OpenReview]:
        """Decisions that wait for a person, latest message first, behind `after` if given."""
        ...

    def read_case(self, place: Place) -> CaseView | None:
        """One decision with its message; None where there is none."""
        ...

    def find_place(self, message_key: str, contact_id: str | None) -> Place | None:
        """Where a message names a contact, or its first From; None where it has neither."""
        ...

    def read_contacts(self, contact_ids: Collection[str]) -> Mapping[str, ContactLine]:
        """Contacts by id; unknown ones are left out."""
        ...

    def search_contacts(self, text: str, limit: int) -> Sequence[ContactLine]:
        """Contacts whose id, name, company or address holds the text, by name."""
        ...

    def page_timeline(
        self,
        contact_id: str,
        mailbox_ids: Collection[str],
        after: tuple[dt.datetime, str] | None,
        limit: int,
    ) -> Sequence[TimelineLine]:
        """A contact's messages, latest first, behind (sent_at, message_key) if given."""
        ...

    def count_unmatched(
        self, mailbox_ids: Collection[str], since: dt.datetime, limit: int
    ) -> Sequence[SenderCount]:
        """Senders of whom nobody is known, of messages sent since then, the most first."""
        ...
