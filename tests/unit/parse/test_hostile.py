"""Hostile messages: nothing raises, caps hold, every string can be stored."""

import re
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from pkgutil import iter_modules

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import mailcrm.parse
from mailcrm.parse import parse_message
from mailcrm.parse.structure import DEPTH_CAP, PART_CAP
from mailcrm.records import ParsedMessage
from unit.parse.samples import ARRIVED, MESSAGES

HEAD = b"From: a@b.example\r\nSubject: x\r\nDate: Mon, 2 Nov 2026 10:00:00 +0000\r\n"


def strings_of(value: object) -> Iterator[str]:
    """Every string anywhere in a record."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, tuple):
        for one in value:
            yield from strings_of(one)
    elif isinstance(value, dict):
        yield from strings_of(tuple(value.items()))
    elif hasattr(value, "__slots__"):
        yield from strings_of(tuple(getattr(value, name) for name in value.__slots__))


def assert_storable(parsed: ParsedMessage) -> None:
    assert "parser_failed" not in parsed.defects
    assert parsed.sent_at.utcoffset() is not None
    assert 1970 <= parsed.sent_at.year < 2100
    for text in strings_of(parsed):
        assert "\x00" not in text
        text.encode("utf-8")
    assert len({a.part for a in parsed.attachments}) == len(parsed.attachments)


def nested(depth: int) -> bytes:
    levels = (
        b'--b%d\r\nContent-Type: multipart/mixed; boundary="b%d"\r\n\r\n' % (level - 1, level)
        for level in range(1, depth)
    )
    head = HEAD + b'Content-Type: multipart/mixed; boundary="b0"\r\n\r\n'
    return head + b"".join(levels) + b"--b%d\r\n\r\nhello\r\n" % (depth - 1)


@pytest.mark.row("R155")
@pytest.mark.parametrize("depth", [DEPTH_CAP + 1, 900, 3_000])
def test_depth_bomb_is_kept_with_headers_and_flag(depth: int) -> None:
    parsed = parse_message(nested(depth), ARRIVED)
    assert_storable(parsed)
    assert parsed.subject == "x"
    assert "parts_too_deep" in parsed.defects
    assert "hello" in parsed.body_text
    assert parsed.partial


def test_depth_within_cap_is_read() -> None:
    assert parse_message(nested(DEPTH_CAP), ARRIVED).body_text == "hello"


@pytest.mark.row("R156")
def test_hundred_thousand_parts_first_are_kept() -> None:
    raw = HEAD + b"Content-Type: multipart/mixed; boundary=b\r\n\r\n"
    raw += b"--b\r\nContent-Type: image/png\r\n\r\nx\r\n" * 100_000
    parsed = parse_message(raw, ARRIVED)
    assert len(parsed.attachments) == PART_CAP
    assert "parts_capped" in parsed.defects
    assert parsed.partial


@pytest.mark.row("R157")
def test_recipient_flood_is_capped_and_counted() -> None:
    raw = HEAD + b"To: " + b", ".join(b"u%d@b.example" % n for n in range(50_000)) + b"\r\n\r\n"
    parsed = parse_message(raw, ARRIVED)
    assert sum(p.role == "to" for p in parsed.participants) == 1_000
    assert parsed.headers["to-count"] == "50000"
    assert "addresses_capped" in parsed.defects


@pytest.mark.row("R158")
def test_encoded_word_bomb_is_capped() -> None:
    raw = b"Subject: " + b"=?utf-8?q?=C3=A9?= " * 20_000 + b"\r\n\r\n"
    parsed = parse_message(raw, ARRIVED)
    assert parsed.subject.startswith("ééé")
    assert "header_value_capped" in parsed.defects
    assert_storable(parsed)


@pytest.mark.row("R161")
@pytest.mark.parametrize(
    "raw",
    [
        b"", b"\x00", b"\r", b"\n", b"\r\n\r\n", b":", b" : x", b"From", b"\xff" * 1_000,
        b"From: " + b"(" * 1_000_000, b"From: " + b"<" * 300_000, b"From: " + b'"\\' * 300_000,
        b"From: " + b"a@b " * 100_000, b"To: " + b"a," * 150_000, b"To: " + b":;" * 100_000,
        HEAD + b"X-A: " + b"a" * 5_000_000, HEAD + b"X-A: b\r\n" * 200_000,
        HEAD + b"X-A: b\r\n" + b" c\r\n" * 500_000, b"x: y" * 500_000, b"a" * 3_000_000,
        HEAD + b"Content-Type: text/plain" + b";" * 300_000 + b"\r\n\r\nx",
        HEAD + b"Content-Type: text/plain" + b"; a*0*=x" * 5_000 + b"\r\n\r\nx",
        HEAD + b"Content-Type: message/rfc822\r\n\r\n" * 5_000,
        HEAD + b'Content-Type: multipart/mixed; boundary="-"\r\n\r\n' + b"-" * 2_000_000,
        HEAD + b"Content-Type: text/html\r\n\r\n" + b"<div>" * 200_000,
        HEAD + b"Content-Type: text/html\r\n\r\n" + b"<table><tr><td>" * 20_000,
        HEAD + b"Content-Transfer-Encoding: x-uuencode\r\n\r\nbegin 644 x\r\n" + b"M" * 500_000,
        b"From: MAILER-DAEMON@x\r\nSubject: failure notice\r\n\r\n" + b"a@a.a.a 550 " * 100_000,
        b"Subject: " + b"=?a?q?" * 60_000, b"References: " + b"<" * 200_000,
    ],
    ids=lambda raw: f"{raw[:20]!r}-{len(raw)}",
)  # fmt: skip
@pytest.mark.timeout(60)
def test_hostile_message_is_parsed_and_storable(raw: bytes) -> None:
    assert_storable(parse_message(raw, ARRIVED))


def test_raw_beginning_only_is_partial_with_the_whole_size() -> None:
    parsed = parse_message(HEAD + b"\r\ntext", ARRIVED, size_bytes=1_000_000)
    assert parsed.size_bytes == 1_000_000
    assert parsed.partial
    assert "raw_capped" in parsed.defects


@pytest.mark.row("R167")
def test_every_sample_cut_anywhere_is_parsed() -> None:
    for path in MESSAGES.glob("*.eml"):
        raw = path.read_bytes()
        for end in range(0, len(raw), 37):
            assert_storable(parse_message(raw[:end], ARRIVED))


HEADER_TEXT = st.sampled_from(
    ["From", "To", "Cc", "Subject", "Date", "Message-ID", "References", "Content-Type", "List-Id",
     "Content-Transfer-Encoding", "Content-Disposition", "Received", "Authentication-Results"]
)  # fmt: skip
PIECES = st.sampled_from(
    [b"<", b">", b'"', b"(", b")", b",", b":", b";", b"@", b"\\", b"=?utf-8?q?", b"?=", b"=",
     b"multipart/mixed; boundary=b", b"text/html", b"base64", b"\r\n ", b"\r\n--b\r\n", b"--b--",
     b"\x00", b"\xed\xa0\x80", b"a", b"mara@b.example", b" ", b"\r\n\r\n", b"\xff",
     b"charset=utf-16"]
)  # fmt: skip


@pytest.mark.row("R164")
@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(HEADER_TEXT, st.lists(PIECES, max_size=12)), max_size=8), st.binary())
def test_message_of_odd_pieces_is_parsed_and_storable(
    fields: list[tuple[str, list[bytes]]], body: bytes
) -> None:
    head = b"".join(name.encode() + b": " + b"".join(value) + b"\r\n" for name, value in fields)
    assert_storable(parse_message(head + b"\r\n" + body, ARRIVED))


@pytest.mark.row("R163")
@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=400))
def test_message_of_any_bytes_is_parsed_and_storable(raw: bytes) -> None:
    assert_storable(parse_message(raw, ARRIVED))


def compiled_patterns() -> list[tuple[str, "re.Pattern[str] | re.Pattern[bytes]"]]:
    found = []
    for info in iter_modules(mailcrm.parse.__path__):
        module = import_module(f"mailcrm.parse.{info.name}")
        for name, value in vars(module).items():
            if isinstance(value, re.Pattern):
                found.append((f"{info.name}.{name}", value))
    return found


@pytest.mark.row("R172")
@pytest.mark.timeout(120)
@pytest.mark.parametrize(("name", "pattern"), compiled_patterns())
def test_pattern_on_long_repeating_text_ends(
    name: str, pattern: "re.Pattern[str] | re.Pattern[bytes]"
) -> None:
    for piece in (
        "a",
        " ",
        "@",
        "a@",
        "a.",
        "(",
        "<",
        '"',
        "\\",
        "=?",
        "-",
        "1.",
        "\n",
        "> ",
        "x:",
    ):
        text = piece * (100_000 // len(piece)) + "!"
        subject = text.encode() if isinstance(pattern.pattern, bytes) else text
        pattern.search(subject)  # type: ignore[arg-type]
        pattern.match(subject)  # type: ignore[arg-type]


@pytest.mark.row("R168", "R169")
def test_attachments_are_neither_opened_nor_unpacked() -> None:
    script = """
import io, sys, zipfile
from mailcrm.parse import parse_message
data = io.BytesIO()
with zipfile.ZipFile(data, "w") as archive:
    archive.writestr("../../etc/passwd", "x" * 1000)
parts = b"".join(
    b"--b\\r\\nContent-Type: %s; name=\\"../../etc/passwd\\"\\r\\n\\r\\n%s\\r\\n"
    % (kind, data.getvalue())
    for kind in (b"application/zip", b"application/gzip", b"application/pdf", b"text/xml")
)
raw = b"From: a@b.example\\r\\nContent-Type: multipart/mixed; boundary=b\\r\\n\\r\\n" + parts
parse_message(raw, None)
def refuse(event, arguments):
    if event == "open" or event.startswith(("os.", "shutil.", "socket.", "subprocess.")):
        raise RuntimeError(event)
    unpackers = ("zipfile", "tarfile", "xml", "gzip")
    if event == "import" and arguments[0].partition(".")[0] in unpackers:
        raise RuntimeError(arguments[0])
sys.addaudithook(refuse)
found = parse_message(raw, None)
assert "parser_failed" not in found.defects, found.defects
assert len(found.attachments) == 4
"""
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={"PYTHONPATH": ":".join(sys.path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
