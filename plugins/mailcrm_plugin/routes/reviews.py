"""The review queue, and why one message is on a contact."""

import datetime as dt
from collections.abc import Collection, Iterable, Mapping
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Form, HTTPException, Request
from starlette.responses import HTMLResponse, RedirectResponse

from mailcrm.records.match_pages import CaseView, ContactLine
from mailcrm.records.review import OpenReview, Place, VerdictKind
from mailcrm.services.audit import (
    find_place,
    page_reviews,
    page_timeline,
    read_contacts,
    search_contacts,
    undo_review,
    view_case,
)
from mailcrm.services.review import run_review
from mailcrm_plugin.access import Analyst, Person, Role, judged_mailboxes
from mailcrm_plugin.evidence import draw_waterfall
from mailcrm_plugin.paging import cut_page, read_cursor, read_moment, read_number, write_cursor
from mailcrm_plugin.paths import ROOT
from mailcrm_plugin.rendering import page, part
from mailcrm_plugin.state import review_services
from mailcrm_plugin.trail import written_down

__all__ = ["router"]

router = APIRouter()
PAGE_ROWS = 25
FOUND_CONTACTS = 8
TIMELINE_ROWS = 50
_NOT_A_CONTACT = "not a contact"


@router.get("/reviews")
def list_reviews(
    request: Request, person: Analyst, mailbox: str | None = None, after: str | None = None
) -> HTMLResponse:
    """Decisions that wait for a person, latest message first."""
    rows = page_reviews(
        review_services(), judged_mailboxes(person, mailbox), _behind(after), PAGE_ROWS + 1
    )
    return page(
        request,
        person,
        "reviews.html",
        mailbox=mailbox or "",
        mailboxes=judged_mailboxes(person),
        found=cut_page(rows, PAGE_ROWS, _cursor),
        names=_names(rows),
        is_first=after is None,
    )


@router.get("/reviews/contacts")
def find_contacts(request: Request, person: Analyst, case: str, q: str = "") -> HTMLResponse:
    """Contacts to assign, as one types."""
    found = search_contacts(review_services(), q, FOUND_CONTACTS)
    return part(request, person, "found_contacts.html", found=found, case=case, q=q)


@router.post("/reviews/judge")
def judge(
    request: Request,
    person: Analyst,
    message_key: Annotated[str, Form(max_length=64)],
    role: Annotated[str, Form(max_length=8)],
    position: Annotated[int, Form(ge=0)],
    verdict: Annotated[str, Form()],
    contact_id: Annotated[str, Form(max_length=200)] = "",
    reason: Annotated[str, Form(max_length=500)] = "",
    teach: Annotated[bool, Form()] = False,
) -> HTMLResponse:
    """Store a verdict; `verdict` is accepted, rejected, assigned or nobody (not a contact)."""
    view = _find(person, Place(message_key, role, position))
    kind = VerdictKind.REJECTED if verdict == "nobody" else _kind(verdict)
    why = reason.strip() or (_NOT_A_CONTACT if verdict == "nobody" else "")
    place, chosen = view.case.place, contact_id.strip() or None
    offered = {str(one["contact_id"]) for one in view.case.candidates}
    if kind is VerdictKind.ACCEPTED and chosen is not None and chosen not in offered:
        kind = VerdictKind.ASSIGNED
    with written_down(person, "review.judge", view.case.mailbox_id, str(place), verdict=verdict):
        result = run_review(
            review_services(),
            str(place),
            kind,
            chosen,
            person.user_id,
            why,
            teach=teach,
        )
    said = result.review.verdict.contact_id
    return part(
        request,
        person,
        "review_done.html",
        case=view.case,
        review=result.review,
        taught=result.taught,
        changes=result.changes,
        names=read_contacts(review_services(), [said] if said else []),
    )


@router.post("/reviews/{review_id}/undo")
def undo(
    request: Request,
    person: Analyst,
    review_id: int,
    message_key: Annotated[str, Form(max_length=64)],
    role: Annotated[str, Form(max_length=8)],
    position: Annotated[int, Form(ge=0)],
) -> HTMLResponse:
    """Take one's own verdict back; the rules decide again, and the case waits as before."""
    view = _find(person, Place(message_key, role, position))
    if review_id not in {one.review_id for one in view.reviews}:
        raise HTTPException(404, "There is no such verdict on this message.")
    with written_down(person, "review.undo", view.case.mailbox_id, str(view.case.place)):
        undo_review(review_services(), review_id, person.user_id)
    case = _find(person, view.case.place).case
    return part(request, person, "review_case.html", case=case, names=_names([case]))


@router.get("/match/why/{message_key}")
def find_why(person: Analyst, message_key: str, contact: str | None = None) -> RedirectResponse:
    """To the decision that put a message on a contact."""
    place = find_place(review_services(), message_key, contact)
    if place is None:
        raise HTTPException(404, "There is no such message, or it is not yours to judge.")
    _find(person, place)
    return RedirectResponse(f"{ROOT}/match/why/{quote(str(place), safe='/')}", 303)


@router.get("/match/why/{message_key}/{role}/{position}")
def why(
    request: Request, person: Analyst, message_key: str, role: str, position: int
) -> HTMLResponse:
    """One decision: every candidate with its evidence, and the message as plain text."""
    view = _find(person, Place(message_key, role, position))
    candidates: list[Mapping[str, Any]] = list(view.case.candidates)
    return page(
        request,
        person,
        "why.html",
        view=view,
        case=view.case,
        names=_names([view.case], (row[0] for row in view.linked)),
        drawn=[(one, draw_waterfall(one)) for one in candidates],
    )


@router.get("/match/timeline")
def timeline(
    request: Request, person: Analyst, contact: str, after: str | None = None
) -> HTMLResponse:
    """A contact's messages out of the mailboxes that the person may judge."""
    known = read_contacts(review_services(), [contact]).get(contact)
    if known is None:
        raise HTTPException(404, "There is no such contact.")
    cursor = read_cursor(after, 2)
    behind = (read_moment(cursor[0]), str(cursor[1])) if cursor else None
    rows = page_timeline(
        review_services(), contact, judged_mailboxes(person), behind, TIMELINE_ROWS + 1
    )
    found = cut_page(
        rows, TIMELINE_ROWS, lambda row: write_cursor(row.sent_at.isoformat(), row.message_key)
    )
    return page(request, person, "timeline.html", contact=known, found=found, is_first=not after)


def _find(person: Person, place: Place) -> CaseView:
    view = view_case(review_services(), place)
    if view is None or not person.sees(view.case.mailbox_id, Role.ANALYST):
        raise HTTPException(404, "There is no such decision, or it is not yours to judge.")
    return view


def _kind(verdict: str) -> VerdictKind:
    try:
        return VerdictKind(verdict)
    except ValueError:
        raise HTTPException(422, "A verdict is accepted, rejected, assigned or nobody.") from None


def _names(cases: Iterable[OpenReview], more: Iterable[str] = ()) -> Mapping[str, ContactLine]:
    """Every contact that the cases name, by id."""
    ids = {str(one["contact_id"]) for case in cases for one in case.candidates}
    wanted: Collection[str] = ids.union(more)
    return read_contacts(review_services(), wanted)


def _cursor(case: OpenReview) -> str:
    place = case.place
    return write_cursor(case.sent_at.isoformat(), place.message_key, place.role, place.position)


def _behind(after: str | None) -> tuple[dt.datetime, Place] | None:
    cursor = read_cursor(after, 4)
    if cursor is None:
        return None
    sent_at, key, role, position = cursor
    return read_moment(sent_at), Place(str(key), str(role), read_number(position))
