"""Widen the window: exactly what it would read, what matching was like so far, and the sign-off."""

import datetime as dt
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Form, HTTPException, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from mailcrm.services.approval import may_need_approval
from mailcrm.services.preview import run_preview
from mailcrm_plugin.access import Analyst, Operator, Person
from mailcrm_plugin.airflow_api import ask_airflow, dag_url
from mailcrm_plugin.paths import mailbox_path
from mailcrm_plugin.rendering import part
from mailcrm_plugin.state import page_services, services
from mailcrm_plugin.trail import written_down

__all__ = ["pending_approvals", "router"]

router = APIRouter(prefix="/mailboxes/{mailbox_id}")


@router.post("/preview")
def preview(
    request: Request,
    person: Operator,
    mailbox_id: str,
    since: Annotated[str, Form()],
    until: Annotated[str, Form()] = "",
) -> HTMLResponse:
    """Lists the window on the server, and writes nothing."""
    first, last = _read_window(since, until)
    found = run_preview(services(), mailbox_id, first, last)
    mailbox = services().registry.read_mailbox(mailbox_id)
    return part(
        request,
        person,
        "preview.html",
        found=found,
        since=since,
        until=until,
        here=mailbox_path(mailbox_id),
        mailbox=mailbox,
        needs_approval=may_need_approval(services(), mailbox_id, first, last, None),
        summary=page_services().mailboxes.read_match_summary(mailbox_id),
    )


@router.post("/widen")
def widen(
    person: Operator,
    mailbox_id: str,
    since: Annotated[str, Form()],
    until: Annotated[str, Form()] = "",
) -> Response:
    """Starts a run of that window; it waits for a sign-off where the mailbox' policy says so."""
    _read_window(since, until)
    conf = {"since": since, "until": until or None}
    with written_down(person, "mailbox.widen", mailbox_id, since=since, until=until or None):
        ask_airflow(person, "PATCH", dag_url(mailbox_id), {"is_paused": False})
        body = {"logical_date": None, "conf": conf}
        ask_airflow(person, "POST", f"{dag_url(mailbox_id)}/dagRuns", body)
    return RedirectResponse(f"{mailbox_path(mailbox_id)}?started=1", 303)


@router.post("/approvals")
def answer(
    person: Analyst,
    mailbox_id: str,
    run_id: Annotated[str, Form()],
    task_id: Annotated[str, Form()],
    choice: Annotated[str, Form(pattern="^(Approve|Reject)$")],
    reason: Annotated[str, Form(max_length=500)] = "",
) -> Response:
    """Signs a widening off, or refuses it, in Airflow and in the person's name."""
    pending = pending_approvals(person, mailbox_id)
    known = [p for p in pending if (p["run_id"], p["task_id"]) == (run_id, task_id)]
    if not known:
        raise HTTPException(404, "Nobody waits for this answer any more.")
    fields = known[0]["params"]
    given = {name: reason for name in ("reason", "note") if name in fields}
    path = f"{dag_url(mailbox_id)}/dagRuns/{_quoted(run_id)}/taskInstances/{_quoted(task_id)}"
    with written_down(person, f"window.{choice.lower()}", mailbox_id, run_id, reason=reason):
        body = {"chosen_options": [choice], "params_input": given}
        ask_airflow(person, "PATCH", f"{path}/-1/hitlDetails", body)
    return RedirectResponse(f"{mailbox_path(mailbox_id)}?answered=1", 303)


def pending_approvals(person: Person, mailbox_id: str) -> list[dict[str, Any]]:
    """What the mailbox' DAG waits for; empty where it waits for nothing, or is not made yet."""
    path = f"{dag_url(mailbox_id)}/dagRuns/~/hitlDetails?response_received=false&limit=20"
    try:
        found = ask_airflow(person, "GET", path)
    except HTTPException:
        return []
    return [
        {
            "run_id": row["task_instance"]["dag_run_id"],
            "task_id": row["task_instance"]["task_id"],
            "subject": row.get("subject") or "",
            "request": services().approvals.read_request(
                f"{mailbox_id}/{row['task_instance']['dag_run_id']}"
            ),
            "params": dict(row.get("params") or {}),
            "asked_at": row.get("created_at"),
        }
        for row in found.get("hitl_details", [])
        if row["task_instance"].get("state") in ("awaiting_input", "deferred", "running")
    ]


def _read_window(since: str, until: str) -> tuple[dt.datetime, dt.datetime | None]:
    first, last = _midnight("since", since), _midnight("until", until) if until else None
    if last is not None and last <= first:
        raise HTTPException(422, "The window is empty: until must be after since.")
    return first, last


def _midnight(name: str, text: str) -> dt.datetime:
    try:
        return dt.datetime.combine(dt.date.fromisoformat(text), dt.time(), dt.UTC)
    except ValueError:
        raise HTTPException(422, f"{name} must be a date, YYYY-MM-DD.") from None


def _quoted(text: str) -> str:
    return quote(text, safe="")
