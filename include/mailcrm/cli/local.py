"""`demo` and `up`: the product on this machine, with nothing else installed."""

import sys
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Annotated, cast

import typer

from mailcrm.cli.options import AsJson
from mailcrm.cli.output import EXIT_FINE, Reply

if TYPE_CHECKING:
    from rich.console import Console

    from mailcrm.services.demo import DemoReport
    from mailcrm.services.up import UpReady

__all__ = ["add_commands"]

NEXT = """\
Look next:
  make up
      the whole Airflow with this mailbox; trigger its DAG with an earlier `since` to widen
      the window: {older} older messages wait on the mail server
  mailcrm status {mailbox}
  sqlite3 {database}, or any other SQLite program:
      SELECT outcome, rule, count(*) FROM match_decisions GROUP BY 1, 2 ORDER BY 3 DESC;
      SELECT sent_at, direction, subject, rule FROM v_contact_timeline
       WHERE contact_id = 'C-006' ORDER BY sent_at;
      SELECT message_key, candidates FROM match_decisions WHERE outcome = 'ambiguous';
      SELECT folder, uid, rule, reason FROM sync_quarantine;"""


def add_commands(app: typer.Typer) -> None:
    """Put the commands into the tree."""
    app.command()(demo)
    app.command()(up)


def demo(as_json: AsJson = False) -> Reply:
    """Fill a local mail server with a fictional company's mail and run the product on it."""
    from mailcrm.services.demo import run_demo

    report = run_demo(_timed_lines())
    return Reply(
        report.to_json(), lambda console: _show_demo(console, report), EXIT_FINE, report.failure
    )


def up(
    port: Annotated[
        int | None,
        typer.Option(
            "--port", min=1024, max=65535, help="Of Airflow's pages. Default: 8080 where free."
        ),
    ] = None,
    as_json: AsJson = False,
) -> Reply:
    """Start the whole Airflow on this machine with the demo's mailbox, until Ctrl-C."""
    from mailcrm.services.up import run_up

    try:
        run_up(port, _timed_lines(), _show_up)
    except KeyboardInterrupt:
        return Reply({"stopped": True}, lambda console: console.print("Stopped."))


def _timed_lines() -> Callable[[str], None]:
    started = time.monotonic()

    def say(line: str) -> None:
        sys.stderr.write(f"[{time.monotonic() - started:5.1f} s] {line}\n")
        sys.stderr.flush()

    return say


def _show_up(ready: "UpReady") -> None:
    sys.stderr.write(
        f"\nAirflow:  {ready.url}\n"
        f"Login:    {ready.login.username} / {ready.login.password}\n"
        f"Mailbox:  {ready.url}/dags/{ready.dag_id}  (Trigger asks for the window)\n"
        f"Logs:     {ready.logs}\n"
        "Ctrl-C stops everything.\n\n"
    )
    sys.stderr.flush()


def _show_demo(console: "Console", report: "DemoReport") -> None:
    from mailcrm.cli.show import show_run

    document = report.to_json()
    console.print()
    for direction, found in sorted(report.verify.items()):
        console.print(_verification(direction, found))
    if report.summary is not None:
        show_run(console, document)
        if not report.total("published") and report.total("duplicate"):
            console.print(
                f"Nothing new published: the mail server is a new one (another uidvalidity, so a "
                f"new generation), and {report.total('duplicate')} messages were recognised as "
                "duplicates."
            )
    seconds = cast("Mapping[str, float]", document["seconds"])
    console.print("seconds: " + ", ".join(f"{name} {value}" for name, value in seconds.items()))
    inside = report.total("listed")
    older = sum(report.messages.values()) - inside
    database = report.home / "mailcrm.db"
    console.print(NEXT.format(mailbox=report.mailbox, database=database, older=older))


def _verification(direction: str, found: Mapping[str, object]) -> str:
    if found.get("state") == "ok":
        return f"{direction}: ok"
    said = found.get("server_text") or found.get("advice") or ""
    return f"{direction}: {found.get('state')} at {found.get('stage')}: {said}"
