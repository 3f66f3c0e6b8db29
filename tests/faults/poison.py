"""Messages that cannot be published, each for another reason, and hostile ones that can."""

import gzip
import random

__all__ = ["POISON", "READABLE"]

_DATE = b"Date: Tue, 17 Nov 2026 12:00:00 +0000\r\n"
_TO = b"To: sales@acme.example\r\n"
_TEXT = b"\r\nThis is what the message says, and no other message says it.\r\n"
_NOISE = random.Random(7)


def _from(value: bytes) -> bytes:
    return b"From: " + value + b"\r\nSubject: poison\r\n" + _TO + _DATE + _TEXT


def _named(*lines: bytes) -> bytes:
    head = b"".join(line + b"\r\n" for line in lines)
    return b"From: ada@customer.example\r\n" + head + _DATE + _TEXT


_BYTES = {
    "no_bytes": b"",
    "one_newline": b"\r\n",
    "newlines_only": b"\r\n" * 500,
    "blanks_only": b" " * 5000,
    "tabs_only": b"\t" * 5000,
    "one_nul": b"\0",
    "nuls_only": b"\0" * 10_000,
    "deletes_only": b"\x7f" * 5000,
    "high_bytes_only": b"\xff" * 5000,
    "noise": _NOISE.randbytes(20_000),
    "noise_of_lines": b"\r\n".join(_NOISE.randbytes(70) for _ in range(100)),
    "bare_carriage_returns": b"\r" * 3000,
    "bare_dot": b".\r\n",
    "gzip_of_a_message": gzip.compress(b"From: ada@customer.example\r\n\r\ntext", mtime=0),
    "jpeg": b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01" + b"\x00\xff" * 2000,
    "png": b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + b"\x01" * 500,
    "pdf": b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj\n<< >>\nendobj\n",
    "elf": b"\x7fELF\x02\x01\x01" + b"\x00" * 3000,
    "zip": b"PK\x03\x04" + b"\x14\x00" * 1000,
    "html_page": b"<!doctype html><html><body><p>502 Bad Gateway</p></body></html>",
    "json": b'{"error": "quota exceeded", "code": 429}',
    "imap_answer": b"* NO [UNAVAILABLE] mailbox is being rebuilt\r\n",
    "plain_prose": b"There was an error reading this message from disk.\r\n",
    "text_after_blank_line": b"\r\nFrom here on it is only text.\r\n",
    "uuencoded": b"begin 644 mail.eml\r\n#0V%T\r\n`\r\nend\r\n",
    "base64_of_a_message": b"RnJvbTogYWRhQGN1c3RvbWVyLmV4YW1wbGUNCg0KdGV4dA==\r\n",
    "utf_16_message": "From: ada@customer.example\r\nSubject: hi\r\n\r\ntext".encode("utf-16-le"),
    "utf_32_message": "From: ada@customer.example\r\nSubject: hi\r\n\r\ntext".encode("utf-32-be"),
    "colons_only": b":\r\n" * 200,
    "continuations_only": b" folded\r\n" * 200,
    "boundaries_only": b"--b\r\n" * 200 + b"--b--\r\n",
    "mime_header_only": b"MIME-Version: 1.0\r\nContent-Type: text/plain\r\n\r\ntext\r\n",
    "received_only": b"Received: from a by b; never\r\n\r\ntext\r\n",
    "unknown_headers_only": b"X-One: 1\r\nX-Two: 2\r\n\r\ntext\r\n",
    "mbox_of_nothing": b"From MAILER-DAEMON Tue Nov 17 12:00:00 2026\r\n\r\n",
    "ten_thousand_empty_headers": b"X:\r\n" * 10_000,
}

_SENDERS = {
    "sender_absent": b"Subject: poison\r\n" + _TO + _DATE + _TEXT,
    "sender_empty": _from(b""),
    "sender_blank": _from(b"   \t  "),
    "sender_null_path": _from(b"<>"),
    "sender_null_path_with_name": _from(b'"Nobody at all" <>'),
    "sender_blank_path": _from(b"Somebody here < >"),
    "sender_comment_only": _from(b"(nobody)"),
    "sender_unclosed_comment": _from(b"(((((((((("),
    "sender_empty_group": _from(b"undisclosed-senders:;"),
    "sender_empty_quotes": _from(b'""'),
    "sender_commas_only": _from(b",,,,,,,,"),
    "sender_semicolon": _from(b";"),
    "sender_name_of_words": _from(b"The Whole Sales Team"),
    "sender_encoded_nothing": _from(b"=?utf-8?q??="),
    "sender_encoded_blanks": _from(b"=?utf-8?b?ICAgIA==?="),
    "sender_controls": _from(b"\x01\x02\x03\x04"),
    "sender_folded_into_nothing": _from(b"\r\n \r\n \r\n "),
    "sender_ten_thousand_commas": _from(b"," * 10_000),
    "sender_ten_thousand_comments": _from(b"()" * 10_000),
    "sender_header_misspelt": b"Form: ada@customer.example\r\nSubject: poison\r\n" + _DATE + _TEXT,
    "sender_after_the_blank_line": _DATE + b"Subject: x\r\n\r\nFrom: ada@customer.example\r\n",
    "draft_never_sent": b"Subject: a draft\r\nX-Uniform-Type-Identifier: note\r\n" + _DATE + _TEXT,
    "calendar_note": b"Subject: Remember\r\n" + _DATE + b"X-Type: note\r\n" + _TEXT,
    "deleted_by_the_server": b"Subject: Message removed\r\n" + _DATE + b"\r\nremoved\r\n",
    "only_a_subject": b"Subject: only this\r\n\r\n",
    "only_a_date": _DATE + b"\r\n",
    "only_a_message_id": b"Message-ID: <lonely@customer.example>\r\n\r\n",
    "only_recipients": _TO + b"Cc: b@acme.example\r\nSubject: x\r\n\r\n",
}

_LONG = {
    "sender_address_of_600": _from(b"a" * 580 + b"@customer.example"),
    "sender_address_of_60_000": _from(b"a" * 60_000 + b"@customer.example"),
    "sender_domain_of_600": _from(b"ada@" + b"d." * 300 + b"example"),
    "sender_quoted_local_part": _from(b'"' + b"q" * 600 + b'"@customer.example'),
}

POISON = {**_BYTES, **_SENDERS, **_LONG}

READABLE = {
    "sender_nul": _from(b"\0"),
    "recipient_address_of_600": _named(b"To: " + b"t" * 600 + b"@acme.example"),
    "copy_address_of_600": _named(_TO.strip(), b"Cc: " + b"c" * 600 + b"@acme.example"),
    "reply_address_of_600": _named(_TO.strip(), b"Reply-To: " + b"r" * 600 + b"@x.example"),
    "sender_field_of_600": _named(_TO.strip(), b"Sender: " + b"s" * 600 + b"@x.example"),
    "long_among_many_recipients": _named(
        b"To: " + b", ".join(b"p%d@acme.example" % i for i in range(50)) + b", "
        b"<" + b"z" * 700 + b"@acme.example>"
    ),
    "nul_in_the_subject": _named(_TO.strip(), b"Subject: a\0b"),
    "nul_in_the_text": _named(_TO.strip(), b"Subject: x").replace(b"says", b"sa\0ys"),
    "half_surrogate": _named(_TO.strip(), b"Subject: =?utf-8?b?7aCA?="),
    "unknown_charset": _named(_TO.strip(), b"Content-Type: text/plain; charset=klingon"),
    "year_of_ten_thousand": b"From: ada@customer.example\r\nDate: 1 Jan 10000 0:0:0 +0000\r\n\r\nx",
    "boundary_missing": _named(_TO.strip(), b"Content-Type: multipart/mixed"),
    "base64_broken": _named(_TO.strip(), b"Content-Transfer-Encoding: base64"),
    "header_of_a_megabyte": _named(_TO.strip(), b"X-Long: " + b"x" * 1_000_000),
    "twenty_thousand_recipients": _named(b"To: " + b"a@b.example, " * 20_000),
}
