"""Whole runs over answers that break the protocol, never end, or say too much."""

import re
import time

import pytest

from faults.conftest import OpenProduct
from faults.engine import deliver, filled, point_to
from mailcrm.errors import (
    ImapCredentialError,
    ServerUnreachableError,
    SettingsError,
    ThrottledError,
    TransientError,
)
from servers.honest_imap import Answer, Command
from servers.imap_quirks import add_lines, edit_lines, hang_up, only, refuse, times
from servers.smtp_sink import SmtpSink

VERBS = ("CAPABILITY", "LOGIN", "ID", "LIST", "EXAMINE", "UID SEARCH", "UID FETCH")
DATE = b'INTERNALDATE "17-Nov-2026 12:00:00 +0000"'


@pytest.mark.row("R052")
@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("final", [b"%T OK\r\n", b"%T OK \r\n", b"%T ok done\n"])
def test_run_ok_without_text_is_ok(beside: OpenProduct, verb: str, final: bytes) -> None:
    def shorten(command: Command, answer: Answer) -> Answer:
        answer.final = final
        return answer

    with beside(filled(5), only(verb, shorten)) as product:
        product.run_fine()
        product.expect_inbox()


@pytest.mark.row("R053", "R061")
@pytest.mark.parametrize("verb", ["EXAMINE", "UID SEARCH", "UID FETCH"])
def test_run_line_of_more_than_a_megabyte_costs_nothing(beside: OpenProduct, verb: str) -> None:
    flags = b"* FLAGS (" + b"keyword " * 150_000 + b")\r\n"
    with beside(filled(5), add_lines(verb, flags)) as product:
        product.run_fine()
        product.expect_inbox()


@pytest.mark.row("R054")
@pytest.mark.parametrize("depth", [5000, 1_000_000])
@pytest.mark.parametrize("verb", ["LIST", "UID FETCH"])
def test_run_deep_nesting_harms_nothing(beside: OpenProduct, verb: str, depth: int) -> None:
    start = b"* 1 FETCH (UID 1 X " if verb == "UID FETCH" else b"* LIST ("
    with beside(filled(5), add_lines(verb, start + b"(" * depth + b"\r\n")) as product:
        product.run_fine()
        product.expect_inbox()


@pytest.mark.row("R055", "R231")
@pytest.mark.parametrize("size", [60_000_000_000, 4_000_000_000, 2_147_483_648, 10**19])
def test_run_absurd_literal_ends_the_connection_and_not_the_run(
    beside: OpenProduct, size: int
) -> None:
    def announce(line: bytes, uid: int) -> bytes:
        return re.sub(rb"\{\d+\}", b"{%d}" % size, line, count=1) if uid == 2 else line

    with beside(filled(6), edit_lines(announce)) as product:
        failure = product.run().failure
        assert isinstance(failure, ServerUnreachableError)
        assert "literal" in str(failure)
        product.honest.quirks = []
        product.run_fine()
        product.expect_inbox()


@pytest.mark.row("R056")
@pytest.mark.parametrize(
    "line",
    [b"* OK Still here\r\n", b"* 5 EXISTS\r\n", b"* SEARCH 1 2 3\r\n", b'* LIST () "/" x\r\n'],
)
def test_run_endless_keep_alive_meets_its_deadline(beside: OpenProduct, line: bytes) -> None:
    def flood(command: Command, answer: Answer) -> Answer:
        return Answer([line] * 4000, final=b"", drip_s=0.001)

    with beside(filled(5), only("UID SEARCH", flood), command_timeout_s=0.3) as product:
        started = time.monotonic()
        failure = product.run().failure
        assert isinstance(failure, ServerUnreachableError)
        assert time.monotonic() - started < 60
        product.honest.quirks = []
        product.run_fine()
        product.expect_inbox()


@pytest.mark.row("R056")
def test_run_flood_of_bytes_meets_its_budget(beside: OpenProduct) -> None:
    flood = b"* X-FLOOD " + b"x" * 1_000_000 + b"\r\n"
    small = {"message_cap_bytes": 100_000, "fetch_chunk_bytes": 100_000}
    with beside(filled(5), add_lines("UID FETCH", *[flood] * 80), **small) as product:
        failure = product.run().failure
        assert isinstance(failure, ServerUnreachableError)
        assert "brought more than" in str(failure)
        product.honest.quirks = []
        product.run_fine()
        product.expect_inbox()


@pytest.mark.row("R059", "R068")
@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize(
    "words", [b"* BYE Session expired, please login again.\r\n", b"", b"* BYE\r\n"]
)
def test_run_bye_instead_of_an_answer_is_repaired_by_the_next(
    beside: OpenProduct, verb: str, words: bytes
) -> None:
    with beside(filled(5), times(1, hang_up(verb, words))) as product:
        failure = product.run().failure
        assert isinstance(failure, TransientError)
        product.honest.quirks = []
        product.run_fine()
        product.expect_inbox()


@pytest.mark.row("R061")
def test_run_late_answer_is_never_read_by_the_next_command(beside: OpenProduct) -> None:
    late = filled(5)

    def delay(command: Command, answer: Answer) -> Answer:
        time.sleep(2.0)
        return Answer([b"* SEARCH 1\r\n"])

    with beside(late, only("UID SEARCH", delay), command_timeout_s=1.0) as product:
        assert isinstance(product.run().failure, ServerUnreachableError)
        product.honest.quirks = []
        product.run_fine()
        product.expect_inbox()


@pytest.mark.row("R062")
def test_run_eight_bit_bytes_in_names_and_flags_are_kept_apart(beside: OpenProduct) -> None:
    names = b'* LIST () "/" "caf\xc3\xa9"\r\n* LIST (\\Has\xe9) "/" "x\xff"\r\n'

    def flag(line: bytes, uid: int) -> bytes:
        return line.replace(b"FLAGS (", b"FLAGS ($caf\xc3\xa9 ", 1)

    with beside(filled(5), add_lines("LIST", names), edit_lines(flag)) as product:
        product.run_fine()
        product.expect_inbox()
        flags = product.rows("SELECT DISTINCT flags FROM crm_message_sightings")
        assert flags == [("$café \\Seen",)]


@pytest.mark.row("R064")
@pytest.mark.parametrize(
    "final", [b"%T BAD no literals\r\n", b"%T NO [AUTHENTICATIONFAILED] x\r\n"]
)
def test_run_refused_authentication_sends_no_credential_bytes_after_it(
    beside: OpenProduct, final: bytes
) -> None:
    with beside(filled(5), refuse("LOGIN", final)) as product:
        failure = product.run().failure
        assert isinstance(failure, (ImapCredentialError, SettingsError))
        assert product.honest.commands["LOGIN"] == 1
        assert not [line for line in product.honest.lines if "none" in line]


@pytest.mark.row("R065")
@pytest.mark.parametrize("is_advertised", [True, False])
def test_run_server_that_demands_id_before_a_folder_is_served(
    beside: OpenProduct, is_advertised: bool
) -> None:
    unsafe = b"%T NO EXAMINE Unsafe Login. Please contact kefu@188.com for help\r\n"
    quirk = refuse("EXAMINE", unsafe, lambda command: "ID" not in command.seen)
    with beside(filled(5), quirk) as product:
        product.acts_aside = is_advertised
        if not is_advertised:
            product.honest.capabilities = "IMAP4rev1"
        product.run_fine()
        product.expect_inbox()


@pytest.mark.row("R067", "R068", "R072")
@pytest.mark.parametrize(
    ("text", "low_s", "high_s"),
    [
        (b"BAD Request is throttled. Suggested Backoff Time: 1500 milliseconds", 1, 61),
        (b"BAD Request is throttled. Suggested Backoff Time: 299961 milliseconds", 299, 300),
        (b"BAD Request is throttled. Suggested Backoff Time: -1 milliseconds", 1, 3600),
        (
            b"BAD Request is throttled. Suggested Backoff Time: 1000000000000 milliseconds",
            60,
            86400,
        ),
        (b"BAD Request is throttled.", 1, 3600),
        (b"NO [ALERT] Too many simultaneous connections. (Failure)", 1, 3600),
        (b"NO [LIMIT] Maximum number of connections from user+IP exceeded", 1, 3600),
    ],
)
@pytest.mark.parametrize("verb", ["LOGIN", "UID SEARCH", "UID FETCH"])
def test_run_throttled_waits_blames_no_credential_and_goes_on_later(
    beside: OpenProduct, verb: str, text: bytes, low_s: float, high_s: float
) -> None:
    with beside(filled(5), refuse(verb, b"%T " + text + b"\r\n")) as product:
        failure = product.run().failure
        assert isinstance(failure, TransientError), failure
        if isinstance(failure, ThrottledError):
            assert low_s <= failure.fields["retry_after_s"] <= high_s
        product.honest.quirks = []
        product.run_fine()
        product.expect_inbox()


@pytest.mark.row("R073")
def test_run_login_accepted_and_mailbox_refused_is_told_apart(beside: OpenProduct) -> None:
    text = b"%T BAD User is authenticated but not connected.\r\n"
    with beside(filled(5), refuse("EXAMINE", text)) as product:
        failure = product.run().failure
        assert not isinstance(failure, ImapCredentialError)
        assert "authenticated but not connected" in str(failure)
        product.honest.quirks = []
        product.run_fine()


@pytest.mark.row("R080")
def test_run_capabilities_are_those_after_the_login(beside: OpenProduct) -> None:
    def change(command: Command, answer: Answer) -> Answer:
        words = "IMAP4rev1" if "LOGIN" in command.seen else "IMAP4rev1 ESEARCH ID SPECIAL-USE"
        return Answer([f"* CAPABILITY {words}\r\n".encode()])

    with beside(filled(5), only("CAPABILITY", change)) as product:
        product.run_fine()
        product.expect_inbox()
        asked = " ".join(product.honest.lines)
        assert "RETURN" not in asked
        assert "ID (" not in asked


@pytest.mark.row("R113", "R123")
@pytest.mark.parametrize(
    ("greeting", "word"),
    [
        (b"220 smtp.example ESMTP\r\n", "SMTP"),
        (b"HTTP/1.1 302 Found\r\nLocation: /\r\n\r\n", "web"),
        (b"<html>login</html>\r\n", "web"),
        (b"+OK POP3 ready\r\n", "POP3"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "SSH"),
        (b"\r\n", "IMAP"),
        (b"hello\r\n", "IMAP"),
        (b"* BYE too busy\r\n", "busy"),
    ],
)
def test_run_something_else_on_the_port_is_named(
    beside: OpenProduct, greeting: bytes, word: str
) -> None:
    with beside(filled(3)) as product:
        product.honest.greeting = greeting
        assert word.lower() in product.run_badly().lower()
        assert product.honest.logins == 0
        product.honest.greeting = b"* OK ready\r\n"
        product.run_fine()
        product.expect_inbox()


@pytest.mark.row("R114", "R115")
def test_run_server_that_waits_for_tls_is_silent_and_bounded(beside: OpenProduct) -> None:
    with beside(filled(3), greeting_timeout_s=0.3) as product:
        product.honest.greeting = b""
        text = product.run_badly()
        assert "TLS" in text or "answer" in text
        product.honest.greeting = b"* OK ready\r\n"
        product.run_fine()


@pytest.mark.row("R102")
def test_run_verifies_sending_and_sends_nothing(beside: OpenProduct, smtp_sink: SmtpSink) -> None:
    with beside(filled(3)) as product:
        point_to(product.services, product.honest.port, smtp_port=smtp_sink.port)
        for _ in range(3):
            product.run_fine()
        assert smtp_sink.verbs
        assert "DATA" not in smtp_sink.verbs
        assert smtp_sink.messages == []


@pytest.mark.row("R050", "R073")
def test_run_folder_refused_by_its_server_harms_only_itself(beside: OpenProduct) -> None:
    mailbox = filled(4)
    deliver(mailbox.create_folder("Locked"), "locked")
    refusal = refuse(
        "EXAMINE", b"%T NO [NOPERM] not yours\r\n", lambda command: "Locked" in command.args
    )
    with beside(mailbox, refusal, folders=("Locked", "INBOX")) as product:
        assert "not yours" in product.run_badly()
        assert product.subjects() == [f"About m{n}" for n in range(1, 5)]
        product.honest.quirks = []
        product.run_fine()
        assert len(product.subjects()) == 5
