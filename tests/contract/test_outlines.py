"""Large messages without their attachments: parsed, they say what the whole messages say."""

import base64
import datetime as dt
import random

import pytest

from mailcrm.adapters.imap import open_imap
from mailcrm.parse import parse_message
from mailcrm.records import Credential, FetchedMessage, ParsedMessage
from mailcrm.settings import Settings
from servers.imap_user import Append, ImapUser
from servers.mailboxes import make_mailbox

NOW = dt.datetime(2026, 11, 15, 12, 0, 0, tzinfo=dt.UTC)
CAP = 50_000_000
RNG = random.Random(5)
HEAD = (
    "From: Ann <ann@customer.example>\nTo: sales@acme.example\nMessage-ID: <{n}@customer.example>\n"
    "Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?= {n}\nDate: Sun, 15 Nov 2026 10:00:00 +0100\n"
    "MIME-Version: 1.0\nContent-Type: {kind}\n\n"
)
PLAIN = "Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: quoted-printable\n\n"
PLAIN += "Gr=C3=BC=C3=9Fe aus M=C3=BCnchen,\n--\nAnn"
HTML = "Content-Type: text/html\n\n<p>Hello <b>there</b></p>"


def attachment(size: int, name: str = "offer.pdf", width: int = 76, kind: str = "") -> str:
    text = base64.b64encode(RNG.randbytes(size)).decode()
    lines = "\n".join(text[at : at + width] for at in range(0, len(text), width))
    kind = kind or f'application/pdf; name="{name}"'
    return (
        f"Content-Type: {kind}\nContent-Transfer-Encoding: base64\n"
        f"Content-Disposition: attachment; filename*=utf-8''{name}\n\n{lines}"
    )


def multipart(boundary: str, *parts: str) -> str:
    return "".join(f"--{boundary}\n{part}\n" for part in parts) + f"--{boundary}--\n"


def nested(kind: str, boundary: str, *parts: str) -> str:
    head = f'Content-Type: multipart/{kind}; boundary="{boundary}"\n\n'
    return head + multipart(boundary, *parts).rstrip("\n")


def message(number: int, *parts: str, kind: str = 'multipart/mixed; boundary="=_mix"') -> bytes:
    text = HEAD.format(n=number, kind=kind) + multipart("=_mix", *parts)
    return text.replace("\n", "\r\n").encode()


OUTLINED = {
    "one attachment": message(1, PLAIN, attachment(60_001)),
    "three, last line full": message(
        2, PLAIN, *(attachment(s) for s in (57_000, 30_000, 57 * 999))
    ),
    "text in an alternative": message(
        3, nested("alternative", "a", PLAIN, HTML), attachment(70_002)
    ),
    "related inside mixed": message(
        4, nested("related", "r", HTML, attachment(40_000, kind="image/png")), attachment(90_003)
    ),
    "html beside text": message(10, nested("alternative", "a", PLAIN, HTML + "<p>x</p>" * 9000)),
    "html beside text at the top": message(
        11, PLAIN, HTML * 2000, kind='multipart/alternative; boundary="=_mix"'
    ),
    "lines of 60": message(5, PLAIN, attachment(60_002, width=60)),
    "small attachment beside": message(6, PLAIN, attachment(60_000), attachment(100, "b.txt")),
    "text after it": message(7, PLAIN, attachment(60_001), PLAIN.replace("Ann", "Bea")),
}
UNEVEN = attachment(30_001, width=76) + "\n" + attachment(30_002, width=50).partition("\n\n")[2]
WHOLE = {
    "no multipart": HEAD.format(n=20, kind="text/plain").encode() + b"a line of text\r\n" * 9000,
    "embedded message": message(
        21,
        PLAIN,
        "Content-Type: message/rfc822\n\n" + message(9, PLAIN).decode(),
        attachment(60_000),
    ),
    "uneven lines": message(22, PLAIN, UNEVEN),
    "one long line": message(23, PLAIN, attachment(60_000, width=900)),
    "attachment as text": message(24, PLAIN, attachment(60_000, kind="text/html")),
    "blank text beside html": message(
        27, nested("alternative", "a", "Content-Type: text/plain\n\n \n", HTML + "<p>x</p>" * 9000)
    ),
    "named html beside text": message(
        28, nested("alternative", "a", PLAIN, HTML.replace("html\n", "html; name=a.html\n") * 900)
    ),
    "no boundary": message(25, PLAIN, attachment(60_000), kind="multipart/mixed"),
    "report": message(26, PLAIN, attachment(60_000), kind='multipart/report; boundary="=_mix"'),
}


def parse(one: FetchedMessage) -> ParsedMessage:
    return parse_message(one.raw, one.internaldate, one.size_bytes, NOW, dict(one.omitted))


def read(user: ImapUser, raws: list[bytes]) -> tuple[dict[int, FetchedMessage], ...]:
    """Outlines and whole messages by uid."""
    user.append("INBOX", *(Append(raw, NOW, ()) for raw in raws))
    mailbox = make_mailbox(imap_port=user.server.imap_port)
    credential = Credential(user.name, user.server.password)
    with open_imap(mailbox, credential, Settings()) as reader:
        reader.examine("INBOX")
        uids = range(1, len(raws) + 1)
        before = reader.bytes_received
        outlines = {one.uid: one for one in reader.fetch_outlines(uids, CAP)}
        received = reader.bytes_received - before
        whole = {one.uid: one for one in reader.fetch_messages(uids, CAP)}
    assert received < sum(map(len, raws)) * 0.7
    return outlines, whole


def test_outlines_parsed_say_what_the_whole_messages_say(imap_user: ImapUser) -> None:
    outlines, whole = read(imap_user, list(OUTLINED.values()))
    assert sorted(outlines) == sorted(whole)
    for uid, name in enumerate(OUTLINED, 1):
        assert parse(outlines[uid]) == parse(whole[uid]), name
        assert outlines[uid].omitted, name
        assert not outlines[uid].is_whole


def test_outlines_of_unusual_messages_are_left_out_or_right(imap_user: ImapUser) -> None:
    outlines, whole = read(imap_user, [*WHOLE.values(), OUTLINED["one attachment"] * 1])
    for uid, one in outlines.items():
        assert parse(one) == parse(whole[uid]), uid
    assert not outlines.keys() & {1, 2, 3, 4, 5, 6, 7, 9}


def test_outline_of_html_alone_is_read_with_it(dovecot_user: ImapUser) -> None:
    alone = message(1, HTML + "<p>word</p>" * 9000, attachment(90_000))
    outlines, whole = read(dovecot_user, [alone])
    assert parse(outlines[1]) == parse(whole[1])
    assert "word" in parse(outlines[1]).body_text


@pytest.mark.parametrize("size", [1, 56, 57, 58, 60_000])
def test_outline_of_a_size_that_fills_lines_is_exact(dovecot_user: ImapUser, size: int) -> None:
    sizes = range(60_000 + size, 60_004 + size)
    outlines, whole = read(dovecot_user, [message(n, PLAIN, attachment(n)) for n in sizes])
    for uid, wanted in enumerate(sizes, 1):
        assert [a.size_bytes for a in parse(outlines[uid]).attachments] == [wanted]
        assert parse(outlines[uid]) == parse(whole[uid])
