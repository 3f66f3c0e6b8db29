"""`mailcrm review` and `mailcrm rematch`: people judge decisions; stored mail is decided again."""

import getpass
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from mailcrm.cli.options import AsJson
from mailcrm.cli.output import Reply, know

if TYPE_CHECKING:
    from rich.console import Console

    from mailcrm.records.match_pages import ContactLine
    from mailcrm.records.review import OpenReview
    from mailcrm.services.review_wiring import ReviewServices

__all__ = ["add_commands", "app"]

app = typer.Typer(help="Decisions that wait for a person.", no_args_is_help=True)

Named = Annotated[
    str,
    typer.Argument(
        metavar="REVIEW",
        help="As in `list`: MESSAGE_KEY/ROLE/POSITION, or the number of an earlier verdict.",
    ),
]
OnlyMailbox = Annotated[
    str | None, typer.Option("--mailbox", metavar="ID", help="Only this mailbox. Default: all.")
]
By = Annotated[
    str | None, typer.Option("--by", metavar="NAME", help="Who decides. Default: the login name.")
]
Reason = Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why.")]
Teach = Annotated[
    bool,
    typer.Option("--teach", help="Give the address to the contact: later mail matches by itself."),
]


@app.command("list")
def list_reviews(
    mailbox: OnlyMailbox = None,
    limit: Annotated[int, typer.Option("--limit", min=1, help="At most so many.")] = 100,
    as_json: AsJson = False,
) -> Reply:
    """Show possible and ambiguous decisions that nobody has judged, latest message first."""
    from mailcrm.services.review import list_open_reviews
    from mailcrm.services.review_wiring import open_review_services

    with open_review_services() as services:
        rows = _rows(services, list_open_reviews(services, mailbox, limit))
    return Reply({"reviews": rows}, lambda console: _show_cases(console, rows))


@app.command("accept")
def accept(
    context: typer.Context,
    review: Named,
    contact: Annotated[
        str | None,
        typer.Option("--contact", metavar="ID", help="Which candidate, where there are several."),
    ] = None,
    by: By = None,
    reason: Reason = "",
    teach: Teach = False,
    as_json: AsJson = False,
) -> Reply:
    """Say that the candidate is right (also of an automatic link); no later run changes it."""
    return _judge(context, "accepted", review, contact, by, reason, teach)


@app.command("reject")
def reject(
    context: typer.Context,
    review: Named,
    by: By = None,
    reason: Reason = "",
    as_json: AsJson = False,
) -> Reply:
    """Say that no contact is right; the link goes, and no later run brings it back."""
    return _judge(context, "rejected", review, None, by, reason, False)


@app.command("assign")
def assign(
    context: typer.Context,
    review: Named,
    contact: Annotated[str, typer.Option("--contact", metavar="ID", help="Any contact.")],
    by: By = None,
    reason: Reason = "",
    teach: Teach = False,
    as_json: AsJson = False,
) -> Reply:
    """Say which contact is right; no later run changes it."""
    return _judge(context, "assigned", review, contact, by, reason, teach)


@app.command("sample")
def sample(
    week: Annotated[
        str | None,
        typer.Option("--week", metavar="2026-W47", help="ISO week, UTC. Default: the last whole."),
    ] = None,
    size: Annotated[int, typer.Option("--size", min=1, help="How many to draw.")] = 30,
    seed: Annotated[str, typer.Option("--seed", help="Another one draws others.")] = "",
    mailbox: OnlyMailbox = None,
    as_json: AsJson = False,
) -> Reply:
    """Draw automatic links of one week to check by hand: always the same ones."""
    from mailcrm.services.review import sample_links, week_of
    from mailcrm.services.review_wiring import open_review_services

    with open_review_services() as services:
        name, since, until = week_of(week, services.clock.now())
        drawn, count = sample_links(services, since, until, size, f"{name}{seed}", mailbox)
        rows = _rows(services, drawn)
    document = {"week": name, "since": since, "until": until, "links": count, "sample": rows}
    return Reply(document, lambda console: _show_cases(console, rows))


def rematch(
    mailbox_id: Annotated[
        str | None, typer.Argument(metavar="[ID]", help="Only this mailbox. Default: all.")
    ] = None,
    as_json: AsJson = False,
) -> Reply:
    """Decide again on what is stored, where rules or contacts changed; show links gained and lost.

    What people decided stays.
    """
    from mailcrm.services.rematch import run_rematch
    from mailcrm.services.review_wiring import open_review_services

    with open_review_services() as services:
        document = run_rematch(services, mailbox_id).as_document()
    return Reply(document, lambda console: _show_rematch(console, document))


def add_commands(root: typer.Typer) -> None:
    """Add `review` and `rematch` to the tree."""
    root.add_typer(app, name="review")
    root.command("rematch")(rematch)


def _judge(
    context: typer.Context,
    kind: str,
    named: str,
    contact: str | None,
    by: str | None,
    reason: str,
    teach: bool,
) -> Reply:
    from mailcrm.records.review import VerdictKind
    from mailcrm.services.review import run_review
    from mailcrm.services.review_wiring import open_review_services

    know(context, review=named)
    with open_review_services() as services:
        result = run_review(
            services, named, VerdictKind(kind), contact, by or _login(), reason, teach=teach
        )
    verdict = result.review.verdict
    document = {
        "review_id": result.review.review_id,
        "message_key": verdict.place.message_key,
        "role": verdict.place.role,
        "position": verdict.place.position,
        "verdict": verdict.kind,
        "contact_id": verdict.contact_id,
        "reviewer": verdict.reviewer,
        "reason": verdict.reason,
        "reviewed_at": verdict.reviewed_at,
        "gained": [link.contact_id for link in result.changes.gained],
        "lost": [link.contact_id for link in result.changes.lost],
        "taught": result.taught,
    }
    return Reply(document, lambda console: _show_verdict(console, document))


def _login() -> str:
    """The login name; where the system knows none, who decides must be said."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return ""


def _rows(services: "ReviewServices", cases: Sequence["OpenReview"]) -> list[dict[str, object]]:
    """Decisions as plain values; candidates with the contact's name and primary address."""
    from mailcrm.services.audit import read_contacts

    named = {str(one["contact_id"]) for case in cases for one in case.candidates}
    contacts = read_contacts(services, named)
    return [_row(case, contacts) for case in cases]


def _row(case: "OpenReview", contacts: Mapping[str, "ContactLine"]) -> dict[str, object]:
    candidates: list[dict[str, object]] = []
    for one in case.candidates:
        found = contacts.get(str(one["contact_id"]))
        names = {"full_name": found.full_name, "address": found.address} if found else {}
        candidates.append({**one, **names})
    return {
        "review_id": str(case.place),
        "message_key": case.place.message_key,
        "role": case.place.role,
        "position": case.place.position,
        "mailbox": case.mailbox_id,
        "address": case.address,
        "display_name": case.display_name,
        "subject": case.subject,
        "sent_at": case.sent_at,
        "outcome": case.decided.outcome,
        "contact_id": case.decided.contact_id,
        "rule": case.decided.rule,
        "rule_version": case.decided.rule_version,
        "score": case.decided.score,
        "candidates": candidates,
    }


def _show_cases(console: "Console", rows: Sequence[Mapping[str, object]]) -> None:
    from mailcrm.cli.output import one_line

    if not rows:
        console.print("Nothing waits for a person.")
    for number, row in enumerate(rows):
        if number:
            console.print()
        console.print(one_line(f"{row['review_id']}  {row['outcome']} by {row['rule']}"))
        console.print(one_line(f"  {row['display_name']} <{row['address']}>: {row['subject']}"))
        candidates = row["candidates"]
        for one in candidates if isinstance(candidates, list) else ():
            evidence = ", ".join(f"{e['name']} {e['weight']:+.2f}" for e in one["evidence"])
            who = f"{one['contact_id']} {one.get('full_name', '')} <{one.get('address', '')}>"
            console.print(one_line(f"  {one['score']:.2f} {who}: {evidence}"))


def _show_verdict(console: "Console", document: Mapping[str, object]) -> None:
    who = document["contact_id"] or "no contact"
    console.print(
        f"{document['verdict']} as number {document['review_id']}: {who}, by "
        f"{document['reviewer']}. No later run changes it."
    )
    if document["taught"]:
        console.print(f"{document['taught']} is now an address of {who}. Next: mailcrm rematch")


def _show_rematch(console: "Console", document: Mapping[str, object]) -> None:
    from mailcrm.cli.show import show_rows

    for name in ("gained", "lost"):
        links = document[name]
        if isinstance(links, list) and links:
            console.print(f"{name}:")
            show_rows(console, links[:50], ("message_key", "contact_id", "rule", "score"))
    gained, lost = (document[name] for name in ("gained", "lost"))
    counts = [len(one) for one in (gained, lost) if isinstance(one, list)]
    console.print(
        f"{document['messages']} messages decided again: {counts[0]} links gained, {counts[1]} "
        f"lost, {document['kept']} kept; {document['protected']} participants stay as people said."
    )
