"""Mailboxes to measure on: written below a Dovecot as Maildir files, the same bytes every time."""

import base64
import datetime as dt
import os
import random
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from email.utils import format_datetime
from pathlib import Path

from servers.dovecot import DovecotUser

END = dt.datetime(2026, 11, 16, tzinfo=dt.UTC)
ADDRESS = "sales@acme.example"
PEOPLE = 1_200
KNOWN_PEOPLE = 800
_WORDS = [
    f"{a}{b}"
    for a in ("offer", "deliver", "invoice", "meet", "price", "order", "contract", "reach")
    for b in ("", "s", "ed", "ing", "able", "ance", "ment", "less", "ful", "ish")
]
_SYLLABLES = ("ba", "ke", "li", "mo", "nu", "ra", "se", "ti", "vo", "zu")
_HEAD = """\
Return-Path: <{sender}>
Received: from mx{n}.relay.example (mx{n}.relay.example [192.0.2.{octet}]) by imap.acme.example
 with ESMTPS id {n:08x}; {date}
Authentication-Results: imap.acme.example; spf=pass smtp.mailfrom={sender}; dkim=pass
From: {name} <{sender}>
To: {to}
Subject: {subject}
Date: {date}
Message-ID: <{ident}>
{references}MIME-Version: 1.0
"""
_STYLE = "font-family:Helvetica,Arial,sans-serif;font-size:14px;line-height:20px;color:#1f2933"


@dataclass(frozen=True, slots=True)
class Shape:
    """A mailbox's content.

    `attached` is the share of messages with one attachment of `attachment_kb` kB; `tiny` leaves
    the bodies out; `recent` of the messages lie in the last 30 days, the others spread over
    `days` before (None: evenly over all days).
    """

    messages: int
    attached: float = 0.1
    attachment_kb: tuple[int, int] = (30, 400)
    twice: float = 0.03
    days: int = 365
    tiny: bool = False
    recent: int | None = None


class Writer:
    """Composes messages, deterministically by number."""

    def __init__(self, shape: Shape) -> None:
        self._shape = shape
        rng = random.Random(7)
        self._paragraphs = [
            " ".join(rng.choice(_WORDS) for _ in range(rng.randint(20, 70))) for _ in range(400)
        ]
        self._blob = base64.encodebytes(rng.randbytes(3 * 1024 * 1024)).decode()

    def compose(self, number: int, sent: dt.datetime, is_ours: bool) -> bytes:
        """Message `number`, with LF line ends as Maildir stores it."""
        rng = random.Random(number)
        person = rng.randrange(PEOPLE)
        theirs = f"person{person}@customer{person % 90}.example"
        sender, to = (ADDRESS, theirs) if is_ours else (theirs, ADDRESS)
        is_reply = number > 50 and rng.random() < 0.4
        thread = number - number % 50 + rng.randrange(5) if is_reply else number
        parent = f"m{thread}@customer.example"
        head = _HEAD.format(
            sender=sender,
            to=to,
            name="Acme Sales" if is_ours else _name(person),
            subject=("Re: " if is_reply else "") + f"About order {thread}",
            date=format_datetime(sent),
            ident=f"m{number}@customer.example",
            references=f"In-Reply-To: <{parent}>\nReferences: <{parent}>\n" if is_reply else "",
            n=number,
            octet=number % 250,
        )
        if self._shape.tiny:
            return f"{head}Content-Type: text/plain; charset=utf-8\n\nNumber {number}.\n".encode()
        text = f"Content-Type: multipart/alternative; boundary=alt{number}\n\n"
        text += self._body(rng, number)
        if rng.random() >= self._shape.attached:
            return (head + text).encode()
        low, high = self._shape.attachment_kb
        start = 77 * rng.randrange(1000)
        data = self._blob[start : start + 77 * (rng.randint(low, high) * 1024 // 57)]
        return (
            f"{head}Content-Type: multipart/mixed; boundary=mix{number}\n\n--mix{number}\n{text}"
            f"\n--mix{number}\nContent-Type: application/pdf; name=offer-{number}.pdf\n"
            f"Content-Disposition: attachment; filename=offer-{number}.pdf\n"
            f"Content-Transfer-Encoding: base64\n\n{data}--mix{number}--\n"
        ).encode()

    def _body(self, rng: random.Random, number: int) -> str:
        """Text and HTML of 5 to 30 kB together."""
        size, paragraphs = rng.randint(1_000, 5_500), []
        while size > 0:
            paragraphs.append(rng.choice(self._paragraphs))
            size -= len(paragraphs[-1])
        plain = "\n\n".join(_wrap(p) for p in paragraphs)
        rows = "\n".join(
            f'<tr><td style="{_STYLE}" align="left" valign="top"><p style="{_STYLE};margin:0 0 12px'
            f' 0;padding:0"><span style="{_STYLE}">\n{_wrap(p)}\n</span></p></td></tr>'
            for p in paragraphs
        )
        html = f'<html><body><table cellpadding="0" width="600">\n{rows}\n</table></body></html>'
        filler = "<!-- " + "mso-style-name: Normal; " * 30 + " -->\n"
        html = filler * rng.randint(2, 16) + html
        return (
            f"--alt{number}\nContent-Type: text/plain; charset=utf-8\n\nHello,\n\n{plain}\n\n"
            f"-- \nGiven Family\nCustomer Ltd\n--alt{number}\n"
            f"Content-Type: text/html; charset=utf-8\n\n{html}\n--alt{number}--\n"
        )


def _name(person: int) -> str:
    """A name of letters alone, because digits do not count in names; some have a namesake."""
    person -= person % 40 == 39
    given, family = ("".join(_SYLLABLES[int(d)] for d in str(n)) for n in (person % 613, person))
    return f"{given.title()} {family.title()}son"


def _wrap(text: str, width: int = 76) -> str:
    lines, line = [], ""
    for word in text.split():
        if len(line) + len(word) >= width:
            lines.append(line)
            line = ""
        line += f" {word}" if line else word
    return "\n".join([*lines, line])


def fill_mailbox(user: DovecotUser, shape: Shape) -> tuple[int, int]:
    """Write the messages into INBOX and Sent; their count and bytes (with CRLF)."""
    root = user.server.folder / "mail" / user.name
    with user.connect() as client:  # makes the folders
        for folder in ("INBOX", "Sent"):
            client.select_folder(folder, readonly=True)
    folders = {False: root / "cur", True: root / ".Sent" / "cur"}
    writer, total, count = Writer(shape), 0, 0
    for number, arrived in enumerate(_arrivals(shape)):
        is_ours = number % 5 == 4
        raw = writer.compose(number, arrived, is_ours)
        copies = 2 if number % 100 < shape.twice * 100 else 1
        for copy in range(copies):
            # The second copy of what we sent to ourselves lies in the other folder.
            target = folders[is_ours if copy == 0 else not is_ours]
            size = len(raw) + raw.count(b"\n")
            path = target / f"{count + 1:010d}.{copy}.bench,S={len(raw)},W={size}:2,S"
            path.write_bytes(raw)
            os.utime(path, (arrived.timestamp(),) * 2)
            if user.server.account is not None:
                shutil.chown(path, user.server.account)
            total, count = total + size, count + 1
    return count, total


def _arrivals(shape: Shape) -> Iterator[dt.datetime]:
    """Arrival times, ascending, the last at END."""
    if shape.recent is None:
        step = dt.timedelta(days=shape.days) / shape.messages
        yield from (END - step * (shape.messages - n) for n in range(shape.messages))
        return
    old = shape.messages - shape.recent
    border = END - dt.timedelta(days=30)
    step = dt.timedelta(days=shape.days - 30) / max(1, old)
    yield from (border - step * (old - n) for n in range(old))
    step = dt.timedelta(days=30) / max(1, shape.recent)
    yield from (END - step * (shape.recent - n) for n in range(shape.recent))


def write_contacts(path: Path) -> None:
    """A CRM that knows two thirds of those who write."""
    rows = ["contact_id,full_name,primary_email,other_emails,company,domain"]
    rows += [
        f"C-{n},{_name(n)},person{n}@customer{n % 90}.example,,"
        f"Customer {n % 90},customer{n % 90}.example"
        for n in range(KNOWN_PEOPLE)
    ]
    path.write_text("\n".join(rows) + "\n")
