"""What a command gives back, how it is printed, and how errors end.

With `--json` exactly one document goes to stdout, also on failure; whatever else is printed on the
way goes to stderr. Without it, results are text on stdout and errors one line on stderr.
"""

import contextlib
import dataclasses
import datetime as dt
import enum
import json
import logging
import os
import re
import sys
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import PurePath
from typing import TYPE_CHECKING, TextIO

import typer
from typer.exceptions import TyperException

from mailcrm.errors import MailcrmError

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["Reply", "know", "one_line", "plain", "run_app", "session_of", "wants_json"]

EXIT_FINE, EXIT_FAILED, EXIT_USAGE, EXIT_INTERRUPTED = 0, 1, 2, 130
DEBUG_VARIABLE = "MAILCRM_DEBUG"
_WIDTH_WITHOUT_TERMINAL = 160
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Reply:
    """A command's result: the document for `--json`, and how to show it to a person.

    `failure` is an error that came with the result: it is printed beside it, and the exit code is
    1 then even where `exit_code` says 0. `complaint` is one line for stderr where the document
    itself says what failed.
    """

    document: Mapping[str, object]
    show: Callable[["Console"], None]
    exit_code: int = EXIT_FINE
    failure: MailcrmError | None = None
    complaint: str | None = None


@dataclass(slots=True)
class Session:
    """One command line: whether JSON was asked for, and what is known so far for its document."""

    as_json: bool
    known: dict[str, object]


def session_of(context: typer.Context) -> Session:
    """The session of the running command."""
    found = context.find_object(Session)
    return found if found is not None else Session(as_json=False, known={})


def wants_json(context: typer.Context) -> bool:
    """Whether the command line asked for JSON."""
    return session_of(context).as_json


def know(context: typer.Context, **facts: object) -> None:
    """Keep facts for the JSON document, should the command fail later."""
    session_of(context).known.update(facts)


def run_app(app: typer.Typer, arguments: list[str]) -> int:
    """Run a command line, print its reply or its error, and return the exit code."""
    _set_up_logging()
    session = Session(as_json="--json" in arguments, known={})
    stdout = sys.stdout
    try:
        with contextlib.redirect_stdout(sys.stderr if session.as_json else stdout):
            code = _run(app, arguments, session, stdout)
        stdout.flush()
    except BrokenPipeError:  # the reader of our output went away, as with `| head`
        with contextlib.suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), stdout.fileno())
        return EXIT_FAILED
    return code


def _run(app: typer.Typer, arguments: list[str], session: Session, stdout: TextIO) -> int:
    command = typer.main.get_command(app)
    try:
        reply = command.main(
            args=arguments, prog_name="mailcrm", standalone_mode=False, obj=session
        )
        if isinstance(reply, Reply):
            return _end_reply(reply, session, stdout)
    except TyperException as error:
        return _end_usage(error, session, stdout)
    except MailcrmError as error:
        return _end(type(error).__name__, str(error), session, stdout, EXIT_FAILED)
    except (KeyboardInterrupt, typer.Abort):
        return _end("Interrupted", "interrupted", session, stdout, EXIT_INTERRUPTED)
    except BrokenPipeError:
        raise
    except Exception as error:
        return _end_unexpected(error, session, stdout)
    if reply == EXIT_INTERRUPTED:
        return _end("Interrupted", "interrupted", session, stdout, EXIT_INTERRUPTED)
    return reply if isinstance(reply, int) else EXIT_FINE


def _end_reply(reply: Reply, session: Session, stdout: TextIO) -> int:
    code = reply.exit_code
    document = dict(reply.document)
    if reply.failure is not None:
        code = code or EXIT_FAILED
        document["error"] = _error(type(reply.failure).__name__, str(reply.failure))
    if session.as_json:
        _write_json(document, stdout)
    else:
        reply.show(_console(stdout))
    failure = None if reply.failure is None or session.as_json else str(reply.failure)
    if complaint := failure or reply.complaint:
        stdout.flush()
        _write_error(complaint)
    return code


def _end_usage(error: TyperException, session: Session, stdout: TextIO) -> int:
    context = getattr(error, "ctx", None)
    path = context.command_path if context is not None else "mailcrm"
    if type(error).__name__ == "NoArgsIsHelpError" and not session.as_json:
        sys.stderr.write(error.format_message().rstrip() + "\n")
        return EXIT_USAGE
    if type(error).__name__ == "NoArgsIsHelpError":
        message = "a command is missing"
    else:
        message = error.format_message()
    message = f"{one_line(message).rstrip('.')}; see `{path} --help`"
    return _end("UsageError", message, session, stdout, EXIT_USAGE)


def _end_unexpected(error: Exception, session: Session, stdout: TextIO) -> int:
    first = (str(error).strip().splitlines() or [""])[0][:200]
    message = f"unexpected {type(error).__name__}: {first}".rstrip(": ")
    if is_debugging():
        sys.stderr.write("".join(traceback.format_exception(error)))
    else:
        message += f" ({DEBUG_VARIABLE}=1 shows where)"
    return _end(type(error).__name__, message, session, stdout, EXIT_FAILED)


def _end(name: str, message: str, session: Session, stdout: TextIO, code: int) -> int:
    if session.as_json:
        _write_json({**session.known, "error": _error(name, message)}, stdout)
    else:
        stdout.flush()
    _write_error(message)
    return code


def _error(name: str, message: str) -> dict[str, str]:
    return {"class": name, "message": one_line(message)}


def _write_error(message: str) -> None:
    sys.stderr.write(f"error: {one_line(message)}\n")


def _write_json(document: Mapping[str, object], stdout: TextIO) -> None:
    json.dump(plain(document), stdout, indent=2)
    stdout.write("\n")


def _console(stdout: TextIO) -> "Console":
    from rich.console import Console

    # Markup stays off: names and server texts may hold brackets.
    return Console(
        file=stdout,
        markup=False,
        highlight=False,
        emoji=False,
        width=None if stdout.isatty() else _WIDTH_WITHOUT_TERMINAL,
    )


def plain(value: object) -> object:
    """A value as JSON knows it: records become objects, moments ISO texts, enums their values."""
    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, (str, int, float, bool)) or value is None:
        return value
    if isinstance(value, (dt.datetime, dt.date)):
        return value.isoformat()
    if isinstance(value, dt.timedelta):
        return value.total_seconds()
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(plain(key)): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, (set, frozenset)):
        return sorted((plain(item) for item in value), key=str)
    if isinstance(value, PurePath):
        return str(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")


def is_debugging() -> bool:
    """Whether `MAILCRM_DEBUG` asks for tracebacks and all log lines."""
    return os.environ.get(DEBUG_VARIABLE, "") not in ("", "0")


def _set_up_logging() -> None:
    level = logging.DEBUG if is_debugging() else logging.WARNING
    logging.basicConfig(
        stream=sys.stderr, level=logging.WARNING, format="%(levelname)s %(name)s %(message)s"
    )
    logging.getLogger("mailcrm").setLevel(level)


def one_line(text: str) -> str:
    """Text on one line, control characters written as escapes."""
    return _CONTROL.sub(_escape_control, " ".join(text.split()))


def _escape_control(found: re.Match[str]) -> str:
    point = ord(found.group())
    return f"\\x{point:02x}" if point <= 0xFF else f"\\u{point:04x}"
