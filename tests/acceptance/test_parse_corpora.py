"""The parser on public corpora: nothing raises, and it agrees with the suites' own truth."""

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from mailcrm.parse import compare_truth, parse_message
from mailcrm.records import ParsedMessage

CORPORA = Path(__file__).parents[3] / "shared" / "corpora"
SUITES = ("stalwart", "mailcore2", "imap_tools", "zbateson", "mime4j")
UNTRUE = {"mailcore2": {"date_epoch", "message_id"}}
BOUNCES = ("sisimai", "bounceparser", "flufl_bounce")

pytestmark = pytest.mark.skipif(not CORPORA.is_dir(), reason="../shared/corpora is absent")


def parse_corpus(name: str) -> Iterator[tuple[str, ParsedMessage]]:
    """Parse every message of one corpus."""
    for path in sorted((CORPORA / name / "raw").rglob("*")):
        if path.is_file():
            yield path.name, parse_message(path.read_bytes(), None)


def corpus_names() -> list[str]:
    """The corpora that hold raw messages."""
    if not CORPORA.is_dir():
        return []
    return sorted(path.name for path in CORPORA.iterdir() if (path / "raw").is_dir())


@pytest.mark.parametrize("name", corpus_names())
def test_corpus_is_parsed_without_the_parser_failing(name: str) -> None:
    failed = [file for file, parsed in parse_corpus(name) if "parser_failed" in parsed.defects]
    assert failed == []


def test_suites_truth_is_met() -> None:
    wrong: Counter[str] = Counter()
    for suite in SUITES:
        for line in (CORPORA / suite / "truth.jsonl").read_text().splitlines():
            row = json.loads(line)
            parsed = parse_message((CORPORA / suite / "raw" / row["file"]).read_bytes(), None)
            wrong.update(set(compare_truth(parsed, row)) - UNTRUE.get(suite, set()))
    assert wrong["from"] <= 1, wrong
    assert wrong["from_name"] <= 1, wrong
    assert wrong["subject"] <= 10, wrong
    assert wrong["to"] <= 5, wrong
    assert wrong["date_epoch"] <= 5, wrong
    assert wrong["message_id"] == 0, wrong


def test_bounces_are_recognised_with_recipients() -> None:
    parsed = [one for name in BOUNCES for _, one in parse_corpus(name)]
    bounces = [one for one in parsed if one.kind == "bounce"]
    assert len(bounces) / len(parsed) >= 0.9
    assert sum(bool(one.bounces) for one in bounces) / len(bounces) >= 0.95


def test_business_mail_has_no_bounces_taken_for_it() -> None:
    kinds = Counter(one.kind for _, one in parse_corpus("enron_berkeley"))
    assert kinds["bounce"] == kinds["auto_reply"] == 0
