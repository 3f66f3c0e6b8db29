"""Whole messages of tests/messages."""

import datetime as dt

import pytest

from mailcrm.parse import parse_message
from unit.parse.samples import parse_sample, parse_text


def test_reply_with_history_all_fields_are_read() -> None:
    parsed = parse_sample("reply_with_history")
    assert parsed.message_id == "reply-1@northwind.example"
    assert parsed.in_reply_to == ("offer-7@acme.example",)
    assert parsed.references == ("ask-3@northwind.example", "offer-7@acme.example")
    assert parsed.sent_at == dt.datetime(2026, 11, 16, 9, 11, 58, tzinfo=dt.UTC)
    assert parsed.sent_at_source == "date"
    assert [(p.role, p.position, p.address, p.display_name) for p in parsed.participants] == [
        ("from", 0, "mara@northwind.example", "Mara Lindqvist"),
        ("to", 0, "sales@acme.example", "Acme, Sales"),
        ("to", 1, "jonas@acme.example", "Jonas Weber"),
        ("cc", 0, "petra@northwind.example", ""),
        ("cc", 1, "bjorn@northwind.example", "Björn"),
    ]
    assert parsed.auth_results == ("mx.acme.example; dkim=pass header.d=northwind.example",)
    assert parsed.kind == "person"
    assert parsed.defects == ()
    assert not parsed.partial


def test_reply_with_history_character_split_over_two_words_survives() -> None:
    assert parse_sample("reply_with_history").subject == "Re: Angebot für Pumpenän 40"


def test_reply_with_history_new_text_is_apart_and_body_keeps_all() -> None:
    parsed = parse_sample("reply_with_history")
    assert parsed.new_text.splitlines() == [
        "Thank you, 40 pumps it is.",
        "",
        "",
        "Deliver to gate 3, please.",
    ]
    assert "> We can offer 40 pumps at 900€." in parsed.body_text
    assert "Northwind Traders" in parsed.body_text


def test_html_with_files_text_and_part_numbers_are_right() -> None:
    parsed = parse_sample("html_with_quote_and_files")
    assert parsed.new_text == "The drawings are attached \u2013 käuflich."
    assert "> Could you send drawings?" in parsed.body_text
    assert [(a.part, a.filename, a.content_type, a.size_bytes) for a in parsed.attachments] == [
        ("1.2", "logo.png", "image/png", 8),
        ("2", "Größe.pdf", "application/pdf", 13),
        ("3", "", "message/rfc822", 83),
    ]


@pytest.mark.row("R170")
def test_forwarded_message_inner_sender_is_not_the_sender() -> None:
    parsed = parse_sample("html_with_quote_and_files")
    assert [p.address for p in parsed.participants if p.role == "from"] == [
        "petra@northwind.example"
    ]
    assert "Inner text" not in parsed.body_text


def test_bounce_report_names_only_who_failed_by_the_address_we_wrote_to() -> None:
    parsed = parse_sample("bounce_report")
    assert parsed.kind == "bounce"
    (report,) = parsed.bounces
    assert report.recipient == "gone@northwind.example"
    assert report.status == "5.1.1"
    assert report.original_message_id == "offer-9@acme.example"
    assert report.diagnostic.endswith("Recipient address rejected: User unknown")


def test_bounce_in_prose_recipient_status_and_original_are_found() -> None:
    parsed = parse_sample("bounce_qmail")
    assert parsed.kind == "bounce"
    (report,) = parsed.bounces
    assert report.recipient == "nobody@northwind.example"
    assert report.status == "5.1.1"
    assert report.original_message_id == "offer-10@acme.example"


def test_kinds_of_machine_mail_are_told_apart() -> None:
    assert parse_sample("out_of_office").kind == "auto_reply"
    assert parse_sample("newsletter").kind == "bulk"
    parsed = parse_sample("list_post")
    assert parsed.kind == "list"
    assert parsed.list_id == "pumps.lists.example"
    assert parsed.new_text == "Which seals do you use?"


def test_raw_utf8_header_is_read() -> None:
    parsed = parse_sample("raw_eight_bit")
    sender = parsed.sender()
    assert sender is not None
    assert (sender.display_name, sender.address) == ("Zoë Ångström", "zoe@ångström.example")
    assert parsed.subject == "Prüfung ✓"
    assert parsed.body_text == "Grüße aus München"


@pytest.mark.row("R171")
def test_broken_message_is_kept_with_its_defects_named() -> None:
    parsed = parse_sample("broken")
    assert parsed.message_id == "spaced@northwind.example"
    assert parsed.sent_at == dt.datetime(2026, 11, 19, 8, tzinfo=dt.UTC)
    assert parsed.sent_at_source == "received"
    assert parsed.body_text == "The boundary never comes, ␀ and é neither."
    assert {
        "header_malformed_line", "duplicate_from", "multiple_from", "date_invalid",
        "boundary_absent", "nul_replaced",
    } <= set(parsed.defects)  # fmt: skip
    assert parsed.partial


def test_byte_order_mark_before_the_header_is_no_part_of_it() -> None:
    parsed = parse_text("\ufeffFrom: mara@northwind.example\nSubject: x")
    assert [p.address for p in parsed.participants] == ["mara@northwind.example"]


def test_old_macintosh_line_ends_are_read() -> None:
    parsed = parse_message(b"From: a@b.example\rSubject: x\r\rone\rtwo", None)
    assert (parsed.subject, parsed.body_text) == ("x", "one\ntwo")


def test_sender_nobody_can_be_is_left_out_and_its_text_kept() -> None:
    parsed = parse_text("From: alice@a.example)bob@b.example")
    assert parsed.sender() is None
    assert parsed.headers["from"] == "alice@a.example)bob@b.example"
    assert {"malformed_from", "from_missing"} <= set(parsed.defects)
