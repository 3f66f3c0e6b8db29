"""Looking into decisions, one at a time and page by page, and taking a verdict back."""

import datetime as dt
import logging
from collections.abc import Collection, Mapping, Sequence

from mailcrm.errors import SettingsError
from mailcrm.match.weights import MATCH_AT, REVIEW_AT
from mailcrm.records.match_pages import CaseView, ContactLine, SenderCount, TimelineLine
from mailcrm.records.review import LinkChanges, OpenReview, Place
from mailcrm.services.rematch import decide_stored
from mailcrm.services.review_wiring import ReviewServices

__all__ = [
    "MATCH_AT",
    "REVIEW_AT",
    "count_unmatched",
    "find_place",
    "page_reviews",
    "page_timeline",
    "read_contacts",
    "search_contacts",
    "undo_review",
    "view_case",
]

logger = logging.getLogger(__name__)


def page_reviews(
    services: ReviewServices,
    mailbox_ids: Collection[str],
    after: tuple[dt.datetime, Place] | None,
    limit: int,
) -> Sequence[OpenReview]:
    """Decisions that wait for a person, latest message first, behind `after` if given."""
    return services.looks.page_open(mailbox_ids, after, limit)


def view_case(services: ReviewServices, place: Place) -> CaseView | None:
    """One decision with its message, evidence and verdicts; None where there is none."""
    return services.looks.read_case(place)


def find_place(services: ReviewServices, message_key: str, contact_id: str | None) -> Place | None:
    """The participant of a message who is the contact; else its first From."""
    return services.looks.find_place(message_key, contact_id)


def read_contacts(
    services: ReviewServices, contact_ids: Collection[str]
) -> Mapping[str, ContactLine]:
    """Contacts by id; unknown ones are left out."""
    return services.looks.read_contacts(contact_ids)


def search_contacts(services: ReviewServices, text: str, limit: int) -> Sequence[ContactLine]:
    """Contacts whose id, name, company or address fits, by name; none for an empty text."""
    return services.looks.search_contacts(text.strip(), limit) if text.strip() else ()


def page_timeline(
    services: ReviewServices,
    contact_id: str,
    mailbox_ids: Collection[str],
    after: tuple[dt.datetime, str] | None,
    limit: int,
) -> Sequence[TimelineLine]:
    """A contact's messages out of these mailboxes, latest first."""
    return services.looks.page_timeline(contact_id, mailbox_ids, after, limit)


def count_unmatched(
    services: ReviewServices, mailbox_ids: Collection[str], days: int, limit: int
) -> Sequence[SenderCount]:
    """Senders of the last days of whom nobody is known, the most messages first."""
    since = services.clock.now() - dt.timedelta(days=days)
    return services.looks.count_unmatched(mailbox_ids, since, limit)


def undo_review(
    services: ReviewServices, review_id: int, reviewer: str
) -> tuple[Place, LinkChanges]:
    """Take one's own latest verdict on a place back, and let the rules decide on it again.

    An address that the verdict taught to a contact stays there.

    Raises:
        SettingsError: there is no such verdict, it is another person's, or was replaced.
        UnknownMailboxError: its mailbox was removed.
    """
    place = services.reviews.find_place(review_id)
    case = None if place is None else services.looks.read_case(place)
    if place is None or case is None:
        raise SettingsError(where=f"review {review_id}", problem="is not there")
    own = services.registry.read_mailbox(case.case.mailbox_id).all_own_addresses()
    decided = decide_stored(services, [place.message_key], own)
    now = services.clock.now()
    changes = services.reviews.remove_verdict(review_id, reviewer, decided, now)
    logger.info("review.taken_back review=%d", review_id)
    return place, changes
