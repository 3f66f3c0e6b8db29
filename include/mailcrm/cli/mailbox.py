"""`mailcrm mailbox`: the registry."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mailcrm.cli.options import AsJson, MailboxId
from mailcrm.cli.output import Reply, know

if TYPE_CHECKING:
    from rich.console import Console

    from mailcrm.records import Mailbox
    from mailcrm.services.registry import RegistryEntry

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
    from mailcrm.services.registry import add_mailbox
    from mailcrm.services.wiring import open_services

    with open_services() as services:
        added = add_mailbox(services, path)
    mailbox = added.mailbox
    return Reply(
        {"mailbox": mailbox.id, "change": added.change, "entry": added.entry},
        lambda console: console.print(
            f"Mailbox {mailbox.id} ({mailbox.address}) {added.change}.\n"
            f"Next: store its username and password in the connections mailbox_{mailbox.id}_imap "
            f"and mailbox_{mailbox.id}_smtp, then `mailcrm verify {mailbox.id}`."
        ),
    )


@app.command("list")
def list_all(as_json: AsJson = False) -> Reply:
    """Show all mailboxes; a wrong entry shows its fault and disables only itself."""
    from mailcrm.services.registry import list_mailboxes
    from mailcrm.services.wiring import open_services

    with open_services() as services:
        entries = list_mailboxes(services)
    return Reply(
        {"mailboxes": [entry.to_json() for entry in entries]},
        lambda console: _show_list(console, entries),
    )


@app.command()
def show(context: typer.Context, mailbox_id: MailboxId, as_json: AsJson = False) -> Reply:
    """Show one mailbox's entry and its health."""
    from mailcrm.services.registry import show_mailbox
    from mailcrm.services.wiring import open_services

    know(context, mailbox=mailbox_id)
    with open_services() as services:
        entry = show_mailbox(services, mailbox_id)
    return Reply(entry.to_json(), lambda console: _show_entry(console, entry))


@app.command()
def pause(context: typer.Context, mailbox_id: MailboxId, as_json: AsJson = False) -> Reply:
    """Stop a mailbox's scheduled runs until `resume`."""
    from mailcrm.services.registry import pause_mailbox
    from mailcrm.services.wiring import open_services

    know(context, mailbox=mailbox_id)
    with open_services() as services:
        mailbox = pause_mailbox(services, mailbox_id)
    return _state_reply(mailbox, f"Mailbox {mailbox_id} is paused: its runs do nothing.")


@app.command()
def resume(context: typer.Context, mailbox_id: MailboxId, as_json: AsJson = False) -> Reply:
    """Let a paused mailbox run again; nothing that arrived meanwhile is missed."""
    from mailcrm.services.registry import resume_mailbox
    from mailcrm.services.wiring import open_services

    know(context, mailbox=mailbox_id)
    with open_services() as services:
        mailbox = resume_mailbox(services, mailbox_id)
    return _state_reply(mailbox, f"Mailbox {mailbox_id} is active.")


@app.command()
def remove(context: typer.Context, mailbox_id: MailboxId, as_json: AsJson = False) -> Reply:
    """Disconnect a mailbox; what it brought into the CRM stays."""
    from mailcrm.services.registry import remove_mailbox
    from mailcrm.services.wiring import open_services

    know(context, mailbox=mailbox_id)
    with open_services() as services:
        mailbox = remove_mailbox(services, mailbox_id)
    text = (
        f"Mailbox {mailbox_id} is removed: no more runs. Its messages, matches and history stay in "
        f"the CRM.\nIts connections mailbox_{mailbox_id}_imap and mailbox_{mailbox_id}_smtp are "
        "still where you stored them; delete them there."
    )
    return _state_reply(mailbox, text)


def _state_reply(mailbox: "Mailbox", text: str) -> Reply:
    document = {"mailbox": mailbox.id, "state": mailbox.state.value, "crm_data": "kept"}
    return Reply(document, lambda console: console.print(text))


def _show_list(console: "Console", entries: "list[RegistryEntry]") -> None:
    from rich.table import Table

    if not entries:
        console.print("No mailbox is connected yet: `mailcrm mailbox add FILE.yaml`.")
        return
    table = Table("id", "address", "ownership", "schedule", "folders", "state", "imap", "smtp")
    for entry in entries:
        table.add_row(*entry.columns())
    console.print(table)
    for entry in entries:
        if entry.error:
            console.print(f"{entry.mailbox_id}: {entry.error}")


def _show_entry(console: "Console", entry: "RegistryEntry") -> None:
    import json

    from mailcrm.cli.output import plain

    console.print_json(json.dumps(plain(entry.to_json())), highlight=False)
