"""`mailcrm batch` and `mailcrm quarantine`: what is held back, and why."""

import base64
import getpass
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from mailcrm.cli.options import AsJson
from mailcrm.cli.output import Reply, know

if TYPE_CHECKING:
    from rich.console import Console

    from mailcrm.services.quarantine import ReplayReport

__all__ = ["batch_app", "quarantine_app"]

batch_app = typer.Typer(help="Batches that the gate holds.", no_args_is_help=True)
quarantine_app = typer.Typer(help="Messages that are held back.", no_args_is_help=True)

OnlyMailbox = Annotated[
    str | None, typer.Option("--mailbox", metavar="ID", help="Only this mailbox. Default: all.")
]
Reason = Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; it is recorded.")]
By = Annotated[
    str | None, typer.Option("--by", metavar="NAME", help="Who decides. Default: this user.")
]

_BATCH_STEPS = (
    "Next: mailcrm report RUN_ID shows a run's checks; mailcrm run ID reads and checks again;"
    " mailcrm batch release ID --reason TEXT publishes a batch exactly as it was checked."
)
_MESSAGE_STEPS = (
    "Next: mailcrm quarantine show NUMBER --json gives the bytes; mailcrm quarantine replay --id"
    " NUMBER judges again; mailcrm quarantine discard NUMBER --reason TEXT gives one up."
)


@batch_app.command("list")
def list_batches(mailbox: OnlyMailbox = None, as_json: AsJson = False) -> Reply:
    """Show the held batches: nothing of them is published until a run passes the checks."""
    from mailcrm.services.status import list_held_batches
    from mailcrm.services.wiring import open_services

    with open_services() as services:
        rows = list_held_batches(services, mailbox)
    names = ("batch_id", "mailbox", "messages", "failed", "started_at")
    return Reply(
        {"batches": rows},
        lambda console: _show(console, rows, names, "No batch is held.", _BATCH_STEPS),
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
        {"quarantine": rows},
        lambda console: _show(console, rows, names, "Nothing is held back.", _MESSAGE_STEPS),
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


@batch_app.command("release")
def release(
    context: typer.Context,
    batch_id: Annotated[str, typer.Argument(metavar="ID", help="As in `list`.")],
    reason: Reason,
    by: By = None,
    as_json: AsJson = False,
) -> Reply:
    """Publish a held batch exactly as it was checked; who and why is recorded."""
    from mailcrm.cli.output import plain
    from mailcrm.services.batches import release_batch
    from mailcrm.services.wiring import open_services

    know(context, batch_id=batch_id)
    with open_services() as services:
        summary = release_batch(services, batch_id, _person(by), _reason(reason))
    counts = {name: summary.certificate.total(name) for name in ("published", "duplicate")}
    document = {"batch_id": batch_id, "run_id": summary.run_id, "state": summary.state, **counts}
    text = f"Released: {counts['published']} published, {counts['duplicate']} duplicate."
    return Reply({**document, "failed": plain(summary.checks["failed"])}, _printing(text))


@quarantine_app.command("replay")
def replay(
    context: typer.Context,
    number: Annotated[
        int | None, typer.Option("--id", metavar="NUMBER", min=1, max=2**63 - 1, help="Only one.")
    ] = None,
    mailbox: OnlyMailbox = None,
    rule: Annotated[
        str | None, typer.Option("--rule", metavar="NAME", help="Only what this rule held back.")
    ] = None,
    as_json: AsJson = False,
) -> Reply:
    """Judge held messages again, by today's parser and checks, and publish those that pass."""
    from mailcrm.services.quarantine import replay_messages
    from mailcrm.services.wiring import open_services

    with open_services() as services:
        reports = replay_messages(services, mailbox, number, rule)
    rows = [report.to_json() for report in reports]
    names = ("mailbox", "published", "duplicate", "failed", "without_bytes", "unsettled")
    shown = [
        {**row, "failed": [f"{n}: {name}" for n, name in report.failed]}
        for row, report in zip(rows, reports, strict=True)
    ]
    failure = next((report.failure for report in reports if report.failure), None)
    return Reply(
        {"replayed": rows},
        lambda console: _show(console, shown, names, "Nothing to replay.", _replay_steps(reports)),
        failure=failure,
    )


@quarantine_app.command("discard")
def discard(
    context: typer.Context,
    quarantine_id: Annotated[
        int, typer.Argument(metavar="NUMBER", min=1, max=2**63 - 1, help="As in `list`.")
    ],
    reason: Reason,
    by: By = None,
    as_json: AsJson = False,
) -> Reply:
    """Give up a held message: its bytes go, and it stays counted as quarantined."""
    from mailcrm.services.quarantine import discard_message
    from mailcrm.services.wiring import open_services

    know(context, quarantine_id=quarantine_id)
    person, why = _person(by), _reason(reason)
    with open_services() as services:
        discard_message(services, quarantine_id, person, why)
    document = {"quarantine_id": quarantine_id, "state": "discarded", "by": person, "reason": why}
    return Reply(document, _printing(f"Discarded {quarantine_id}; it stays counted."))


def _replay_steps(reports: "Sequence[ReplayReport]") -> str:
    """What to do about those that were not published."""
    steps = []
    if any(report.failed for report in reports):
        steps.append("Those that failed stay held: mailcrm quarantine discard gives one up.")
    if any(report.without_bytes for report in reports):
        steps.append("Those without bytes are read by the mailbox's next run: mailcrm run ID")
    if any(report.unsettled for report in reports):
        steps.append(
            "Unsettled ones belong to a batch that is not published: mailcrm batch list, or run"
            " the mailbox again."
        )
    return " ".join(steps)


def _reason(text: str) -> str:
    if not text.strip():
        raise typer.BadParameter("say why, in a few words", param_hint="'--reason'")
    return text.strip()


def _person(by: str | None) -> str:
    """Who decides: as named, else the user of this machine."""
    try:
        return (by or "").strip() or getpass.getuser()
    except (KeyError, OSError):  # a container's user may have no name
        return "unknown"


def _printing(text: str) -> "Callable[[Console], None]":
    return lambda console: console.print(text)


def _show(
    console: "Console",
    rows: list[dict[str, object]],
    names: tuple[str, ...],
    nothing: str,
    then: str = "",
) -> None:
    from mailcrm.cli.show import show_rows

    if rows:
        show_rows(console, rows, names)
        if then:
            console.print(then, highlight=False, markup=False, soft_wrap=True)
    else:
        console.print(nothing)
