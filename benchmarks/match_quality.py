"""Measure parsing, duplicates and matching on the labelled corpora; write docs/match-quality.md.

Run by `make evaluate`. A corpus that is not there is named as absent.
"""

import csv
import dataclasses
import datetime as dt
import itertools
import os
import platform
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from threads import join_threads

from mailcrm.adapters.clock import SystemClock
from mailcrm.adapters.evaluation_files import LocalEvaluationFiles
from mailcrm.match import RULE_VERSION, ContactIndex, decide_message, plan_contact_keys
from mailcrm.match.weights import MATCH_AT, REVIEW_AT, WEIGHTS
from mailcrm.parse import parse_message
from mailcrm.records import (
    Contact,
    ContactAddress,
    MessageContext,
    Outcome,
    Participant,
)
from mailcrm.services.evaluate import (
    TierScore,
    evaluate_dedupe,
    evaluate_match,
    evaluate_parse,
    rate_of,
)

ROOT = Path(__file__).parents[1]
CORPORA = ROOT.parent / "shared" / "corpora"
PAGE = ROOT / "docs" / "match-quality.md"
PARSE_SUITES = ("stalwart", "mailcore2", "imap_tools", "zbateson", "mime4j")
NOTHING = "The corpus is not on this machine.\n"
METHOD = f"""# Match quality

Made by `make evaluate` (`benchmarks/match_quality.py`); do not edit. The corpora are public
mail with known truth, kept outside this repository; every figure names its label set and its size.

## Method
Files are parsed, told apart and matched by the same functions as in a run; nothing is learned from
them. A message is first matched by itself, then with what the other messages of its conversation
tell. *Right* and *wrong* are automatic links; *review* are messages that a person is asked about
(possible or ambiguous), and in how many of them the right contact is among the candidates.
Precision and recall are of automatic links alone; *with review* counts the right candidates, too.
Where the truth says that two contacts fit (`name_ambiguous`), *review* is the right answer, and no
candidate counts as right. `silver` is labelled by equal names, so it says nothing about names.
Intervals are Wilson's, 95 %. The score is the sum of the weights of the evidence: from {MATCH_AT}
on it links, from {REVIEW_AT} on a person is asked.
"""


REVIEWED = """\
What people are asked, by the evidence of the best candidate: what linking by itself would be worth.
`silver` is in it, which is labelled by names. One wrong link in a thousand is the most that is
accepted; no kind of evidence without an address has shown that, and a local part or a display name
is what a deceiver copies first. Those of `gold` who are not even asked about are a person who took
another name, and one whose name is misspelt; the one of `name_ambiguous` has a name that no contact
of the open part carries.
"""


class PairFiles(LocalEvaluationFiles):
    """Local files, with pairs that were made here."""

    def __init__(self, pairs: Iterable[tuple[str, str, bool]]) -> None:
        self._pairs = [
            {"file_a": one, "file_b": two, "label": "copy" if same else "distinct"}
            for one, two, same in pairs
        ]

    def read_table(self, path: Path, required: Sequence[str]) -> Sequence[Mapping[str, str]]:
        return self._pairs


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    lines += ["| " + " | ".join(str(cell) for cell in row) + " |" for row in rows]
    return "\n".join(lines) + "\n"


def rate(hits: int, count: int) -> str:
    found = rate_of(hits, count)
    if found.value is None:
        return "-"
    return f"{found.value:.4f} [{found.low:.4f}, {found.high:.4f}]"


def match_row(name: str, one: TierScore) -> tuple[object, ...]:
    linked = one.matched_right + one.matched_wrong
    return (
        name,
        one.messages,
        one.matched_right,
        one.matched_wrong,
        f"{one.review} ({one.review_right})",
        one.unmatched,
        rate(one.matched_right, linked),
        rate(one.matched_right, one.answerable),
        rate(one.matched_right + one.review_right, one.answerable),
    )


MATCH_HEAD = (
    "", "messages", "right", "wrong", "review (right among them)", "unmatched", "precision",
    "recall", "recall with review",
)  # fmt: skip


def measure_matching() -> str:
    folder = CORPORA / "gold_people"
    if not folder.is_dir():
        return NOTHING
    expected = folder / "expected"
    score = evaluate_match(
        LocalEvaluationFiles(), expected / "contacts.csv", expected / "truth.csv", folder / "raw"
    )
    strict = TierScore()
    for name, tier in score.tiers.items():
        if name != "silver":
            for field in dataclasses.fields(TierScore):
                total = getattr(strict, field.name) + getattr(tier, field.name)
                setattr(strict, field.name, total)
    tiers = [match_row(name, one) for name, one in sorted(score.tiers.items())]
    tiers.append(match_row("all but silver", strict))
    rules = [match_row(f"`{name}`", one) for name, one in sorted(score.rules.items())]
    by_rule = table(MATCH_HEAD, rules)
    asked = [
        (f"`{name}`", one.review, one.review_right, rate(one.review_right, one.review))
        for name, one in sorted(score.evidence.items(), key=lambda pair: -pair[1].review)
        if one.review
    ]
    by_evidence = table(("evidence of the best candidate", "reviews", "right", "share"), asked)
    return (
        f"By tier:\n\n{table(MATCH_HEAD, tiers)}\nBy the rule that decided:\n\n{by_rule}\n"
        f"{REVIEWED}\n{by_evidence}"
    )


def measure_names() -> str:
    rows = []
    for path in sorted((CORPORA / "identity").glob("*.open.csv")):
        linked = wrong = asked = found = 0
        for right, outcome, contact_id, candidates in decide_aliases(path):
            asked += 1
            linked += outcome is Outcome.MATCHED
            wrong += outcome is Outcome.MATCHED and contact_id != right
            found += right in candidates
        rows.append((path.name, asked, linked, wrong, rate(found, asked)))
    head = ("aliases", "at other addresses", "linked", "of them wrong", "right among candidates")
    return table(head, rows) if rows else NOTHING


def decide_aliases(path: Path) -> Iterable[tuple[str, Outcome, str | None, set[str]]]:
    """Aliases at addresses that the contact does not have: right, outcome, contact, candidates."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    people = sorted({(row["canonical_name"], row["canonical_email"]) for row in rows})
    contacts = {
        one: Contact(f"c{number}", one[0], "", "", (ContactAddress(one[1], is_primary=True),))
        for number, one in enumerate(people)
    }
    index = ContactIndex((key, one) for one in contacts.values() for key in plan_contact_keys(one))
    for row in rows:
        if row["raw_email"].lower() == row["canonical_email"].lower():
            continue
        person = Participant("from", 0, row["raw_email"], row["raw_name"])
        context = MessageContext(1, 1, "key", "person", "inbound", None, None, (person,))
        decision = decide_message(context, index)[0]
        right = contacts[row["canonical_name"], row["canonical_email"]].contact_id
        offered = {one.contact_id for one in decision.candidates}
        yield right, decision.outcome, decision.contact_id, offered


def measure_duplicates() -> str:
    files, rows = LocalEvaluationFiles(), []
    for name, path, columns in (
        ("xpost_copies", "pairs_truth.csv", ("file_a", "file_b", "message_id")),
        ("noid_twins", "groups.csv", ("file", "bodysha")),
    ):
        folder = CORPORA / name
        if not folder.is_dir():
            continue
        truth = files.read_table(folder / "expected" / path, columns)
        if "bodysha" in columns:
            group = {row["file"]: row["bodysha"] for row in truth}
        else:
            group = {row[side]: row["message_id"] for row in truth for side in columns[:2]}
        names = files.list_messages(folder / "raw")
        pairs = (
            (one, two, group.get(one, one) == group.get(two, two))
            for one, two in itertools.combinations(names, 2)
        )
        found = evaluate_dedupe(PairFiles(pairs), folder / "raw", folder)
        merged = found.merged_right + found.merged_wrong
        copies = found.merged_right + found.apart_wrong
        rows.append(
            (
                name,
                found.messages,
                merged + found.apart_right + found.apart_wrong,
                copies,
                rate(found.merged_right, merged),
                rate(found.merged_right, copies),
            )
        )
    head = ("", "messages", "pairs", "copies", "precision", "recall")
    return table(head, rows) if rows else NOTHING


def measure_conversations() -> str:
    """Threads of lists, joined also where a share of the messages lost their references."""
    rows = []
    for name in ("list_usrp", "list_mips"):
        path = CORPORA / name / "expected" / "threads.csv"
        if not path.is_file():
            continue
        files = LocalEvaluationFiles()
        table_rows = files.read_table(path, ("file", "thread_key"))
        thread = {row["file"]: row["thread_key"] for row in table_rows}
        raws = files.read_messages(CORPORA / name / "raw", sorted(thread))
        parsed = {file: parse_message(raw, None) for file, raw in raws}
        for share in (0.0, 0.1, 0.3):
            found = join_threads(parsed, share)
            pairs = [
                (thread[one] == thread[two], found[one] == found[two])
                for one, two in itertools.combinations(sorted(thread), 2)
            ]
            right = sum(same and joined for same, joined in pairs)
            joined = sum(joined for _, joined in pairs)
            same = sum(same for same, _ in pairs)
            rows.append((name, len(thread), f"{share:.0%}", rate(right, joined), rate(right, same)))
    head = ("", "messages", "without references", "pairwise precision", "pairwise recall")
    return table(head, rows) if rows else NOTHING


def measure_parsing() -> str:
    rows = []
    for name in PARSE_SUITES:
        truths = sorted((CORPORA / name).rglob("truth.jsonl"))
        if truths:
            folder = CORPORA / name / "raw"
            score = evaluate_parse(LocalEvaluationFiles(), SystemClock(), folder, truths[0])
            document = score.as_document()
            rows.append((name, *(flat(document[key]) for key in PARSE_KEYS)))
    return table(("", *PARSE_KEYS), rows) if rows else NOTHING


PARSE_KEYS = ("messages", "raised", "partial", "mismatches")


def flat(value: object) -> object:
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {count}" for key, count in value.items()) or "none"
    return value


def main() -> None:
    now = dt.datetime.now(dt.UTC)
    machine = f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    weights = table(("evidence", "weight"), ((f"`{k}`", f"{v:+.2f}") for k, v in WEIGHTS.items()))
    parts = [
        METHOD,
        f"Measured on {now:%Y-%m-%d} ({machine}), rules {RULE_VERSION}, with `make evaluate`.\n",
        "## Matching: gold_people\n" + measure_matching(),
        "## Name variants: identity\nAliases of authors, each against all canonical authors with "
        "their one address.\n\n" + measure_names(),
        "## Duplicates\nAll pairs of files.\n\n" + measure_duplicates(),
        "## Conversations\nAll pairs of messages of lists, against threads by references; some of "
        "the messages lost theirs.\n\n" + measure_conversations(),
        "## Parsing: the suites' own truth\n" + measure_parsing(),
        "## Weights\n" + weights,
    ]
    PAGE.write_text("\n".join(parts), encoding="utf-8")
    sys.stdout.write(f"{PAGE.relative_to(ROOT)} written\n")


if __name__ == "__main__":
    main()
