"""People's verdicts on decisions, and what to show them."""

import datetime as dt
import hashlib
import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass

from mailcrm.errors import SettingsError
from mailcrm.records.review import LinkChanges, OpenReview, Place, Review, Verdict, VerdictKind
from mailcrm.services.review_wiring import ReviewServices

__all__ = ["ReviewResult", "list_open_reviews", "run_review", "sample_links", "week_of"]

logger = logging.getLogger(__name__)

_ROLES = ("from", "sender", "reply_to", "to", "cc", "bcc")
_WEEK = re.compile(r"(\d{4})-W(\d{2})")
_MIN_KEY_CHARS = 8


@dataclass(frozen=True, slots=True)
class ReviewResult:
    """A stored verdict, the links that changed, and the address that a contact learned, if any."""

    review: Review
    changes: LinkChanges
    taught: str | None


def list_open_reviews(
    services: ReviewServices, mailbox_id: str | None = None, limit: int = 100
) -> Sequence[OpenReview]:
    """Decisions that wait for a person, latest message first."""
    if mailbox_id is not None:
        services.registry.read_mailbox(mailbox_id)
    return services.reviews.list_open(mailbox_id, limit)


def run_review(
    services: ReviewServices,
    named: str,
    kind: VerdictKind,
    contact_id: str | None,
    reviewer: str,
    reason: str,
    *,
    teach: bool = False,
) -> ReviewResult:
    """Store a person's verdict; from then on it holds, whatever later runs decide.

    Args:
        services: The stored decisions.
        named: MESSAGE_KEY/ROLE/POSITION, the message's key alone (its first From; the key's
            beginning is enough), or the number of an earlier verdict, which this one replaces.
        kind: accepted takes a candidate, rejected says that no contact is right, assigned names
            any contact.
        contact_id: Whom; for accepted by default the contact that the rules linked or put first.
        reviewer: Who says so.
        reason: Why, in free words; may be empty.
        teach: Give the participant's address to the contact, so that later mail matches by itself.

    Raises:
        SettingsError: nothing of that name, no contact, several candidates, or an empty reviewer.
    """
    if not reviewer.strip():
        raise SettingsError(where="review --by", problem="must name who decides")
    case = _find_case(services, named)
    contact_id = None if kind is VerdictKind.REJECTED else _choose(case, kind, contact_id)
    now = services.clock.now()
    verdict = Verdict(case.place, kind, contact_id, reviewer.strip(), reason.strip(), now)
    taught = None
    if teach and contact_id is not None and "@" in case.address:
        services.contacts.teach_address(contact_id, case.address, verdict.reviewer, now)
        taught = case.address
    review, changes = services.reviews.write_verdict(verdict, case.decided, now)
    logger.info("review.stored review=%d verdict=%s", review.review_id, kind.value)
    return ReviewResult(review, changes, taught)


def _find_case(services: ReviewServices, named: str) -> OpenReview:
    place = _find_place(services, named.strip())
    cases = services.reviews.read_places([place]) if place else ()
    if not cases:
        problem = "no such decision: mailcrm review list shows what waits"
        raise SettingsError(where=f"review {named[:80]}", problem=problem)
    return cases[0]


def _find_place(services: ReviewServices, named: str) -> Place | None:
    key, _, rest = named.partition("/")
    if not rest and key.isdecimal() and len(key) < 19:
        found = services.reviews.find_place(int(key))
        if found is not None or len(key) < _MIN_KEY_CHARS:
            return found
    if len(key) < _MIN_KEY_CHARS:
        return None
    message_key = services.reviews.find_message(key)
    role, _, position = (rest or "from/0").partition("/")
    number = position or "0"
    if message_key is None or role not in _ROLES or not number.isdecimal() or len(number) > 9:
        return None
    return Place(message_key, role, int(number))


def _choose(case: OpenReview, kind: VerdictKind, contact_id: str | None) -> str:
    """The contact of an accepted or assigned verdict."""
    where = f"review {case.place}"
    if kind is VerdictKind.ASSIGNED:
        if contact_id is None:
            raise SettingsError(where=where, problem="name the contact: --contact ID")
        return contact_id
    offered = [str(one["contact_id"]) for one in case.candidates]
    if contact_id is not None:
        if contact_id not in offered:
            problem = f"{contact_id} is no candidate: assign takes any contact"
            raise SettingsError(where=where, problem=problem)
        return contact_id
    if case.decided.outcome == "ambiguous" or case.decided.contact_id is None:
        several = ", ".join(offered) or "none: use assign"
        problem = f"say which candidate with --contact: {several}"
        raise SettingsError(where=where, problem=problem)
    return case.decided.contact_id


def week_of(text: str | None, now: dt.datetime) -> tuple[str, dt.datetime, dt.datetime]:
    """An ISO week as its name and its half-open span in UTC.

    Args:
        text: `2026-W47`; None takes the last week that is over at `now`.
        now: Aware.

    Raises:
        SettingsError: the text is no week.

    Source: ISO 8601, weeks begin on Monday.
    """
    if text is None:
        year, week, _ = (now.astimezone(dt.UTC) - dt.timedelta(days=7)).isocalendar()
        text = f"{year}-W{week:02d}"
    found = _WEEK.fullmatch(text)
    try:
        year, week = (int(found[1]), int(found[2])) if found else (0, 0)
        monday = dt.date.fromisocalendar(year, week, 1)
    except ValueError:
        raise SettingsError(where="review sample --week", problem="write it as 2026-W47") from None
    since = dt.datetime.combine(monday, dt.time(), tzinfo=dt.UTC)
    return text, since, since + dt.timedelta(days=7)


def sample_links(
    services: ReviewServices,
    since: dt.datetime,
    until: dt.datetime,
    size: int,
    seed: str,
    mailbox_id: str | None = None,
) -> tuple[Sequence[OpenReview], int]:
    """Automatic links to check by hand, drawn evenly and always the same ones.

    Args:
        services: The stored decisions.
        since: Of the messages' publishing, included.
        until: Left out.
        size: How many to draw.
        seed: Another one draws others.
        mailbox_id: Only of this mailbox.

    Returns:
        The sample, and how many there are in all. Each place's rank is the SHA-256 of seed and
        place, so that a place's fate does not depend on which others there are.
    """
    if mailbox_id is not None:
        services.registry.read_mailbox(mailbox_id)
    places = services.reviews.list_links(since, until, mailbox_id)
    drawn = sorted(places, key=lambda one: hashlib.sha256(f"{seed}|{one}".encode()).digest())
    return services.reviews.read_places(drawn[:size]), len(places)
