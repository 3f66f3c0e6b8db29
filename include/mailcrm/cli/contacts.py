"""`mailcrm contacts`: who the messages are matched with."""

from pathlib import Path
from typing import Annotated

import typer

from mailcrm.cli.options import AsJson
from mailcrm.cli.output import Reply

__all__ = ["app"]

app = typer.Typer(help="The CRM's contacts.", no_args_is_help=True)


@app.command("import")
def import_file(
    path: Annotated[Path, typer.Argument(metavar="FILE.csv", help="UTF-8, with a header line.")],
    as_json: AsJson = False,
) -> Reply:
    """Add or change contacts out of a CSV file; all of it or nothing.

    Columns: contact_id, full_name, primary_email, other_emails (separated by ;), company, domain.
    """
    from mailcrm.services.contacts import run_import
    from mailcrm.services.wiring import open_services

    with open_services() as services:
        result = run_import(services, path)
    return Reply(
        {
            "file": str(path),
            "contacts": result.contacts,
            "addresses": result.addresses,
            "changed": result.changed,
            "total": result.total,
        },
        lambda console: console.print(
            f"{result.contacts} contacts with {result.addresses} addresses read, "
            f"{result.changed} added or changed; the CRM has {result.total} contacts."
        ),
    )
