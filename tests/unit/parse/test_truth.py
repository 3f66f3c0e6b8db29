"""Comparing with a suite's truth."""

from mailcrm.parse import compare_truth
from unit.parse.samples import parse_text

HEADER = """From: Mara <m@B.example>
To: j@b.example
Subject: A  b
Message-ID: <1@x>
Date: Mon, 16 Nov 2026 10:00:00 +0000"""


def test_truth_that_agrees_names_nothing() -> None:
    row = {
        "file": "x", "from": [["Mara", "m@b.example"]], "to": [[None, "j@b.example"]],
        "subject": "A b", "message_id": "1@x", "date_epoch": 1794823200.0,
    }  # fmt: skip
    assert compare_truth(parse_text(HEADER), row) == ()


def test_truth_that_differs_names_the_fields() -> None:
    row = {
        "from": [["Jo", "m@b.example"]], "to": [], "subject": "B", "message_id": "2@x",
        "date_epoch": 0.0,
    }  # fmt: skip
    assert compare_truth(parse_text(HEADER), row) == (
        "from_name", "to", "subject", "date_epoch", "message_id",
    )  # fmt: skip


def test_truth_of_raw_headers_is_compared_too() -> None:
    raw = {"from": "Mara <m@b.example>", "subject": "=?utf-8?q?A_b?=", "message-id": "<1@x>"}
    assert compare_truth(parse_text(HEADER), {"raw_headers": raw}) == ()
    assert compare_truth(parse_text(HEADER), {"raw_headers": raw | {"subject": "C"}}) == (
        "subject",
    )
