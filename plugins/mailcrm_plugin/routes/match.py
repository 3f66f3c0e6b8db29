"""How well messages find their contacts: rates, precision, scores, and who is unknown."""

import threading
from typing import Annotated

from fastapi import APIRouter, Form, HTTPException, Request
from starlette.responses import HTMLResponse, Response

from mailcrm.services.match_quality import (
    UNKNOWN_DAYS,
    MatchQuality,
    draw_chart,
    measure_quality,
    rate_rules,
)
from mailcrm.services.rematch import run_rematch
from mailcrm_plugin.access import Analyst, Role, judged_mailboxes
from mailcrm_plugin.rendering import page, part
from mailcrm_plugin.state import review_services, services
from mailcrm_plugin.trail import written_down

__all__ = ["router"]

router = APIRouter()
KEPT_S = 300.0
SHOWN_LINKS = 100
_OUTCOMES = (
    ("matched", "ok"),
    ("possible", "warn"),
    ("ambiguous", "bad"),
    ("unmatched", "idle"),
    ("ignored", "soft"),
)
_lock = threading.Lock()
_kept: dict[tuple[str, ...], tuple[float, MatchQuality]] = {}


@router.get("/match")
def show_quality(request: Request, person: Analyst, mailbox: str | None = None) -> HTMLResponse:
    """Precision by people's verdicts; the counts follow, as they take longer on much mail."""
    judged_mailboxes(person, mailbox)
    rules, reviews = rate_rules(review_services())
    return page(
        request,
        person,
        "match.html",
        mailbox=mailbox or "",
        mailboxes=judged_mailboxes(person),
        rules=rules,
        reviews=reviews,
        may_rematch=bool(mailbox) and person.sees(str(mailbox), Role.OPERATOR),
    )


@router.get("/match/counts")
def show_counts(request: Request, person: Analyst, mailbox: str | None = None) -> HTMLResponse:
    """Rates, charts and unknown senders of one mailbox, or of all that the person may judge."""
    quality = _measure(judged_mailboxes(person, mailbox))
    totals = quality.totals()
    return part(
        request,
        person,
        "match_counts.html",
        mailbox=mailbox or "",
        quality=quality,
        parts=[(name, totals.get(name, 0), tone) for name, tone in _OUTCOMES],
        days=UNKNOWN_DAYS,
    )


@router.get("/match/charts/{name}.svg")
def chart(person: Analyst, name: str, mailbox: str | None = None, theme: str = "") -> Response:
    """One chart as a picture, for a light or a dark page."""
    quality = _measure(judged_mailboxes(person, mailbox))
    svg = draw_chart(review_services(), name, quality, dark=theme == "dark")
    if svg is None:
        raise HTTPException(404, "There is no such chart.")
    policy = "default-src 'none'; style-src 'unsafe-inline'; sandbox"
    return Response(svg, media_type="image/svg+xml", headers={"Content-Security-Policy": policy})


@router.post("/match/rematch")
def rematch(
    request: Request, person: Analyst, mailbox: Annotated[str, Form(max_length=40)]
) -> HTMLResponse:
    """Decide again on what contacts or rules that changed can touch; shows what that changed."""
    person.check(mailbox, Role.OPERATOR)
    with written_down(person, "match.rematch", mailbox):
        report = run_rematch(review_services(), mailbox)
    with _lock:
        _kept.clear()
    return page(
        request,
        person,
        "rematched.html",
        mailbox=mailbox,
        report=report,
        gained=list(report.gained.values())[:SHOWN_LINKS],
        lost=list(report.lost.values())[:SHOWN_LINKS],
        shown=SHOWN_LINKS,
    )


def _measure(mailbox_ids: list[str]) -> MatchQuality:
    """Counted at most every five minutes, because on many messages it takes seconds."""
    key, now = tuple(mailbox_ids), services().clock.monotonic()
    with _lock:
        kept = _kept.get(key)
        if kept is not None and now - kept[0] < KEPT_S:
            return kept[1]
    found = measure_quality(review_services(), mailbox_ids)
    with _lock:
        _kept[key] = (now, found)
        while len(_kept) > 100:
            _kept.pop(next(iter(_kept)))
    return found
