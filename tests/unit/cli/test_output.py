"""How commands end: replies, errors, exit codes and the JSON document."""

import datetime as dt
import json
from dataclasses import dataclass
from pathlib import Path

import pytest
import typer

from mailcrm.cli.output import Reply, know, one_line, plain, run_app
from mailcrm.errors import ImapCredentialError, MailcrmError, ServerUnreachableError
from mailcrm.records import Direction

FAILURE = ImapCredentialError(mailbox_id="sales", reason="wrong\npassword \x1b[31m")


def app_that(
    raises: BaseException | None = None, reply: Reply | None = None, noise: str = ""
) -> typer.Typer:
    """An app with one command, which prints `noise`, then raises or replies."""
    app = typer.Typer(pretty_exceptions_enable=False, rich_markup_mode=None)

    @app.command()
    def command(context: typer.Context, as_json: bool = typer.Option(False, "--json")) -> Reply:
        know(context, mailbox="sales")
        if noise:
            typer.echo(noise)
        if raises is not None:
            raise raises
        return reply or Reply({"fine": True}, lambda console: console.print("[b]fine[/b]"))

    return app


def test_reply_as_text_goes_to_stdout_without_markup(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_app(app_that(), []) == 0
    assert capsys.readouterr() == ("[b]fine[/b]\n", "")


def test_reply_as_json_is_the_only_thing_on_stdout(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_app(app_that(noise="chatter of a library"), ["--json"]) == 0
    captured = capsys.readouterr()
    assert json.loads(captured.out) == {"fine": True}
    assert captured.err == "chatter of a library\n"


def test_reply_with_a_failure_prints_both_and_exits_1(capsys: pytest.CaptureFixture[str]) -> None:
    reply = Reply({"known": 1}, lambda console: console.print("half"), failure=FAILURE)
    assert run_app(app_that(reply=reply), []) == 1
    captured = capsys.readouterr()
    assert captured.out == "half\n"
    assert captured.err.startswith("error: mailbox sales: imap credentials: wrong password")
    assert run_app(app_that(reply=reply), ["--json"]) == 1
    document = json.loads(capsys.readouterr().out)
    assert document["known"] == 1
    assert document["error"]["class"] == "ImapCredentialError"


@pytest.mark.parametrize(
    ("error", "name"),
    [
        (FAILURE, "ImapCredentialError"),
        (
            ServerUnreachableError(protocol="imap", host="h", port=993, detail="no route"),
            "ServerUnreachableError",
        ),
        (RuntimeError("boom\nwith more\nlines"), "RuntimeError"),
        (ValueError(), "ValueError"),
    ],
)
def test_error_is_one_line_and_one_document(
    capsys: pytest.CaptureFixture[str], error: Exception, name: str
) -> None:
    for arguments in ([], ["--json"]):
        assert run_app(app_that(raises=error), arguments) == 1
        captured = capsys.readouterr()
        assert captured.err.startswith("error: ")
        assert captured.err.count("\n") == 1
        assert "\x1b" not in captured.err
        assert "Traceback" not in captured.err
    document = json.loads(captured.out)
    assert document["mailbox"] == "sales"
    assert document["error"]["class"] == name
    if not isinstance(error, MailcrmError):
        assert "unexpected" in document["error"]["message"]
        assert "with more" not in captured.err


def test_unexpected_error_with_debug_shows_the_traceback(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MAILCRM_DEBUG", "1")
    assert run_app(app_that(raises=RuntimeError("boom")), ["--json"]) == 1
    captured = capsys.readouterr()
    assert "Traceback" in captured.err
    assert json.loads(captured.out)["error"]["class"] == "RuntimeError"


@pytest.mark.parametrize("error", [KeyboardInterrupt(), typer.Abort()])
def test_interrupt_exits_130_with_one_line(
    capsys: pytest.CaptureFixture[str], error: BaseException
) -> None:
    assert run_app(app_that(raises=error), ["--json"]) == 130
    captured = capsys.readouterr()
    assert json.loads(captured.out)["error"]["class"] == "Interrupted"
    assert captured.err == "error: interrupted\n"


def test_plain_turns_records_and_moments_into_json_values() -> None:
    @dataclass(frozen=True, slots=True)
    class Record:
        when: dt.datetime
        path: Path
        names: tuple[str, ...]

    moment = dt.datetime(2026, 11, 20, 8, tzinfo=dt.UTC)
    found = plain({Direction.IMAP: Record(moment, Path("a/b"), ("x",)), "set": {2, 1}})
    assert found == {
        "imap": {"when": "2026-11-20T08:00:00+00:00", "path": "a/b", "names": ["x"]},
        "set": [1, 2],
    }
    with pytest.raises(TypeError, match="object has no JSON form"):
        plain(object())


def test_one_line_escapes_what_a_terminal_would_obey() -> None:
    assert one_line("a\r\nb\t c\x1b[0m\x00\u2028d\ud800") == "a b c\\x1b[0m\\x00 d\\ud800"
