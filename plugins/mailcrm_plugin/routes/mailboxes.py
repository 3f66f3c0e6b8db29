"""The list of mailboxes, and the way from a DAG to its mailbox."""

import datetime as dt
import itertools
from dataclasses import dataclass

from fastapi import APIRouter, HTTPException, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from mailcrm.records.pages import MailboxCard
from mailcrm.records.registry import RegistryEntry
from mailcrm_plugin.access import Viewer
from mailcrm_plugin.dags import DAG_PREFIX, DagFacts, read_dags
from mailcrm_plugin.looks import (
    CoverageBar,
    HealthLook,
    RunLook,
    coverage_bars,
    health_look,
    run_look,
)
from mailcrm_plugin.paging import cut_page, read_cursor, write_cursor
from mailcrm_plugin.paths import ROOT, mailbox_path
from mailcrm_plugin.rendering import page
from mailcrm_plugin.state import page_services, services

__all__ = ["router"]

router = APIRouter()
SHOWN = 50


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
    last_run: RunLook | None
    open_reviews: int
    quarantined: int
    next_run: dt.datetime | None
    next_run_word: str


@router.get("/mailboxes")
def list_mailboxes(request: Request, person: Viewer, after: str | None = None) -> HTMLResponse:
    """The mailboxes that the person may see, by id."""
    cursor = read_cursor(after, 1)
    begins = str(cursor[0]) if cursor else ""
    entries = [e for e in services().registry.list_entries() if e.mailbox_id > begins]
    mine = itertools.islice(filter(person.sees_entry, entries), SHOWN + 1)
    found = cut_page(list(mine), SHOWN, lambda entry: write_cursor(entry.mailbox_id))
    ids = [entry.mailbox_id for entry in found.rows]
    cards, dags = page_services().mailboxes.read_cards(ids), read_dags(ids)
    now = services().clock.now()
    rows = [_row(e, cards[e.mailbox_id], dags.get(e.mailbox_id), now) for e in found.rows]
    return page(
        request,
        person,
        "mailboxes.html",
        rows=rows,
        next_cursor=found.next_cursor,
        is_first_page=after is None,
    )


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


def _row(
    entry: RegistryEntry, card: MailboxCard, dag: DagFacts | None, now: dt.datetime
) -> MailboxRow:
    run = card.last_run
    return MailboxRow(
        mailbox_id=entry.mailbox_id,
        address=entry.address,
        name=entry.mailbox.display_name if entry.mailbox else entry.mailbox_id,
        state=entry.state.value,
        problem=entry.error,
        imap=health_look(entry.health.get("imap")),
        smtp=health_look(entry.health.get("smtp")),
        coverage=coverage_bars(card.coverage, now),
        last_run=run_look(run) if run else None,
        open_reviews=card.open_reviews,
        quarantined=card.quarantined,
        next_run=dag.next_run if dag else None,
        next_run_word=next_run_word(dag, bool(entry.mailbox and entry.mailbox.schedule)),
    )
