"""`verify`, `preview`, `run` and `status`: a mailbox's sync."""

import uuid
from typing import TYPE_CHECKING, Annotated

import typer

from mailcrm.cli.options import AsJson, MailboxId, Since, Until, check_window, typed_by
from mailcrm.cli.output import EXIT_FAILED, EXIT_FINE, Reply, know, wants_json

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from mailcrm.records import Direction, RoundTrip, VerifyResult

__all__ = ["add_commands", "complain", "verification_fields"]

Folders = Annotated[
    list[str] | None,
    typer.Option(
        "--folder", metavar="NAME", help="Only this folder (repeatable). Default: the mailbox's."
    ),
]
OptionalMailboxId = Annotated[
    str | None, typer.Argument(metavar="[ID]", help="One mailbox. Default: all.")
]


def add_commands(app: typer.Typer) -> None:
    """Put the commands into the tree."""
    for command in (verify, preview, run, status):
        app.command()(command)


def verify(
    context: typer.Context,
    mailbox_id: MailboxId,
    imap: Annotated[bool, typer.Option("--imap", help="Only reading.")] = False,
    smtp: Annotated[bool, typer.Option("--smtp", help="Only sending.")] = False,
    round_trip: Annotated[
        bool,
        typer.Option(
            "--round-trip", help="Also send one small message to the mailbox itself, and await it."
        ),
    ] = False,
    as_json: AsJson = False,
) -> Reply:
    """Verify reading and sending apart; without --round-trip nothing is read or sent."""
    from mailcrm.records import Direction, VerifyState
    from mailcrm.services.round_trip import run_round_trip
    from mailcrm.services.verify import run_verify
    from mailcrm.services.wiring import open_services

    know(context, mailbox=mailbox_id, imap=None, smtp=None, round_trip=None)
    asked = {Direction.IMAP: imap, Direction.SMTP: smtp}
    directions = [d for d in Direction if asked[d]] or list(Direction)
    with open_services() as services:
        found = run_verify(services, mailbox_id, directions)
        trip = None
        if round_trip and all(result.state is VerifyState.OK for result in found.values()):
            trip = run_round_trip(services, mailbox_id, f"command {uuid.uuid4()}")
    return _verification_reply(mailbox_id, found, trip)


def _verification_reply(
    mailbox_id: str, found: "Mapping[Direction, VerifyResult]", trip: "RoundTrip | None"
) -> Reply:
    from mailcrm.cli.show import show_verification
    from mailcrm.records import Direction, RoundTripState, VerifyState
    from mailcrm.services.round_trip import round_trip_to_json

    is_fine = all(result.state is VerifyState.OK for result in found.values())
    document: dict[str, object] = {"mailbox": mailbox_id}
    for direction in Direction:
        document[direction.value] = verification_fields(found.get(direction))
    document["round_trip"] = None if trip is None else round_trip_to_json(trip)
    if trip is not None:
        is_fine = trip.state in (RoundTripState.CONFIRMED, RoundTripState.NOT_CONFIRMED)
    return Reply(
        document,
        lambda console: show_verification(console, document),
        EXIT_FINE if is_fine else EXIT_FAILED,
        complaint=None if is_fine else complain(mailbox_id, found.values(), trip),
    )


def complain(
    mailbox_id: str, found: "Iterable[VerifyResult]", trip: "RoundTrip | None" = None
) -> str:
    """One line that says which direction failed, where, and what to do."""
    from mailcrm.records import VerifyState

    parts = [
        f"{result.direction.value} {result.state.value} at {result.stage}: {result.advice or ''}"
        for result in found
        if result.state is not VerifyState.OK
    ]
    if not parts and trip is not None:
        parts = [f"round trip {trip.state.value}: {trip.detail or ''}"]
    return f"mailbox {mailbox_id}: {' '.join(parts)}".strip()


def verification_fields(result: "VerifyResult | None") -> dict[str, object] | None:
    """One direction of `verify --json`: exactly the stable keys; None where it was not asked."""
    if result is None:
        return None
    return {
        "state": result.state.value,
        "stage": result.stage,
        "host": result.host,
        "port": result.port,
        "encryption": result.encryption.value,
        "code": result.code,
        "server_text": result.server_text,
        "advice": result.advice,
    }


def preview(
    context: typer.Context,
    mailbox_id: MailboxId,
    since: Since = None,
    until: Until = None,
    folders: Folders = None,
    as_json: AsJson = False,
) -> Reply:
    """Count what a run of this window would meet, per folder, before anything is read."""
    know(context, mailbox=mailbox_id)
    check_window(context, since, until)
    from mailcrm.cli.show import show_preview
    from mailcrm.services.preview import run_preview
    from mailcrm.services.wiring import open_services

    with open_services() as services:
        found = run_preview(services, mailbox_id, since, until, _folders(folders))
    names = ("messages", "size_bytes", "already_covered")
    rows = [{"folder": f.folder, **{n: getattr(f, n) for n in names}} for f in found.folders]
    document: dict[str, object] = {
        "mailbox": mailbox_id,
        "window": {"since": found.window.since, "until": found.window.until},
        "folders": rows,
        "totals": {name: sum(getattr(f, name) for f in found.folders) for name in names},
    }
    return Reply(document, lambda console: show_preview(console, document))


def run(
    context: typer.Context,
    mailbox_id: MailboxId,
    since: Since = None,
    until: Until = None,
    folders: Folders = None,
    accept_vanished: Annotated[
        bool,
        typer.Option(
            "--accept-vanished", help="Very many messages are gone at once, and that is right."
        ),
    ] = False,
    as_json: AsJson = False,
) -> Reply:
    """Run the whole pipeline once and print the certificate.

    Reads, recognises duplicates, matches, checks and publishes the window. Exits 0 also when only
    sending is broken; 1 when nothing could be published or something is still open.
    """
    know(context, mailbox=mailbox_id)
    check_window(context, since, until)
    from mailcrm.cli.progress import follow
    from mailcrm.cli.show import show_run
    from mailcrm.services.run import run_mailbox
    from mailcrm.services.wiring import open_services

    with open_services() as services, follow(quiet=wants_json(context)) as progress:
        asked = (since, until, _folders(folders), progress, accept_vanished, typed_by())
        report = run_mailbox(services, mailbox_id, *asked)
    document = report.to_json()
    return Reply(
        document,
        lambda console: show_run(console, document),
        EXIT_FINE if report.is_fine else EXIT_FAILED,
        report.failure,
    )


def status(
    context: typer.Context, mailbox_id: OptionalMailboxId = None, as_json: AsJson = False
) -> Reply:
    """Show health, coverage, the last run, open reviews and quarantine."""
    from mailcrm.cli.show import show_status
    from mailcrm.services.status import read_status
    from mailcrm.services.wiring import open_services

    if mailbox_id is not None:
        know(context, mailbox=mailbox_id)
    with open_services() as services:
        document = read_status(services, mailbox_id)
    return Reply(document, lambda console: show_status(console, document))


def _folders(named: list[str] | None) -> tuple[str, ...] | None:
    return tuple(named) if named else None
