"""One mailbox: health, runs, coverage; syncing, pausing, removing, and another password."""

import datetime as dt
from typing import Annotated

from fastapi import APIRouter, Form, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from mailcrm.records import Direction
from mailcrm.records.pages import RunLine
from mailcrm.services.registry import pause_mailbox, remove_mailbox, resume_mailbox, show_mailbox
from mailcrm.services.rotate import run_rotate
from mailcrm.services.verify import run_verify
from mailcrm_plugin.access import Admin, Operator, Person, Viewer
from mailcrm_plugin.airflow_api import ask_airflow, dag_url
from mailcrm_plugin.connections import AirflowConnections
from mailcrm_plugin.dags import read_dags
from mailcrm_plugin.looks import RunLook, coverage_bars, health_look, run_look
from mailcrm_plugin.paging import Page, cut_page, read_cursor, read_moment, write_cursor
from mailcrm_plugin.paths import ROOT, dag_path, mailbox_path
from mailcrm_plugin.rendering import page, part
from mailcrm_plugin.routes.widen import pending_approvals
from mailcrm_plugin.state import page_services, services
from mailcrm_plugin.trail import written_down

__all__ = ["router"]

router = APIRouter(prefix="/mailboxes/{mailbox_id}")
RUNS_SHOWN = 15
EVENTS_SHOWN = 12
# A run that was asked for begins within this time, or something is wrong with the scheduler.
SOON = dt.timedelta(minutes=2)


@router.get("")
def show(
    request: Request,
    person: Viewer,
    mailbox_id: str,
    after: str | None = None,
    connected: str = "",
    started: str = "",
) -> HTMLResponse:
    """Everything of one mailbox on one page."""
    entry = show_mailbox(services(), mailbox_id)
    pages, now = page_services().mailboxes, services().clock.now()
    card = pages.read_cards([mailbox_id])[mailbox_id]
    runs, approvals = _runs(mailbox_id, after), pending_approvals(person, mailbox_id)
    return page(
        request,
        person,
        "mailbox.html",
        entry=entry,
        here=mailbox_path(mailbox_id),
        dag_path=dag_path(mailbox_id),
        held_role=person.role_on(mailbox_id, entry.owner_team),
        imap=health_look(entry.health.get("imap")),
        smtp=health_look(entry.health.get("smtp")),
        events=pages.list_health_events(mailbox_id, EVENTS_SHOWN),
        bars=coverage_bars(card.coverage, now),
        card=card,
        runs=runs,
        is_live=not approvals and after is None and _is_live(card.last_run, started, now),
        is_first_page=after is None,
        summary=pages.read_match_summary(mailbox_id),
        dag=read_dags([mailbox_id]).get(mailbox_id),
        approvals=approvals,
        just_connected=bool(connected),
        just_started=bool(started),
        today=now.date(),
    )


@router.get("/dag")
def show_dag_state(request: Request, person: Viewer, mailbox_id: str) -> HTMLResponse:
    """Whether Airflow has made the DAG; asked every second until it has."""
    entry = show_mailbox(services(), mailbox_id)
    return part(
        request,
        person,
        "dag_state.html",
        entry=entry,
        here=mailbox_path(mailbox_id),
        dag=read_dags([mailbox_id]).get(mailbox_id),
        dag_path=dag_path(mailbox_id),
        held_role=person.role_on(mailbox_id, entry.owner_team),
    )


@router.post("/verify")
def verify(person: Operator, mailbox_id: str) -> Response:
    """Verify both directions with the stored credentials, and keep what was found."""
    with written_down(person, "mailbox.verify", mailbox_id):
        run_verify(services(), mailbox_id, list(Direction))
    return _back(mailbox_id)


@router.post("/sync")
def sync(person: Operator, mailbox_id: str) -> Response:
    """Unpause the DAG, and start one run of the mailbox' own window."""
    with written_down(person, "mailbox.sync", mailbox_id):
        ask_airflow(person, "PATCH", dag_url(mailbox_id), {"is_paused": False})
        ask_airflow(
            person, "POST", f"{dag_url(mailbox_id)}/dagRuns", {"logical_date": None, "conf": {}}
        )
    return _back(mailbox_id, "started=1")


@router.post("/pause")
def pause(person: Operator, mailbox_id: str) -> Response:
    """Its runs do nothing from now on."""
    with written_down(person, "mailbox.pause", mailbox_id):
        pause_mailbox(services(), mailbox_id)
    return _back(mailbox_id)


@router.post("/resume")
def resume(person: Operator, mailbox_id: str) -> Response:
    """Active again; a rejected login is tried once more."""
    with written_down(person, "mailbox.resume", mailbox_id):
        resume_mailbox(services(), mailbox_id)
    return _back(mailbox_id)


@router.get("/rotate")
def show_rotate(request: Request, person: Operator, mailbox_id: str) -> HTMLResponse:
    """The form for another password."""
    return _rotate_page(request, person, mailbox_id, None)


@router.post("/rotate")
def rotate(
    request: Request,
    person: Operator,
    mailbox_id: str,
    secret: Annotated[str, Form(max_length=8000)],
    directions: Annotated[list[Direction], Form(min_length=1)],
    username: Annotated[str, Form(max_length=400)] = "",
) -> Response:
    """Verify another password, and swap it for the stored one only where all accept it."""
    names = " ".join(direction.value for direction in directions)
    with written_down(person, "mailbox.rotate", mailbox_id, directions=names):
        done = run_rotate(services(), mailbox_id, directions, secret, username.strip() or None)
    if done.is_accepted and not done.to_do:
        return _back(mailbox_id, "rotated=1")
    return _rotate_page(request, person, mailbox_id, done)


@router.get("/remove")
def show_remove(request: Request, person: Admin, mailbox_id: str) -> HTMLResponse:
    """What happens to its data is asked first."""
    entry = show_mailbox(services(), mailbox_id)
    card = page_services().mailboxes.read_cards([mailbox_id])[mailbox_id]
    return page(
        request, person, "remove.html", entry=entry, card=card, here=mailbox_path(mailbox_id)
    )


@router.post("/remove")
def remove(
    person: Admin,
    mailbox_id: str,
    credentials: Annotated[str, Form(pattern="^(delete|keep)$")],
    typed_id: Annotated[str, Form()] = "",
) -> Response:
    """Disconnect it; what it brought into the CRM stays."""
    if typed_id.strip() != mailbox_id:
        return RedirectResponse(f"{mailbox_path(mailbox_id)}/remove?mistyped=1", 303)
    with written_down(person, "mailbox.remove", mailbox_id, credentials=credentials):
        remove_mailbox(services(), mailbox_id)
        if credentials == "delete":
            AirflowConnections().forget(mailbox_id)
    return RedirectResponse(f"{ROOT}/mailboxes", 303)


def _rotate_page(
    request: Request, person: Person, mailbox_id: str, done: object | None
) -> HTMLResponse:
    entry = show_mailbox(services(), mailbox_id)
    return page(
        request, person, "rotate.html", entry=entry, done=done, here=mailbox_path(mailbox_id)
    )


def _runs(mailbox_id: str, after: str | None) -> Page[RunLook]:
    cursor = read_cursor(after, 2)
    before = (read_moment(cursor[0]), str(cursor[1])) if cursor else None
    rows = page_services().mailboxes.list_runs(mailbox_id, before, RUNS_SHOWN + 1)
    looks = [run_look(row) for row in rows]
    return cut_page(
        looks,
        RUNS_SHOWN,
        lambda look: write_cursor(look.run.started_at.isoformat(), look.run.run_id),
    )


def _is_live(last: RunLine | None, started: str, now: dt.datetime) -> bool:
    """Whether the runs are worth looking at again in some seconds."""
    if last is not None and last.state == "running":
        return True
    return bool(started) and (last is None or now - last.started_at > SOON)


def _back(mailbox_id: str, more: str = "") -> Response:
    return RedirectResponse(f"{mailbox_path(mailbox_id)}{'?' if more else ''}{more}", 303)
