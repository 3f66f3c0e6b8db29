"""Connect with IMAP/SMTP, and Edit: propose, test while one looks on, then save."""

import contextlib
from collections.abc import Iterator

from fastapi import APIRouter, HTTPException, Request
from starlette.responses import HTMLResponse, StreamingResponse

from mailcrm.errors import CredentialError, MailcrmError, SettingsError
from mailcrm.records import Credential, Direction, VerifyState
from mailcrm.services.first_window import look_ahead
from mailcrm.services.propose import run_propose
from mailcrm.services.registry import connect_mailbox, find_twins, parse_web_draft, show_mailbox
from mailcrm_plugin.access import Operator, Person, Role
from mailcrm_plugin.connections import AirflowConnections
from mailcrm_plugin.forms import ConnectForm, Submitted, carried_over, fields_of
from mailcrm_plugin.paths import mailbox_path
from mailcrm_plugin.rendering import page, part
from mailcrm_plugin.state import services
from mailcrm_plugin.trail import written_down
from mailcrm_plugin.trials import Event, Results, problem, stages_event, stream, trial_events

__all__ = ["router"]

router = APIRouter()
_NEW = {
    "days": "7",
    "schedule": "*/15 * * * *",
    "ownership": "personal",
    "auth": "password",
    "over_days": "30",
}


@router.get("/connect")
def show_form(request: Request, person: Operator) -> HTMLResponse:
    """An empty form."""
    return page(request, person, "connect.html", values=_NEW, editing=None, folders=())


@router.get("/mailboxes/{mailbox_id}/edit")
def show_edit(request: Request, person: Operator, mailbox_id: str) -> HTMLResponse:
    """The form of a mailbox that is connected; its passwords stay where they are."""
    mailbox = services().registry.read_mailbox(mailbox_id)
    values = fields_of(mailbox)
    for direction in Direction:
        try:
            stored = services().credentials.read_credential(mailbox_id, direction)
        except CredentialError:
            continue
        values[f"{direction.value}_username"] = stored.username
    return page(
        request, person, "connect.html", values=values, editing=mailbox_id, folders=mailbox.folders
    )


@router.post("/connect/propose")
def propose(request: Request, person: Operator, form: Submitted) -> HTMLResponse:
    """Settings for an address, from the table of providers."""
    _authorise(person, form, form.fields.get("id", ""))
    proposal, complaint = None, None
    try:
        proposal = run_propose(form.fields.get("address", ""))
    except SettingsError as error:
        complaint = str(error.fields["problem"]).partition(";")[0]
    address = form.fields.get("address", "")
    twins = find_twins(services(), form.fields.get("editing", ""), address)
    return part(
        request,
        person,
        "proposal.html",
        proposal=proposal,
        complaint=complaint,
        mailbox_id=form.mailbox_id,
        twins=[twin for twin in twins if person.sees(twin)],
    )


@router.post("/connect/look")
def look(request: Request, person: Operator, form: Submitted) -> HTMLResponse:
    """The server's folders, and exactly what the first window holds."""
    _authorise(person, form, form.mailbox_id)
    credential = _credentials(person, form).get(Direction.IMAP)
    if credential is None:
        raise HTTPException(422, "Enter the IMAP password first.")
    ahead = look_ahead(services(), _draft(person, form), credential)
    return part(request, person, "first_window.html", ahead=ahead)


@router.post("/connect/test")
def test_settings(person: Operator, form: Submitted) -> StreamingResponse:
    """Both directions side by side, stage by stage; no setting is stored."""
    _authorise(person, form, form.mailbox_id)
    return stream(_test(person, form, {}))


@router.post("/connect/save")
def save(person: Operator, form: Submitted) -> StreamingResponse:
    """Test, and where reading works, connect."""
    _authorise(person, form, form.mailbox_id)
    _check_team(person, form)
    return stream(_connect(person, form))


def _test(person: Person, form: ConnectForm, found: Results) -> Iterator[Event]:
    try:
        draft = _draft(person, form)
        mailbox = parse_web_draft(services(), draft)
        credentials = _credentials(person, form)
    except MailcrmError as error:
        yield problem(str(error))
        return
    missing = [d for d in Direction if d not in credentials]
    if missing:
        names = " and ".join(d.value.upper() for d in missing)
        yield problem(f"Enter the {names} password.", *(f"{d.value}_password" for d in missing))
        return
    yield stages_event(mailbox)
    if form.fields.get("again") == "yes":
        with written_down(person, "mailbox.try_again", mailbox.id):
            services().upkeep.logins.lift_refusals(mailbox.id)
    yield from trial_events(draft, credentials, found)
    if found:
        yield {"type": "tested", "ok": all(r.state is VerifyState.OK for r in found.values())}


def _connect(person: Person, form: ConnectForm) -> Iterator[Event]:
    found: Results = {}
    yield from _test(person, form, found)
    if not found:
        return
    if found[Direction.IMAP].state is not VerifyState.OK:
        yield problem("Nothing was saved: reading has to work first.")
        return
    if found[Direction.SMTP].state is not VerifyState.OK and form.fields.get("anyway") != "yes":
        yield {"type": "ask", "text": "Reading works, sending does not. Nothing was saved yet."}
        return
    try:
        _save(person, form, found)
    except MailcrmError as error:
        yield problem(f"Nothing was connected: {error}")
        return
    yield {"type": "connected", "to": f"{mailbox_path(form.mailbox_id)}?connected=1"}


def _save(person: Person, form: ConnectForm, found: Results) -> None:
    """All of it, or nothing: where the registry refuses, the credentials are as before."""
    mailbox_id, is_edit = form.mailbox_id, bool(form.fields.get("editing"))
    draft = _draft(person, form)
    known = {entry.mailbox_id for entry in services().registry.list_entries()}
    if mailbox_id in known and not is_edit:
        raise SettingsError(where="id", problem=f"a mailbox {mailbox_id} is connected already")
    with written_down(person, "mailbox.edit" if is_edit else "mailbox.connect", mailbox_id):
        credentials = _credentials(person, form)
        with _credentials_put_back(mailbox_id) as before:

            def keep() -> None:
                for direction, credential in credentials.items():
                    before[direction] = _stored(mailbox_id, direction)
                    _keep(mailbox_id, direction, credential)

            connect_mailbox(services(), draft, person.name, is_edit, keep)
        for result in found.values():
            services().registry.write_health(mailbox_id, result, services().clock.now())


@contextlib.contextmanager
def _credentials_put_back(mailbox_id: str) -> Iterator[dict[Direction, Credential | None]]:
    """Stores again what the block says was there, where it fails."""
    before: dict[Direction, Credential | None] = {}
    try:
        yield before
    except Exception:
        for direction, credential in before.items():
            if credential is None:
                AirflowConnections().forget(mailbox_id, [direction])
            else:
                _keep(mailbox_id, direction, credential)
        raise


def _keep(mailbox_id: str, direction: Direction, credential: Credential) -> None:
    """Store one, unless just that is stored.

    Raises:
        SettingsError: a secrets backend holds another one, and only it can change that. Going on
            would hand that one to a server that somebody typed here.
    """
    stored = _stored(mailbox_id, direction)
    if stored == credential:
        return
    store = AirflowConnections()
    if not store.write_credential(mailbox_id, direction, credential):
        todo = store.explain_change(mailbox_id, direction, credential.username)
        raise SettingsError(where=f"mailbox {mailbox_id}", problem=todo)


def _draft(person: Person, form: ConnectForm) -> dict[str, object]:
    editing = form.fields.get("editing")
    if not editing:
        return form.draft()
    if editing != form.mailbox_id:
        raise SettingsError(where="id", problem="stays as it is; connect a new mailbox instead")
    person.check(editing, Role.OPERATOR)
    entry = show_mailbox(services(), editing)
    kept = carried_over(entry.mailbox) if entry.mailbox is not None else {}
    return {**kept, **form.draft()}


def _credentials(person: Person, form: ConnectForm) -> dict[Direction, Credential]:
    """What was typed; while editing, what is stored where nothing was."""
    found = {}
    editing = form.fields.get("editing")
    for direction in Direction:
        typed = form.credential(direction)
        if typed is None and editing:
            person.check(editing, Role.OPERATOR)
            typed = _stored_for(form, editing, direction)
        if typed is not None:
            found[direction] = typed
    return found


def _stored_for(form: ConnectForm, editing: str, direction: Direction) -> Credential | None:
    """What is stored, for the server that it is stored for: no other one is ever shown it."""
    stored = _stored(editing, direction)
    endpoint = services().registry.read_mailbox(editing).endpoint(direction)
    typed_host = form.fields.get(f"{direction.value}_host", "").rstrip(".").lower()
    if stored is None or typed_host != endpoint.host.rstrip(".").lower():
        return None
    username = form.fields.get(f"{direction.value}_username") or stored.username
    return Credential(username, stored.password, stored.refresh)


def _stored(mailbox_id: str, direction: Direction) -> Credential | None:
    try:
        return services().credentials.read_credential(mailbox_id, direction)
    except CredentialError:
        return None


def _authorise(person: Person, form: ConnectForm, mailbox_id: str) -> None:
    """Whoever names a mailbox that there is, or was, has to be its operator.

    Raises:
        UnknownMailboxError, HTTPException: they are not.
    """
    editing = form.fields.get("editing", "")
    if editing:
        person.check(editing, Role.OPERATOR)
    if mailbox_id == editing or services().registry.find_entry(mailbox_id) is None:
        return
    if not person.sees(mailbox_id, Role.OPERATOR):
        raise HTTPException(403, "This short name is taken; choose another one.")


def _check_team(person: Person, form: ConnectForm) -> None:
    """A mailbox is connected for one's own team."""
    if person.role_on(form.mailbox_id, form.owner_team) < Role.OPERATOR:
        raise HTTPException(403, "You do not belong to the team that shall own this mailbox.")
