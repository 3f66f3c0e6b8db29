"""`mailcrm report`: one run as a page."""

from pathlib import Path
from typing import Annotated

import typer

from mailcrm.cli.options import AsJson
from mailcrm.cli.output import Reply, know

__all__ = ["report"]


def report(
    context: typer.Context,
    run_id: Annotated[str, typer.Argument(metavar="RUN_ID", help="As in `mailcrm status`.")],
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", metavar="DIR", file_okay=False, help="Where. Default: the kept ones."
        ),
    ] = None,
    as_json: AsJson = False,
) -> Reply:
    """Write one run's report as an HTML page and as Markdown: certificate, checks, quarantine."""
    from mailcrm.services.report import write_run_page
    from mailcrm.services.wiring import open_services

    know(context, run_id=run_id)
    with open_services() as services:
        html, markdown = write_run_page(services, run_id, out)
    return Reply(
        {"run_id": run_id, "html": html, "markdown": markdown},
        lambda console: console.print(html, markdown, sep="\n", soft_wrap=True),
    )
