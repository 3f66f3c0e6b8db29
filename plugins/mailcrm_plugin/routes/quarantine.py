"""What is held back: batches that the gate stopped, and messages in quarantine."""

from dataclasses import dataclass
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Form, HTTPException, Request
from starlette.responses import HTMLResponse, RedirectResponse

from mailcrm.errors import SettingsError
from mailcrm.records.quarantine_view import HeldLine, HeldView
from mailcrm.services.batches import release_batch
from mailcrm.services.held_view import count_held, page_held, view_held
from mailcrm.services.quarantine import ReplayReport, discard_message, replay_messages
from mailcrm.services.status import list_held_batches
from mailcrm_plugin.access import Analyst, Person, Role, judged_mailboxes
from mailcrm_plugin.paging import cut_page, read_cursor, read_number, write_cursor
from mailcrm_plugin.paths import ROOT
from mailcrm_plugin.rendering import page
from mailcrm_plugin.state import services
from mailcrm_plugin.trail import written_down

__all__ = ["router"]

router = APIRouter()
PAGE_ROWS = 50
Reason = Annotated[str, Form(max_length=500)]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a replay, as carried by the address of the page that follows it."""

    published: int = 0
    duplicate: int = 0
    failed: int = 0
    waiting: int = 0
    discarded: int = 0
    released: int = 0

    def path(self, mailbox_id: str) -> str:
        """The list of the mailbox, with the counts that are not zero."""
        counts = {name: getattr(self, name) for name in self.__slots__ if getattr(self, name)}
        return f"{ROOT}/quarantine?{urlencode({'mailbox': mailbox_id, 'done': 1, **counts})}"


@router.get("/quarantine")
def list_held(
    request: Request,
    person: Analyst,
    mailbox: str | None = None,
    rule: str | None = None,
    after: str | None = None,
    done: bool = False,
    published: int = 0,
    duplicate: int = 0,
    failed: int = 0,
    waiting: int = 0,
    discarded: int = 0,
    released: int = 0,
) -> HTMLResponse:
    """Held batches, and held messages, of the mailboxes that the person may judge."""
    mailbox_ids = judged_mailboxes(person, mailbox)
    cursor = read_cursor(after, 1)
    below = read_number(cursor[0]) if cursor else None
    rows = page_held(services(), mailbox_ids, rule or None, below, PAGE_ROWS + 1)
    return page(
        request,
        person,
        "quarantine.html",
        mailbox=mailbox or "",
        rule=rule or "",
        mailboxes=judged_mailboxes(person),
        batches=[b for b in list_held_batches(services()) if b["mailbox"] in mailbox_ids],
        counts=count_held(services(), mailbox_ids),
        held=cut_page(rows, PAGE_ROWS, _cursor),
        may_act=frozenset(judged_mailboxes(person, role=Role.OPERATOR)),
        outcome=Outcome(published, duplicate, failed, waiting, discarded, released)
        if done
        else None,
    )


@router.get("/quarantine/{quarantine_id}")
def show_held(
    request: Request, person: Analyst, quarantine_id: int, done: bool = False
) -> HTMLResponse:
    """One message as plain text, why it is held, and what can be done."""
    view = _find(person, quarantine_id, Role.ANALYST)
    return page(
        request,
        person,
        "quarantined.html",
        view=view,
        line=view.line,
        failed_again=done,
        may_replay=person.sees(view.line.mailbox_id, Role.OPERATOR),
        may_discard=person.sees(view.line.mailbox_id, Role.ADMIN),
    )


@router.post("/quarantine/replay")
def replay_all(
    person: Analyst, mailbox: Annotated[str, Form()], rule: Annotated[str, Form()]
) -> RedirectResponse:
    """Judge again all that one rule holds of one mailbox."""
    person.check(mailbox, Role.OPERATOR)
    with written_down(person, "quarantine.replay", mailbox, rule=rule):
        outcome = _outcome(replay_messages(services(), mailbox, None, rule))
    return _to(outcome.path(mailbox))


@router.post("/quarantine/{quarantine_id}/replay")
def replay(person: Analyst, quarantine_id: int) -> RedirectResponse:
    """Judge one message again."""
    view = _find(person, quarantine_id, Role.OPERATOR)
    with written_down(person, "quarantine.replay", view.line.mailbox_id, str(quarantine_id)):
        outcome = _outcome(replay_messages(services(), quarantine_id=quarantine_id))
    if outcome.failed or outcome.waiting:
        return _to(f"{ROOT}/quarantine/{quarantine_id}?done=1")
    return _to(outcome.path(view.line.mailbox_id))


@router.post("/quarantine/{quarantine_id}/discard")
def discard(person: Analyst, quarantine_id: int, reason: Reason) -> RedirectResponse:
    """Give one message up for good."""
    view = _find(person, quarantine_id, Role.ADMIN)
    _require(reason)
    with written_down(person, "quarantine.discard", view.line.mailbox_id, str(quarantine_id)):
        discard_message(services(), quarantine_id, person.user_id, reason.strip())
    return _to(Outcome(discarded=1).path(view.line.mailbox_id))


@router.post("/batches/{batch_id}/release")
def release(person: Analyst, batch_id: str, reason: Reason) -> RedirectResponse:
    """Publish a held batch exactly as it was checked."""
    found = [one for one in list_held_batches(services()) if one["batch_id"] == batch_id]
    if not found or not person.sees(found[0]["mailbox"], Role.ANALYST):
        raise HTTPException(404, "There is no such held batch, or a later run took it over.")
    mailbox_id = str(found[0]["mailbox"])
    person.check(mailbox_id, Role.OPERATOR)
    _require(reason)
    with written_down(person, "batch.release", mailbox_id, batch_id, reason=reason.strip()):
        summary = release_batch(services(), batch_id, person.user_id, reason.strip())
    counts = {name: summary.certificate.total(name) for name in ("published", "duplicate")}
    return _to(Outcome(released=1, **counts).path(mailbox_id))


def _find(person: Person, quarantine_id: int, role: Role) -> HeldView:
    """The message, of a mailbox on which the person has the role."""
    try:
        view = view_held(services(), quarantine_id)
    except SettingsError:
        view = None
    if view is None or not person.sees(view.line.mailbox_id, Role.ANALYST):
        raise HTTPException(404, "There is no such message in quarantine, or it is not yours.")
    person.check(view.line.mailbox_id, role)
    return view


def _outcome(reports: list[ReplayReport]) -> Outcome:
    """Sums over mailboxes.

    Raises:
        MailcrmError: a mailbox's replay failed as a whole.
    """
    for report in reports:
        if report.failure is not None:
            raise report.failure
    return Outcome(
        published=sum(report.published for report in reports),
        duplicate=sum(report.duplicate for report in reports),
        failed=sum(len(report.failed) for report in reports),
        waiting=sum(len(report.without_bytes) + len(report.unsettled) for report in reports),
    )


def _require(reason: str) -> None:
    if not reason.strip():
        raise HTTPException(422, "Say why, in a few words; it is recorded.")


def _cursor(line: HeldLine) -> str:
    return write_cursor(line.quarantine_id)


def _to(path: str) -> RedirectResponse:
    return RedirectResponse(path, 303)
