"""The tree of commands."""

from typing import Annotated

import typer

from mailcrm import __version__
from mailcrm.cli import contacts, database, evaluate, held, local, mailbox, report, review, sync

__all__ = ["app"]

app = typer.Typer(
    name="mailcrm",
    help="A mailbox's mail, in the CRM: every message accounted for, exactly once.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(value: bool) -> None:
    if value:
        typer.echo(f"mailcrm {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool,
        typer.Option(
            "--version", help="Print the version and end.", is_eager=True, callback=_print_version
        ),
    ] = False,
) -> None:
    """A mailbox's mail, in the CRM: every message accounted for, exactly once."""


app.add_typer(database.app, name="db")
app.add_typer(contacts.app, name="contacts")
app.add_typer(mailbox.app, name="mailbox")
app.add_typer(held.batch_app, name="batch")
app.add_typer(held.quarantine_app, name="quarantine")
app.add_typer(evaluate.app, name="evaluate")
sync.add_commands(app)
app.command("report")(report.report)
review.add_commands(app)
local.add_commands(app)
