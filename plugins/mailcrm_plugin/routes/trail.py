"""The audit trail: who changed what on these pages, and whether anybody changed the trail."""

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse

from mailcrm_plugin.access import Admin
from mailcrm_plugin.paging import cut_page, read_cursor, read_number, write_cursor
from mailcrm_plugin.rendering import page
from mailcrm_plugin.state import page_services

__all__ = ["router"]

router = APIRouter()
SHOWN = 50


@router.get("/trail")
def show_trail(
    request: Request,
    person: Admin,
    mailbox: str | None = None,
    after: str | None = None,
    check: str = "",
) -> HTMLResponse:
    """The latest changes, newest first; with `check`, whether all entries fit each other."""
    trail, cursor = page_services().trail, read_cursor(after, 1)
    before = read_number(cursor[0]) if cursor else None
    rows = trail.list_deeds(mailbox or None, before, SHOWN + 1)
    return page(
        request,
        person,
        "trail.html",
        found=cut_page(rows, SHOWN, lambda row: write_cursor(row.event_id)),
        mailbox=mailbox or "",
        is_first_page=after is None,
        is_checked=bool(check),
        broken_at=trail.find_break() if check else None,
    )
