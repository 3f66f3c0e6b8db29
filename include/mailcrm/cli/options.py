"""Arguments and options that several commands share."""

import datetime as dt
import getpass
import re
from typing import Annotated

import typer

from mailcrm.records import EARLIEST_DAY

__all__ = ["AsJson", "MailboxId", "Since", "Until", "check_window", "parse_date", "typed_by"]

_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def typed_by() -> str:
    """The account on this machine that typed the command; `unknown` where it has no name."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return "unknown"


def parse_date(text: str) -> dt.datetime:
    """`YYYY-MM-DD` as the UTC midnight that begins the day.

    Raises:
        typer.BadParameter: the text is no such date, or one before all mail.
    """
    if _DATE.fullmatch(text):
        try:
            day = dt.date.fromisoformat(text)
        except ValueError as error:
            raise typer.BadParameter(f"{text} is not a date: {error}") from None
        if day < EARLIEST_DAY:
            raise typer.BadParameter(f"{text} is before all mail: begin at {EARLIEST_DAY} or later")
        return dt.datetime.combine(day, dt.time(), tzinfo=dt.UTC)
    raise typer.BadParameter(f"{text[:40]!r} is not a date: write it as YYYY-MM-DD (UTC)")


MailboxId = Annotated[
    str, typer.Argument(metavar="ID", help="The mailbox's id, as in `mailcrm mailbox list`.")
]
Since = Annotated[
    dt.datetime | None,
    typer.Option(
        "--since",
        metavar="YYYY-MM-DD",
        parser=parse_date,
        help="First day, UTC. Default: the mailbox's backfill setting.",
    ),
]
Until = Annotated[
    dt.datetime | None,
    typer.Option(
        "--until",
        metavar="YYYY-MM-DD",
        parser=parse_date,
        help="First day that is left out, UTC. Default: now.",
    ),
]
AsJson = Annotated[
    bool, typer.Option("--json", help="Print one JSON document on stdout; logs go to stderr.")
]


def check_window(
    context: typer.Context, since: dt.datetime | None, until: dt.datetime | None
) -> None:
    """Refuse an empty window before anything is opened.

    Raises:
        typer.BadParameter: `since` is not before `until`, or lies in the future.
    """
    if since is None:
        return
    if until is None and since > dt.datetime.now(dt.UTC):
        problem = "lies in the future, and without --until the window ends now"
    elif until is not None and since >= until:
        problem = f"must be before --until {until.date().isoformat()} (which is left out)"
    else:
        return
    raise typer.BadParameter(
        f"{since.date().isoformat()} {problem}", ctx=context, param_hint="'--since'"
    )
