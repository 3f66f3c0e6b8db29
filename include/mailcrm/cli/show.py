"""Results as people read them: tables, the certificate with its sums, and what to do next."""

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, cast

from mailcrm.cli.output import one_line
from mailcrm.records import COUNT_NAMES

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

__all__ = ["show_preview", "show_rows", "show_run", "show_status", "show_verification"]

Fields = Mapping[str, object]

_ALWAYS_SHOWN = ("listed", "published", "duplicate")


def show_verification(console: "Console", document: Fields) -> None:
    """Both directions side by side, then the advice."""
    table = _table("", "state", "stage", "server", "encryption", "code", "the server said")
    advice = []
    for direction in ("imap", "smtp"):
        found = document[direction]
        if found is None:
            continue
        result = cast("Fields", found)
        server = f"{result['host']}:{result['port']}"
        names = ("encryption", "code", "server_text")
        rest = [_text(result[name]) for name in names]
        table.add_row(direction, _text(result["state"]), _text(result["stage"]), server, *rest)
        if result["advice"]:
            advice.append(f"{direction}: {_text(result['advice'], 1000)}")
    console.print(table)
    trip = cast("Fields | None", document.get("round_trip"))
    if trip is not None:
        console.print(f"round trip: {_text(trip['state'])} {_text(trip['detail'], 1000)}".rstrip())
    for line in advice:
        console.print(line)
    if not advice:
        console.print(f"Next: mailcrm preview {document['mailbox']}")


def show_preview(console: "Console", document: Fields) -> None:
    """Counts and bytes per folder, with their sums."""
    _print_window(console, document)
    table = _table("folder", right=("messages", "size", "already covered"))
    totals = cast("Fields", document["totals"])
    rows = [*cast("Sequence[Fields]", document["folders"]), {"folder": "total", **totals}]
    for number, row in enumerate(rows):
        if number == len(rows) - 1:
            table.add_section()
        size = _size(cast("int", row["size_bytes"]))
        counts = (str(row["messages"]), size, str(row["already_covered"]))
        table.add_row(_text(row["folder"]), *counts)
    console.print(table)
    console.print(f"Next: mailcrm run {document['mailbox']} (with the same --since and --until)")


def show_run(console: "Console", document: Fields) -> None:
    """Verification, certificate, decisions and checks of one run."""
    _print_window(console, document)
    verify = cast("Fields", document["verify"])
    console.print("verify: " + ", ".join(f"{k} {_text(v)}" for k, v in verify.items()))
    if not document["folders"]:
        console.print(_outcome(document, is_held=False))
        return
    console.print(_certificate(document))
    decisions = cast("Fields", document["decisions"])
    console.print("decisions: " + ", ".join(f"{v} {k}" for k, v in decisions.items()))
    checks = cast("Fields", document["checks"])
    failed = cast("Sequence[str]", checks["failed"])
    console.print(f"checks: {checks['passed']} passed, {len(failed)} failed")
    for name in failed:
        console.print(f"  failed: {_text(name)}")
    for kind in ("problems", "notes"):
        for text in cast("Sequence[str]", document[kind]):
            console.print(f"{kind.removesuffix('s')}: {_text(text)}")
    console.print(_outcome(document, is_held=bool(checks["held"])))


def _certificate(document: Fields) -> "Table":
    """The sums, without the states that no message of the run is in."""
    totals = cast("Fields", document["totals"])
    shown = [name for name in COUNT_NAMES if totals[name] or name in _ALWAYS_SHOWN]
    names = [name.replace("_", " ") for name in shown]
    table = _table("folder", "generation", right=(*names, "balanced"))
    for row in cast("Sequence[Fields]", document["folders"]):
        counts = [str(row[name]) for name in shown]
        balanced = "yes" if row["balanced"] else "NO"
        table.add_row(_text(row["folder"]), str(row["generation"]), *counts, balanced)
    table.add_section()
    sums = [str(totals[name]) for name in shown]
    table.add_row("total", "", *sums, "yes" if totals.get("balanced", True) else "NO")
    return table


def _outcome(document: Fields, *, is_held: bool) -> str:
    mailbox, batch = document["mailbox"], document["batch_id"]
    totals = cast("Mapping[str, int]", document["totals"])
    if is_held:
        return f"Held: nothing was published. Look at batch {batch}: mailcrm batch list"
    if not document["published"]:
        return f"Not published. Look at: mailcrm status {mailbox}"
    if totals["pending"] or totals["unavailable"]:
        return f"Published, but some messages are still open: mailcrm run {mailbox} takes them up."
    if document["problems"]:
        return "Something could not be looked at: see the problems above."
    if not totals["published"]:
        return "Nothing new: every message of the window was already accounted for."
    noun = "message" if totals["published"] == 1 else "messages"
    return f"Published {totals['published']} {noun}. Next: mailcrm status {mailbox}"


def show_rows(console: "Console", rows: Sequence[Fields], names: Sequence[str]) -> None:
    """Some fields of each row as a table."""
    table = _table(*(name.replace("_", " ") for name in names))
    for row in rows:
        table.add_row(*(_text(row[name]) for name in names))
    console.print(table)


def show_status(console: "Console", document: Fields) -> None:
    """The document as indented text: keys are the labels."""
    for line in _outline(document, 0):
        console.print(line)


def _outline(value: object, depth: int) -> list[str]:
    indent = "  " * depth
    lines: list[str] = []
    if isinstance(value, Mapping):
        for key, item in value.items():
            label = f"{indent}{str(key).replace('_', ' ')}:"
            if isinstance(item, (Mapping, list, tuple)) and item:
                lines += [label, *_outline(item, depth + 1)]
            else:
                lines.append(f"{label} {_text(item) or '-'}")
    elif isinstance(value, (list, tuple)):
        for item in value:
            inner = _outline(item, depth + 1)
            if inner:
                lines.append(f"{indent}- {inner[0].lstrip()}")
                lines += inner[1:]
    else:
        lines.append(f"{indent}{_text(value)}")
    return lines


def _print_window(console: "Console", document: Fields) -> None:
    window = cast("Fields", document["window"])
    since, until = _text(window["since"]), _text(window["until"]) or "now"
    console.print(f"mailbox {document['mailbox']}, window {since} to {until}")


def _table(*left: str, right: Sequence[str] = ()) -> "Table":
    from rich.table import Table

    table = Table()
    for name in left:
        table.add_column(name, overflow="fold")
    for name in right:
        table.add_column(name, justify="right")
    return table


def _text(value: object, limit: int = 200) -> str:
    if value is None or value in ((), [], {}):
        return ""
    if isinstance(value, dt.datetime):
        return f"{value:%Y-%m-%d %H:%M:%S} UTC"
    if isinstance(value, (list, tuple)):
        value = ", ".join(map(str, value))
    text = one_line(str(value))
    return text if len(text) <= limit else text[: limit - 1] + "…"


def _size(size_bytes: int) -> str:
    if size_bytes < 1_000_000:
        return f"{size_bytes / 1000:.0f} kB"
    return f"{size_bytes / 1_000_000:.1f} MB"
