"""Evaluations count what they should."""

from pathlib import Path

import pytest

from fakes.evaluation_files import MemoryEvaluationFiles
from mailcrm.adapters.clock import SystemClock
from mailcrm.errors import SettingsError
from mailcrm.records import Contact, ContactAddress
from mailcrm.services.evaluate import (
    evaluate_dedupe,
    evaluate_match,
    evaluate_parse,
    rate_of,
)

HERE = Path("here")
DATE = "Date: Tue, 3 Nov 2026 12:00:00 +0000"


def mail(sender: str, text: str = "The seal leaks.", *headers: str) -> bytes:
    lines = [f"From: {sender}", "To: sales@us.example", "Subject: Pump", DATE, *headers, "", text]
    return "\r\n".join(lines).encode()


ADA = Contact("ada", "Ada Byron", "", "acme.example", (ContactAddress("ada@acme.example", True),))
BOB = Contact("bob", "Bob Stone", "", "", (ContactAddress("bob@stone.example", True),))


def match_document() -> dict[str, object]:
    files = MemoryEvaluationFiles(
        messages={
            "right.eml": mail("Ada Byron <ada@acme.example>", "one"),
            "wrong.eml": mail("bob@stone.example", "two"),
            "sub/review.eml": mail("Ada Byron <ada@private.example>", "three"),
            "nobody.eml": mail("eve@evil.example", "four"),
            "role.eml": mail("noreply@evil.example", "five"),
        },
        contacts=[ADA, BOB],
        table=[
            {"file": "right.eml", "contact_id": "ada", "tier": "known"},
            {"file": "wrong.eml", "contact_id": "", "tier": "outsider"},
            {"file": "review.eml", "contact_id": "ada", "tier": "known"},
            {"file": "nobody.eml", "contact_id": "ada", "tier": "known"},
            {"file": "role.eml", "contact_id": "", "tier": "outsider"},
            {"file": "absent.eml", "contact_id": "ada", "tier": "known"},
        ],
    )
    return evaluate_match(files, HERE, HERE, HERE).as_document()


def test_match_evaluation_counts_each_tier_and_the_total() -> None:
    document = match_document()
    tiers = document["tiers"]
    assert isinstance(tiers, dict)
    known, outsider, total = tiers["known"], tiers["outsider"], document["total"]
    assert isinstance(total, dict)
    assert (known["messages"], known["matched_right"], known["matched_wrong"]) == (3, 1, 0)
    assert known["review"] == {"count": 1, "right_among_candidates": 1}
    assert known["unmatched"] == 1
    assert (known["precision"], known["recall"]) == (1.0, pytest.approx(1 / 3, abs=1e-6))
    assert known["recall_with_review"] == pytest.approx(2 / 3, abs=1e-6)
    assert (outsider["matched_wrong"], outsider["unmatched"], outsider["ignored"]) == (1, 1, 1)
    assert (outsider["precision"], outsider["recall"]) == (0.0, None)
    assert (total["messages"], total["precision"]) == (5, 0.5)
    assert document["missing"] == 1


def test_match_evaluation_counts_by_rule() -> None:
    rules = match_document()["rules"]
    assert isinstance(rules, dict)
    assert rules["exact_address"]["messages"] == 2
    assert rules["unique_name"]["review"]["count"] == 1


def test_message_says_nothing_about_itself_by_its_conversation() -> None:
    colleague = "Ada Byron <a.byron@acme.example>"
    question = mail("Ada Byron <ada@acme.example>", "one", "Message-ID: <q@acme.example>")
    answer = mail(colleague, "two", "In-Reply-To: <q@acme.example>", "Message-ID: <a@acme.example>")
    truth = [{"file": "a.eml", "contact_id": "ada", "tier": "t"}]
    alone = MemoryEvaluationFiles({"a.eml": answer}, [ADA], truth)
    both = MemoryEvaluationFiles({"a.eml": answer, "q.eml": question}, [ADA], truth)
    assert evaluate_match(alone, HERE, HERE, HERE).total.review == 1
    assert evaluate_match(both, HERE, HERE, HERE).total.matched_right == 1


def test_dedupe_evaluation_compares_labelled_pairs() -> None:
    copy = mail("ada@acme.example", "one", "Message-ID: <q@acme.example>")
    files = MemoryEvaluationFiles(
        messages={"a.eml": copy, "b.eml": copy, "c.eml": mail("ada@acme.example", "other")},
        table=[
            {"file_a": "a.eml", "file_b": "b.eml", "label": "copy"},
            {"file_a": "a.eml", "file_b": "c.eml", "label": "distinct"},
            {"file_a": "b.eml", "file_b": "c.eml", "label": "copy"},
            {"file_a": "a.eml", "file_b": "x.eml", "label": "copy"},
        ],
    )
    document = evaluate_dedupe(files, HERE, HERE).as_document()
    assert (document["precision"], document["recall"], document["pairs"]) == (1.0, 0.5, 3)
    assert (document["missing"], document["messages"]) == (1, 3)


def test_dedupe_evaluation_refuses_other_labels() -> None:
    rows = [{"file_a": "a.eml", "file_b": "a.eml", "label": "same"}]
    files = MemoryEvaluationFiles({"a.eml": mail("ada@acme.example")}, [], rows)
    with pytest.raises(SettingsError, match="row 2: label must be copy or distinct"):
        evaluate_dedupe(files, HERE, HERE)


def test_parse_evaluation_counts_contradicted_fields() -> None:
    files = MemoryEvaluationFiles(
        messages={"a.eml": mail("ada@acme.example"), "b.eml": mail("bob@stone.example")},
        lines=[
            {"file": "a.eml", "from": [[None, "ada@acme.example"]], "subject": "Seal"},
            {"file": "b.eml", "from": [[None, "bob@stone.example"]], "subject": "Pump"},
            {"file": "absent.eml", "subject": "Pump"},
        ],
    )
    document = evaluate_parse(files, SystemClock(), HERE, HERE).as_document()
    assert (document["messages"], document["raised"], document["compared"]) == (2, 0, 2)
    assert document["mismatches"] == {"subject": 1}
    assert document["mismatched_files"] == {"a.eml": ["subject"]}


@pytest.mark.parametrize(
    ("hits", "count", "expected"),
    [
        (0, 0, (None, None, None)),
        (10, 10, (1.0, 0.722467, 1.0)),
        (0, 10, (0.0, 0.0, 0.277533)),
        (5, 10, (0.5, 0.236593, 0.763407)),
        (999, 1000, (0.999, 0.994357, 0.999823)),
    ],
)
def test_wilson_interval_is_that_of_the_textbook(
    hits: int, count: int, expected: tuple[float | None, ...]
) -> None:
    rate = rate_of(hits, count)
    assert (rate.value, rate.low, rate.high) == expected
