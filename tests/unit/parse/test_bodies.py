"""Bodies: choice of parts, text from HTML, attachments, new text."""

import base64

import pytest

from mailcrm.parse.markup import parse_html
from mailcrm.parse.quotes import split_new_text
from unit.parse.samples import parse_text

MULTIPART = 'Content-Type: multipart/{kind}; boundary="b"'


def _parts(kind: str, *parts: str) -> tuple[str, str]:
    body = "".join(f"--b\n{part}\n" for part in parts) + "--b--\nepilogue"
    return MULTIPART.format(kind=kind), body


def test_alternative_plain_text_is_preferred() -> None:
    parsed = parse_text(*_parts("alternative", "\nplain", "Content-Type: text/html\n\n<p>html</p>"))
    assert parsed.body_text == "plain"
    assert parsed.attachments == ()


def test_alternative_with_empty_plain_text_html_is_used() -> None:
    parsed = parse_text(*_parts("alternative", "\n \n", "Content-Type: text/html\n\n<p>html</p>"))
    assert parsed.body_text.strip() == "html"


def test_mixed_texts_are_joined_and_named_ones_are_attachments() -> None:
    parsed = parse_text(
        *_parts(
            "mixed",
            "\none",
            'Content-Type: text/plain; name="log.txt"\n\nlog',
            "Content-Type: text/plain\nContent-Disposition: attachment\n\nfile",
            "\ntwo",
        )
    )
    assert parsed.body_text == "one\ntwo"
    assert [(a.part, a.filename) for a in parsed.attachments] == [("2", "log.txt"), ("3", "")]


@pytest.mark.parametrize("size", [0, 1, 2, 3, 100, 1000])
def test_attachment_size_of_base64_is_right_without_decoding(size: int) -> None:
    data = base64.encodebytes(b"x" * size).decode()
    parsed = parse_text("Content-Type: application/pdf\nContent-Transfer-Encoding: base64", data)
    assert parsed.attachments[0].size_bytes == size
    assert parsed.attachments[0].part == "1"


@pytest.mark.row("R168")
@pytest.mark.parametrize(
    "name",
    ["../../etc/passwd", "nul\x00.txt", "a" * 10_000, "CON", "line\tbreak", "=?utf-8?q?=C3=A9?="],
)
def test_attachment_name_of_any_form_is_one_storable_line(name: str) -> None:
    parsed = parse_text(f'Content-Type: image/png; name="{name}"')
    (attachment,) = parsed.attachments
    assert len(attachment.filename) <= 255
    assert "\x00" not in attachment.filename
    assert "\n" not in attachment.filename


def test_embedded_message_gives_its_text_where_there_is_no_other() -> None:
    parsed = parse_text(
        "From: a@b.example\nContent-Type: message/rfc822",
        "From: c@d.example\nContent-Type: text/plain\n\ninner",
    )
    assert parsed.body_text == "inner"
    assert [p.address for p in parsed.participants] == ["a@b.example"]
    assert parsed.attachments[0].content_type == "message/rfc822"


@pytest.mark.row("R167")
@pytest.mark.parametrize(
    ("header", "body", "defect"),
    [
        ("Content-Type: multipart/mixed", "text", "boundary_missing"),
        (MULTIPART.format(kind="mixed"), "text", "boundary_absent"),
        (MULTIPART.format(kind="mixed"), "--b\n\ntext", "boundary_unclosed"),
        ("Content-Transfer-Encoding: x-unknown", "text", "encoding_unknown"),
        ("Content-Transfer-Encoding: base64", "dGV4d", "encoding_damaged"),
        ("Content-Type: text/plain; charset=nope", "text", "charset_unknown"),
    ],
)
def test_damage_text_is_saved_and_named(header: str, body: str, defect: str) -> None:
    parsed = parse_text(header, body)
    assert parsed.body_text in ("text", "tex")
    assert defect in parsed.defects


def test_html_is_laid_out_without_what_is_hidden() -> None:
    markup = (
        "<html><head><title>t</title></head><body><p>Hel<b>lo</b>&nbsp;&amp; <i>you</i></p>"
        "<script>x()</script><div style='DISPLAY: none'>hidden</div>a<br>b<ul><li>c</ul>"
        "<pre>  d\n e</pre><table><tr><td>1<td>2</table></body>"
    )
    assert parse_html(markup) == "Hello & you\n\na\nb\n\n* c\n\n  d\n e\n\n1 2"


@pytest.mark.parametrize(
    ("text", "new"),
    [
        ("Yes.\n\nOn 1 May 2026, Jo wrote:\n> Really?", "Yes."),
        ("Yes.\n\nAm 1. Mai 2026 um 10:00 schrieb Jo <j@b.example>:\n\n> Echt?", "Yes."),
        ("Yes.\n\nLe ven. 1 mai 2026 à 10:00, Jo a écrit :\n> Vrai ?", "Yes."),
        ("Yes.\n\nOn 1 May 2026, Jo wrote:\nReally?", "Yes."),
        ("Yes.\n\n-----Original Message-----\nFrom: Jo\nReally?", "Yes."),
        ("Yes.\n\nFrom: Jo\nSent: Monday\nTo: Us\nSubject: Q\n\nReally?", "Yes."),
        ("Yes.\n\nVon: Jo\nGesendet: Montag\nAn: Uns\nBetreff: F\n\nEcht?", "Yes."),
        ("Yes.\n-- \nJo\nAcme", "Yes."),
        ("> Really?\nYes.\n> Sure?\nSure.", "Yes.\nSure."),
        ("Yes.\n\nSent from my phone", "Yes."),
        ("I wrote: this\nand that", "I wrote: this\nand that"),
        ("From: here\nto there", "From: here\nto there"),
        ("-- \nJo", "-- \nJo"),
        ("", ""),
    ],
)
def test_new_text_is_without_history_and_signature(text: str, new: str) -> None:
    assert split_new_text(text) == new
