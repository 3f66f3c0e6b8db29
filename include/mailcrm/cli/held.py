"""`mailcrm batch` and `mailcrm quarantine`: what is held back, and why."""

import base64
from typing import TYPE_CHECKING, Annotated

import typer

from mailcrm.cli.options import AsJson
from mailcrm.cli.output import Reply, know

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["batch_app", "quarantine_app"]

batch_app = typer.Typer(help="Batches that the gate holds.", no_args_is_help=True)
quarantine_app = typer.Typer(help="Messages that are held back.", no_args_is_help=True)

OnlyMailbox = Annotated[
    str | None, typer.Option("--mailbox", metavar="ID", help="Only this mailbox. Default: all.")
]


@batch_app.command("list")
def list_batches(mailbox: OnlyMailbox = None, as_json: AsJson = False) -> Reply:
    """Show the held batches: nothing of them is published until a run passes the checks."""
    from mailcrm.services.status import list_held_batches
    from mailcrm.services.wiring import open_services

    with open_services() as services:
        rows = list_held_batches(services, mailbox)
    names = ("batch_id", "mailbox", "messages", "failed", "started_at")
    return Reply(
        {"batches": rows}, lambda console: _show(console, rows, names, "No batch is held.")
    )


@quarantine_app.command("list")
def list_messages(mailbox: OnlyMailbox = None, as_json: AsJson = False) -> Reply:
    """Show the messages in quarantine, with rule and reason."""
    from mailcrm.services.status import list_quarantine
    from mailcrm.services.wiring import open_services

    with open_services() as services:
        rows = list_quarantine(services, mailbox)
    names = ("quarantine_id", "mailbox", "folder", "uid", "rule", "reason", "attempts")
    return Reply(
        {"quarantine": rows}, lambda console: _show(console, rows, names, "Nothing is held back.")
    )


@quarantine_app.command("show")
def show_message(
    context: typer.Context,
    quarantine_id: Annotated[
        int, typer.Argument(metavar="NUMBER", min=1, max=2**63 - 1, help="As in `list`.")
    ],
    as_json: AsJson = False,
) -> Reply:
    """Show one message in quarantine; with --json also its bytes (`raw_base64`)."""
    from mailcrm.cli.show import show_status
    from mailcrm.services.status import show_quarantine
    from mailcrm.services.wiring import open_services

    know(context, quarantine_id=quarantine_id)
    with open_services() as services:
        row = show_quarantine(services, quarantine_id)
    raw = row.pop("raw")
    row["raw_bytes"] = None if raw is None else len(raw)
    encoded = None if raw is None else base64.b64encode(raw).decode("ascii")
    return Reply({**row, "raw_base64": encoded}, lambda console: show_status(console, row))


def _show(
    console: "Console", rows: list[dict[str, object]], names: tuple[str, ...], nothing: str
) -> None:
    from mailcrm.cli.show import show_rows

    if rows:
        show_rows(console, rows, names)
    else:
        console.print(nothing)
