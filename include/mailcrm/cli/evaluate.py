"""`mailcrm evaluate`: how right and how fast, on messages whose truth is known."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mailcrm.cli.options import AsJson
from mailcrm.cli.output import Reply

if TYPE_CHECKING:
    from rich.console import Console

    from mailcrm.services.evaluate import MatchScore, TierScore

__all__ = ["app"]

app = typer.Typer(
    help="Measure on messages whose truth is known; no server, no database.", no_args_is_help=True
)

Messages = Annotated[Path, typer.Option("--messages", metavar="DIR", help="Folder of .eml files.")]


@app.command("match")
def match(
    contacts: Annotated[Path, typer.Option("--contacts", metavar="C.csv", help="The contacts.")],
    truth: Annotated[Path, typer.Option("--truth", metavar="T.csv", help="file,contact_id,tier")],
    messages: Messages,
    as_json: AsJson = False,
) -> Reply:
    """Parse, dedupe and match, and judge whom the senders were matched with, tier by tier."""
    from mailcrm.services.evaluate import evaluate_match
    from mailcrm.services.evaluation_wiring import open_evaluation

    score = evaluate_match(open_evaluation().files, contacts, truth, messages)
    return Reply(score.as_document(), lambda console: _show_match(console, score))


@app.command("dedupe")
def dedupe(
    messages: Messages,
    pairs: Annotated[
        Path, typer.Option("--pairs", metavar="P.csv", help="file_a,file_b,label (copy, distinct)")
    ],
    as_json: AsJson = False,
) -> Reply:
    """Recognise copies, and compare with labelled pairs: pairwise precision and recall."""
    from mailcrm.services.evaluate import evaluate_dedupe
    from mailcrm.services.evaluation_wiring import open_evaluation

    document = evaluate_dedupe(open_evaluation().files, messages, pairs).as_document()
    return Reply(document, lambda console: _show_facts(console, document))


@app.command("parse")
def parse(
    messages: Messages,
    truth: Annotated[
        Path | None, typer.Option("--truth", metavar="T.jsonl", help="A JSON object a line.")
    ] = None,
    as_json: AsJson = False,
) -> Reply:
    """Parse every message: what failed, what the truth contradicts, and messages a second."""
    from mailcrm.services.evaluate import evaluate_parse
    from mailcrm.services.evaluation_wiring import open_evaluation

    tools = open_evaluation()
    document = evaluate_parse(tools.files, tools.clock, messages, truth).as_document()
    return Reply(document, lambda console: _show_facts(console, document))


@app.command("reviews")
def reviews(as_json: AsJson = False) -> Reply:
    """Judge the stored decisions by the verdicts of people, rule by rule."""
    from mailcrm.services.evaluate import evaluate_reviews
    from mailcrm.services.review_wiring import open_review_services

    with open_review_services() as services:
        score = evaluate_reviews(services.reviews.list_reviews())
    document = score.as_document()
    return Reply(document, lambda console: _show_reviews(console, document))


@app.command("report")
def report(
    out: Annotated[Path, typer.Option("--out", metavar="FILE.html", help="Where to write it.")],
    as_json: AsJson = False,
) -> Reply:
    """Write one HTML page of charts on what is stored; it needs no network."""
    from mailcrm.services.evaluate import run_report
    from mailcrm.services.review_wiring import open_review_services

    with open_review_services() as services:
        document = run_report(
            services.reviews, services.quality, services.pages, out, services.clock.now()
        )
    return Reply(document, lambda console: _show_facts(console, document))


def _show_reviews(console: "Console", document: Mapping[str, object]) -> None:
    from rich.table import Table

    table = Table("rule", "judged", "right", "wrong", "precision")
    rules = document["rules"]
    rows = [*rules.items()] if isinstance(rules, Mapping) else []
    for name, part in [*rows, ("total", document["total"])]:
        counts = (str(part[key]) for key in ("reviews", "matched_right", "matched_wrong"))
        table.add_row(name, *counts, _rate(part, "precision"))
    console.print(table)


def _show_match(console: "Console", score: "MatchScore") -> None:
    from rich.table import Table

    table = Table(
        "tier", "messages", "right", "wrong", "review", "unmatched", "precision", "recall"
    )
    rows = [*sorted(score.tiers.items()), ("total", score.total)]
    for name, tier in rows:
        table.add_row(name, *_tier_cells(tier))
    console.print(table)
    if score.missing:
        console.print(f"{score.missing} files of the truth are not there.")


def _tier_cells(tier: "TierScore") -> tuple[str, ...]:
    document = tier.as_document()
    return (
        str(tier.messages),
        str(tier.matched_right),
        str(tier.matched_wrong),
        f"{tier.review} ({tier.review_right} with the right one)",
        str(tier.unmatched),
        _rate(document, "precision"),
        _rate(document, "recall"),
    )


def _rate(document: Mapping[str, object], name: str) -> str:
    value, interval = document[name], document[f"{name}_interval"]
    if not isinstance(value, float) or not isinstance(interval, list):
        return "-"
    return f"{value:.4f} [{interval[0]:.4f}, {interval[1]:.4f}]"


def _show_facts(console: "Console", document: Mapping[str, object]) -> None:
    for name, value in document.items():
        if isinstance(value, Mapping):
            value = ", ".join(f"{key} {count}" for key, count in value.items()) or "none"
        console.print(f"{name}: {value}")
