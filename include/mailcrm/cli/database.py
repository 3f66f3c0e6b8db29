"""`mailcrm db`: the tables."""

import typer

from mailcrm.cli.options import AsJson
from mailcrm.cli.output import Reply

__all__ = ["app"]

app = typer.Typer(help="Create and migrate the tables.", no_args_is_help=True)


@app.command()
def upgrade(as_json: AsJson = False) -> Reply:
    """Create the tables, or migrate them to this version; doing it again changes nothing."""
    from mailcrm.services.wiring import upgrade_database

    revision = upgrade_database()
    return Reply(
        {"revision": revision},
        lambda console: console.print(f"The database is at revision {revision}."),
    )
