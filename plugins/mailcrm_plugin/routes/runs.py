"""One run: its certificate drawn, its checks, and what it held back."""

from fastapi import APIRouter, HTTPException, Request
from starlette.responses import HTMLResponse

from mailcrm.errors import SettingsError
from mailcrm_plugin.access import Viewer
from mailcrm_plugin.looks import folder_looks, run_tone, sums, totals_of
from mailcrm_plugin.paths import dag_path, mailbox_path
from mailcrm_plugin.rendering import page
from mailcrm_plugin.state import services

__all__ = ["router"]

router = APIRouter()


@router.get("/runs/{run_id:path}")
def show_run(request: Request, person: Viewer, run_id: str) -> HTMLResponse:
    """The report of a run."""
    try:
        run = services().overview.read_run_page(run_id)
    except SettingsError:
        raise HTTPException(404, "There is no such run, or it is not yours to see.") from None
    person.check(run.mailbox_id)
    totals = totals_of(run.folders)
    return page(
        request,
        person,
        "run.html",
        run=run,
        tone=run_tone(run.state),
        totals=totals,
        parts=sums(totals),
        folders=folder_looks(run.folders),
        is_balanced=all(folder["balanced"] for folder in run.folders),
        here=mailbox_path(run.mailbox_id),
        dag_path=dag_path(run.mailbox_id),
        failed=[check for check in run.checks if not check.passed],
        passed=[check for check in run.checks if check.passed],
    )
