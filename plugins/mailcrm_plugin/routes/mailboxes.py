"""The list of mailboxes, and the way from a DAG to its mailbox."""

import datetime as dt
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, HTTPException, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from mailcrm.records.registry import RegistryEntry
from mailcrm.services.status import read_status
from mailcrm_plugin.access import Viewer
from mailcrm_plugin.dags import DAG_PREFIX, DagFacts, read_dags
from mailcrm_plugin.looks import CoverageBar, HealthLook, coverage_bar, health_look, run_tone
from mailcrm_plugin.paths import ROOT, mailbox_path
from mailcrm_plugin.rendering import page
from mailcrm_plugin.state import services

__all__ = ["router"]

router = APIRouter()


@dataclass(frozen=True, slots=True)
class MailboxRow:
    """One line of the list."""

    mailbox_id: str
    address: str
    name: str
    state: str
    problem: str | None
    imap: HealthLook
    smtp: HealthLook
    coverage: tuple[CoverageBar, ...]
    last_run: dict[str, Any] | None
    last_run_tone: str
    open_reviews: int
    quarantined: int
    next_run: dt.datetime | None
    next_run_word: str


@router.get("/mailboxes")
def list_mailboxes(request: Request, person: Viewer) -> HTMLResponse:
    """Every mailbox that the person may see."""
    found = [e for e in services().registry.list_entries() if person.sees(e.mailbox_id)]
    dags = read_dags(entry.mailbox_id for entry in found)
    rows = [_row(entry, dags.get(entry.mailbox_id)) for entry in found]
    return page(request, person, "mailboxes.html", rows=rows)


@router.get("/")
def begin(person: Viewer) -> Response:
    """The first page is the list."""
    return RedirectResponse(f"{ROOT}/mailboxes", 303)


@router.get("/dag")
def open_from_dag(dag_id: str, person: Viewer) -> Response:
    """The tab of a DAG: its mailbox' page."""
    if not dag_id.startswith(DAG_PREFIX):
        raise HTTPException(404, "This DAG syncs no mailbox; those that do are under Mailboxes.")
    return RedirectResponse(mailbox_path(dag_id.removeprefix(DAG_PREFIX)), 303)


def next_run_word(dag: DagFacts | None, has_schedule: bool) -> str:
    """Said where Airflow knows of no next run."""
    if dag is None or dag.is_stale:
        return "its DAG is being made"
    if dag.is_paused:
        return "DAG is paused"
    return "soon" if has_schedule else "by hand only"


def _row(entry: RegistryEntry, dag: DagFacts | None) -> MailboxRow:
    now = services().clock.now()
    status = read_status(services(), entry.mailbox_id)["mailboxes"][0]
    folders: dict[str, list[tuple[dt.datetime, dt.datetime]]] = {}
    for interval in status["coverage"]:
        folders.setdefault(interval["folder"], []).append((interval["since"], interval["until"]))
    run = status["last_run"]
    return MailboxRow(
        mailbox_id=entry.mailbox_id,
        address=entry.address,
        name=entry.mailbox.display_name if entry.mailbox else entry.mailbox_id,
        state=entry.state.value,
        problem=entry.error,
        imap=health_look(entry.health.get("imap")),
        smtp=health_look(entry.health.get("smtp")),
        coverage=tuple(coverage_bar(name, spans, now) for name, spans in folders.items()),
        last_run=run,
        last_run_tone=run_tone(run["state"]) if run else "idle",
        open_reviews=status["open_reviews"],
        quarantined=status["quarantined"],
        next_run=dag.next_run if dag else None,
        next_run_word=next_run_word(dag, bool(entry.mailbox and entry.mailbox.schedule)),
    )
