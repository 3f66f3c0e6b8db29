"""Whole runs where what the server gives of a message is missing, partial, doubled or wrong."""

import re

import pytest

from fakes.mail_reader import FakeMessage
from faults.conftest import OpenProduct
from faults.engine import DAY, NOW, deliver, filled
from faults.world import letter
from servers.honest_imap import Answer, Command, Quirk
from servers.imap_quirks import (
    add_lines,
    edit_lines,
    follow,
    only,
    refuse,
    rewrite,
    times,
)

BODY = rb"BODY\[\](?:<0>)? \{\d+\}\r\n.*(?=\)\r\n$)"
DATE = b'INTERNALDATE "17-Nov-2026 12:00:00 +0000"'
SPLICE = b"\r\nFrom: bob@customer.example\r\nSubject: Of another\r\n\r\nwrong\r\n"


def first(count: int, quirk: Quirk) -> Quirk:
    """The quirk in the first `count` answers with bodies."""
    return times(count, only("UID FETCH", quirk, lambda command: command.is_body))


@pytest.mark.row("R022")
@pytest.mark.parametrize("value", [b"NIL", b'""', b"{0}\r\n"], ids=["nil", "quoted", "literal"])
def test_run_missing_body_is_unavailable_until_it_comes(beside: OpenProduct, value: bytes) -> None:
    def empty(line: bytes, uid: int) -> bytes:
        return re.sub(BODY, b"BODY[]<0> " + value, line, flags=re.S) if uid == 3 else line

    with beside(filled(6), edit_lines(empty)) as product:
        for _ in range(2):
            assert "1 unavailable" in product.run_badly()
            assert (len(product.subjects()), product.state_of(3)) == (5, "unavailable")
        product.honest.quirks = []
        product.run_fine()
        product.expect_inbox()


@pytest.mark.row("R023")
@pytest.mark.parametrize(
    "size", [b"1500", b"240", b"0", b"1", b"4294967295", b"abc", b""], ids=lambda s: s or "missing"
)
def test_run_size_that_lies_costs_no_message(beside: OpenProduct, size: bytes) -> None:
    item = b"RFC822.SIZE " + size if size else b""
    quirk = rewrite(rb" ?RFC822.SIZE \d+", b" " + item, bodies_only=False)
    with beside(filled(6), quirk) as product:
        product.run_fine()
        product.expect_inbox()


@pytest.mark.row("R017", "R023")
def test_run_size_beyond_32_bits_harms_only_its_message(beside: OpenProduct) -> None:
    def enlarge(line: bytes, uid: int) -> bytes:
        return re.sub(rb"SIZE \d+", b"SIZE 1099511627776", line) if uid == 2 else line

    with beside(filled(6), edit_lines(enlarge, bodies_only=False)) as product:
        product.run()
        others = {f"About m{n}" for n in (1, 3, 4, 5, 6)}
        assert others <= set(product.subjects())
        assert product.state_of(2) in ("published", "quarantined")


@pytest.mark.row("R024", "R119")
@pytest.mark.parametrize(
    ("change", "is_whole"),
    [
        (lambda line: line.replace(b"}\r\n", b"0}\r\n", 1), False),
        (lambda line: re.sub(rb"\{(\d)", rb"{9\1", line, count=1), False),
        (lambda line: re.sub(rb"\{\d+\}", b"{100}", line, count=1), False),
        (lambda line: line[:-3] + b"\r\n)\r\n", True),
        (lambda line: line[:-3] + b"glued)\r\n", False),
        (lambda line: line[:-3], False),
    ],
    ids=["ten times", "longer", "shorter", "line end after", "glued", "never closed"],
)
def test_run_literal_of_wrong_length_is_never_stored(
    beside: OpenProduct, change: object, is_whole: bool
) -> None:
    def bend(line: bytes, uid: int) -> bytes:
        return change(line) if uid == 4 else line  # type: ignore[operator]

    with beside(filled(8), command_timeout_s=0.4) as product:
        product.honest.quirks = [times(1, edit_lines(bend))]
        report = product.run()
        assert (report.failure is None) == is_whole
        assert set(product.subjects()) <= {f"About m{n}" for n in range(1, 9)}
        product.run_fine()
        product.expect_inbox()
        texts = product.rows("SELECT body_text FROM crm_messages")
        assert not [text for (text,) in texts if "FETCH" in text or "glued" in text]


@pytest.mark.row("R025")
def test_run_two_bodies_for_one_uid_are_asked_again_alone(beside: OpenProduct) -> None:
    other = b"* 2 FETCH (UID 2 FLAGS () %s RFC822.SIZE 60 BODY[]<0> {%d}\r\n%s)\r\n"
    line = other % (DATE, len(SPLICE), SPLICE)
    with beside(filled(5), first(1, add_lines("UID FETCH", line))) as product:
        product.run_fine()
        product.expect_inbox()


@pytest.mark.row("R025")
def test_run_content_that_is_never_the_same_is_not_published(beside: OpenProduct) -> None:
    other = b"* 2 FETCH (UID 2 FLAGS () %s RFC822.SIZE 60 BODY[]<0> {%d}\r\n%s)\r\n"
    line = other % (DATE, len(SPLICE), SPLICE)

    def double(command: Command, answer: Answer) -> Answer:
        return add_lines("UID FETCH", line)(command, answer) if 2 in command.uids else answer

    with beside(filled(5), only("UID FETCH", double, lambda c: c.is_body)) as product:
        assert "1 unavailable" in product.run_badly()
        assert product.state_of(2) == "unavailable"
        assert len(product.subjects()) == 4
        product.honest.quirks = []
        product.run_fine()
        product.expect_inbox()


@pytest.mark.row("R047", "R048", "R049")
@pytest.mark.parametrize(
    "line",
    [
        b"* 3 FETCH (UID 99 FLAGS (\\Deleted))\r\n",
        b"* 3 FETCH (FLAGS (\\Deleted))\r\n",
        b"* 3 FETCH (UID 3 FLAGS (\\Deleted))\r\n",
        b"* 3 EXPUNGE\r\n",
        b"* 3 FETCH (FLAGS (\\Deleted) BODY[]<0> {%d}\r\n%s)\r\n" % (len(SPLICE), SPLICE),
        b"* 3 FETCH (UID 99 FLAGS () %s BODY[]<0> {%d}\r\n%s)\r\n" % (DATE, len(SPLICE), SPLICE),
        b"* 3 FETCH ()\r\n",
        b"* 3 FETCH NIL\r\n",
        b"* OK [ALERT] hello\r\n* 3 RECENT\r\n* X-NEW 3 (1 2)\r\n",
        b'* LIST () "/" INBOX\r\n* SEARCH 99\r\n',
    ],
    ids=range(10),
)
@pytest.mark.parametrize("at", [0, 2])
def test_run_unsolicited_lines_lend_nothing_to_a_message(
    beside: OpenProduct, line: bytes, at: int
) -> None:
    with beside(filled(6), add_lines("UID FETCH", line, at=at)) as product:
        product.run_fine()
        product.expect_inbox()
        flags = product.rows("SELECT DISTINCT flags FROM crm_message_sightings")
        assert flags == [("\\Seen",)]


@pytest.mark.row("R049")
@pytest.mark.parametrize("order", ["UID last", "UID in the middle", "UID missing once"])
def test_run_uid_in_an_odd_place_is_found(beside: OpenProduct, order: str) -> None:
    def move(line: bytes, uid: int) -> bytes:
        word = b"UID %d " % uid
        if order == "UID last":
            return line.replace(word, b"", 1)[:-3] + b" UID %d)\r\n" % uid
        if order == "UID in the middle":
            return line.replace(word, b"", 1).replace(b"RFC822", word + b"RFC822", 1)
        return line.replace(word, b"", 1)

    quirk = edit_lines(move)
    with beside(filled(6)) as product:
        product.honest.quirks = [times(1, quirk) if "once" in order else quirk]
        product.run_fine()
        product.expect_inbox()


@pytest.mark.row("R050", "R071")
@pytest.mark.parametrize("final", [b"%T NO [UNAVAILABLE] Server error\r\n", b"%T BAD oops\r\n"])
def test_run_one_refused_message_harms_only_itself(beside: OpenProduct, final: bytes) -> None:
    quirk = refuse("UID FETCH", final, lambda command: command.is_body and 7 in command.uids)
    with beside(filled(60), quirk) as product:
        for _ in range(2):
            assert "1 unavailable" in product.run_badly()
            assert (len(product.subjects()), product.state_of(7)) == (59, "unavailable")
        reason = product.rows("SELECT reason FROM sync_ledger WHERE uid = 7")[0][0]
        assert final.split(b" ", 1)[1].decode().strip() in reason
        product.honest.quirks = []
        product.run_fine()
        product.expect_inbox()


@pytest.mark.row("R051", "R075", "R043", "R063")
def test_run_asks_only_for_what_it_needs(beside: OpenProduct) -> None:
    with beside(filled(5)) as product:
        product.honest.capabilities += " COMPRESS=DEFLATE"
        product.run_fine()
        product.inbox.uidvalidity = 2
        product.run_fine()
        asked = " ".join(product.honest.lines).upper()
        for word in (
            "ENVELOPE",
            "BODYSTRUCTURE",
            "COMPRESS",
            "SELECT",
            "STORE",
            "RFC822)",
            "RFC822 ",
        ):
            assert word not in asked.replace("RFC822.SIZE", "")
        assert asked.count("BODY") == asked.count("BODY.PEEK")


@pytest.mark.row("R060")
@pytest.mark.parametrize("words", [b"", b"* BYE had enough\r\n"])
def test_run_connection_lost_at_logout_is_still_green(beside: OpenProduct, words: bytes) -> None:
    quirks = [only("LOGOUT", lambda c, a: Answer(final=words, hang_up=True))]
    with beside(filled(5), *quirks) as product:
        product.run_fine()
        product.expect_inbox()


@pytest.mark.row("R059", "R060")
@pytest.mark.parametrize("verb", ["LOGIN", "LIST", "EXAMINE", "UID SEARCH", "UID FETCH"])
def test_run_connection_lost_right_after_an_answer_is_repaired_by_the_next(
    beside: OpenProduct, verb: str
) -> None:
    with beside(filled(5), times(2, follow(verb, b"* BYE going down\r\n"))) as product:
        product.run()
        product.honest.quirks = []
        product.run_fine()
        product.expect_inbox()


@pytest.mark.row("R038")
def test_run_hundred_messages_without_id_in_one_second_stay_a_hundred(
    beside: OpenProduct,
) -> None:
    mailbox = filled(0)
    inbox = mailbox.folders["INBOX"]
    for n in range(100):
        raw = letter(
            "same", NOW - DAY, message_id=None, subject="Same", body=f"Order {n * 7919} came in."
        )
        inbox.add(FakeMessage(raw, NOW - DAY))
    for odd in ("", "<>", "<" + "x" * 6000 + "@long.example>", "<a\r\n b@fold.example>"):
        raw = letter("odd", NOW - DAY, f"Message-ID: {odd}", message_id=None, body=f"Odd {odd[:9]}")
        inbox.add(FakeMessage(raw, NOW - DAY))
    with beside(mailbox) as product:
        product.run_fine()
        product.run_fine()
        assert len(product.subjects()) == 104
        assert product.rows("SELECT count(*) FROM crm_messages WHERE message_id = ''") == [(0,)]


@pytest.mark.row("R037")
@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
@pytest.mark.parametrize("in_one_run", [True, False])
def test_run_one_message_id_on_two_different_messages_keeps_both(
    beside: OpenProduct, order: tuple[int, int], in_one_run: bool
) -> None:
    id_ = "<taken@customer.example>"
    real = letter("real", NOW - DAY, message_id=id_)
    forged = letter("forged", NOW - DAY, message_id=id_, sender="mallory@evil.example")
    raws = [(real, forged)[n] for n in order]
    with beside(filled(0)) as product:
        texts: list[list[tuple[object, ...]]] = []
        for raw in raws:
            product.inbox.add(FakeMessage(raw, NOW - DAY))
            if not in_one_run:
                product.run_fine()
                texts.append(product.rows("SELECT subject, body_text FROM crm_messages"))
        product.run_fine()
        product.expect_all("real", "forged")
        now = product.rows("SELECT subject, body_text FROM crm_messages")
        assert all(set(before) <= set(now) for before in texts)
        assert (1,) in product.rows("SELECT is_conflict FROM crm_messages")


@pytest.mark.row("R039", "R040")
def test_run_same_bytes_twice_and_a_list_copy_are_one_message(beside: OpenProduct) -> None:
    raw = letter("twice", NOW - DAY, body="We meet on Monday at nine to talk about the offer.")
    footer = b"\r\n--\r\nlist mailing list\r\nlist@lists.example\r\n"
    mailbox = filled(0)
    for copy in (raw, raw, raw + footer):
        mailbox.folders["INBOX"].add(FakeMessage(copy, NOW - DAY))
    with beside(mailbox) as product:
        summary = product.run_fine()
        product.expect_all("twice")
        assert len(product.sightings()) == 3
        assert summary.certificate.total("duplicate") == 2


@pytest.mark.row("R087")
def test_run_direction_follows_the_sender_and_not_the_folder(beside: OpenProduct) -> None:
    mailbox = filled(0)
    sent = mailbox.create_folder("Sent", "\\Sent")
    us = "sales@acme.example"
    deliver(mailbox.folders["INBOX"], "in")
    deliver(mailbox.folders["INBOX"], "bcc to us", sender=us, to="ada@customer.example")
    deliver(mailbox.folders["INBOX"], "to ourselves", sender=us, to=us)
    deliver(sent, "out", sender=us, to="ada@customer.example")
    deliver(sent, "moved here", sender="ada@customer.example")
    with beside(mailbox, folders=("INBOX", "\\Sent")) as product:
        product.run_fine()
        found = dict(product.rows("SELECT subject, direction FROM crm_messages"))
        assert found == {
            "About in": "inbound",
            "About bcc to us": "outbound",
            "About to ourselves": "internal",
            "About out": "outbound",
            "About moved here": "inbound",
        }
