"""`mailcrm mailbox`: the registry."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from mailcrm.cli.options import AsJson, MailboxId, typed_by
from mailcrm.cli.output import Reply, know, one_line, plain

if TYPE_CHECKING:
    from rich.console import Console

    from mailcrm.records.registry import RegistryEntry

__all__ = ["app"]

app = typer.Typer(help="The mailboxes that are connected.", no_args_is_help=True)


@app.command()
def add(
    path: Annotated[
        Path, typer.Argument(metavar="FILE.yaml", help="One mailbox; see docs/operations.md.")
    ],
    as_json: AsJson = False,
) -> Reply:
    """Connect a mailbox, or change it: checks the file and stores it; no server is asked."""
    from mailcrm.services.registry import add_mailbox, find_twins
    from mailcrm.services.wiring import open_services

    with open_services() as services:
        entry, change = add_mailbox(services, path, typed_by())
        twins = find_twins(services, entry.mailbox_id, entry.address)
    name = entry.mailbox_id
    text = (
        f"Mailbox {name} ({entry.address}): {change}.\n"
        f"Next: store its username and password in the connections mailbox_{name}_imap and "
        f"mailbox_{name}_smtp, then: mailcrm verify {name}"
    )
    warnings = [
        f"{entry.address} is connected as {twin}, too: both read the same mail, and log in twice"
        for twin in twins
    ]
    text = "\n".join([text, *(f"Warning: {warning}." for warning in warnings)])
    document = {"mailbox": name, "change": change, **_fields(entry), "warnings": warnings}
    return Reply(document, lambda console: console.print(text))


@app.command("list")
def list_all(as_json: AsJson = False) -> Reply:
    """Show all mailboxes; a wrong entry shows its fault and disables only itself."""
    from mailcrm.services.registry import list_mailboxes
    from mailcrm.services.wiring import open_services

    with open_services() as services:
        entries = list_mailboxes(services)
    return Reply(
        {"mailboxes": [{"mailbox": e.mailbox_id, **_fields(e)} for e in entries]},
        lambda console: _show_list(console, entries),
    )


@app.command()
def show(context: typer.Context, mailbox_id: MailboxId, as_json: AsJson = False) -> Reply:
    """Show one mailbox's entry and its health."""
    from mailcrm.cli.show import show_status
    from mailcrm.services.registry import show_mailbox
    from mailcrm.services.wiring import open_services

    know(context, mailbox=mailbox_id)
    with open_services() as services:
        entry = show_mailbox(services, mailbox_id)
    document = {"mailbox": mailbox_id, **_fields(entry)}
    return Reply(document, lambda console: show_status(console, document))


@app.command()
def pause(context: typer.Context, mailbox_id: MailboxId, as_json: AsJson = False) -> Reply:
    """Stop a mailbox's scheduled runs until `resume`."""
    from mailcrm.services.registry import pause_mailbox
    from mailcrm.services.wiring import open_services

    know(context, mailbox=mailbox_id)
    with open_services() as services:
        entry = pause_mailbox(services, mailbox_id)
    return _state_reply(entry, f"Mailbox {mailbox_id} is paused: its runs do nothing.")


@app.command()
def resume(context: typer.Context, mailbox_id: MailboxId, as_json: AsJson = False) -> Reply:
    """Let a paused mailbox run again; nothing that arrived meanwhile is missed."""
    from mailcrm.services.registry import resume_mailbox
    from mailcrm.services.wiring import open_services

    know(context, mailbox=mailbox_id)
    with open_services() as services:
        entry = resume_mailbox(services, mailbox_id)
    return _state_reply(entry, f"Mailbox {mailbox_id} is active.")


@app.command()
def rotate(
    context: typer.Context,
    mailbox_id: MailboxId,
    imap: Annotated[bool, typer.Option("--imap", help="Only reading.")] = False,
    smtp: Annotated[bool, typer.Option("--smtp", help="Only sending.")] = False,
    username: Annotated[
        str | None, typer.Option("--username", metavar="NAME", help="Another login, too.")
    ] = None,
    secret_env: Annotated[
        str | None,
        typer.Option(
            "--secret-env", metavar="NAME", help="Variable with the secret. Default: prompt, stdin."
        ),
    ] = None,
    as_json: AsJson = False,
) -> Reply:
    """Verify a new password or token first, then store it, or say exactly what to set."""
    from mailcrm.cli.rotate import rotation_reply
    from mailcrm.cli.secret_input import read_secret
    from mailcrm.records import Direction
    from mailcrm.services.rotate import run_rotate
    from mailcrm.services.wiring import open_services

    know(context, mailbox=mailbox_id)
    asked = {Direction.IMAP: imap, Direction.SMTP: smtp}
    directions = [d for d in Direction if asked[d]] or list(Direction)
    with open_services() as services:
        services.registry.read_mailbox(mailbox_id)
        secret = read_secret(context, secret_env, f"New secret of mailbox {mailbox_id}")
        rotation = run_rotate(services, mailbox_id, directions, secret, username)
    return rotation_reply(mailbox_id, rotation)


@app.command()
def propose(
    context: typer.Context,
    address: Annotated[str, typer.Argument(metavar="ADDRESS", help="Such as ann@gmail.com.")],
    online: Annotated[
        bool,
        typer.Option("--online", help="Ask the domain, too: autoconfig pages (HTTPS), SRV, MX."),
    ] = False,
    as_json: AsJson = False,
) -> Reply:
    """Propose settings for an address, from a table of providers; no mail server is asked."""
    from mailcrm.cli.propose import proposal_reply
    from mailcrm.services.propose import run_propose

    know(context, address=address)
    return proposal_reply(run_propose(address, online))


@app.command()
def remove(context: typer.Context, mailbox_id: MailboxId, as_json: AsJson = False) -> Reply:
    """Disconnect a mailbox; what it brought into the CRM stays."""
    from mailcrm.services.registry import remove_mailbox
    from mailcrm.services.wiring import open_services

    know(context, mailbox=mailbox_id)
    with open_services() as services:
        entry = remove_mailbox(services, mailbox_id)
    text = (
        f"Mailbox {mailbox_id} is removed: no more runs. Its messages, matches and history stay in "
        f"the CRM.\nIts connections mailbox_{mailbox_id}_imap and mailbox_{mailbox_id}_smtp are "
        "still where you stored them; delete them there."
    )
    return _state_reply(entry, text)


def _state_reply(entry: "RegistryEntry", text: str) -> Reply:
    document = {"mailbox": entry.mailbox_id, "state": entry.state, "crm_data": "kept"}
    return Reply(document, lambda console: console.print(text))


def _fields(entry: "RegistryEntry") -> dict[str, object]:
    """What JSON says of an entry, beside its id; `entry` is null where it is wrong."""
    stored = None
    if entry.mailbox is not None:
        stored = cast("dict[str, object]", plain(entry.mailbox))
        del stored["state"], stored["connected_at"]
    return {
        "address": entry.address,
        "state": entry.state,
        "connected_at": entry.connected_at,
        "updated_at": entry.updated_at,
        "problem": entry.error,
        "imap": entry.health.get("imap"),
        "smtp": entry.health.get("smtp"),
        "entry": stored,
    }


def _show_list(console: "Console", entries: "Sequence[RegistryEntry]") -> None:
    from rich.table import Table

    if not entries:
        console.print("No mailbox is connected yet: mailcrm mailbox add FILE.yaml")
        return
    table = Table("id", "address", "state", "ownership", "schedule", "folders", "imap", "smtp")
    for entry in entries:
        mailbox = entry.mailbox
        settings = ("?", "?", "?")
        if mailbox is not None:
            schedule = mailbox.schedule or "by hand"
            settings = (mailbox.ownership.value, schedule, ", ".join(mailbox.folders))
        health = [str(entry.health.get(d, {}).get("state", "-")) for d in ("imap", "smtp")]
        table.add_row(entry.mailbox_id, entry.address, entry.state.value, *settings, *health)
    console.print(table)
    for entry in entries:
        if entry.error:
            console.print(f"does not run: {one_line(entry.error)}")
