"""What the IMAP adapter makes of FETCH answers that bend or break the rules."""

import datetime as dt

import pytest

from faults.imap_sessions import CAP, DATE, body, expand, reading
from mailcrm.errors import (
    ServerRefusedError,
    ServerUnreachableError,
    ThrottledError,
)
from mailcrm.records import (
    ListedMessage,
)
from mailcrm.settings import Settings
from servers.scripted_imap import Answers, run_scripted_imap


def test_fetch_unsolicited_lines_lend_nothing_to_a_message() -> None:
    answer = (
        b"* 5 FETCH (FLAGS (\\Deleted))\r\n"
        + body(2, 5)
        + b"* 5 FETCH (FLAGS (\\Deleted))\r\n* 9 FETCH (UID 99 FLAGS ())\r\n"
        + b"* 2 FETCH (UID 5 FLAGS (\\Deleted))\r\n"
        + body(9, 99)
        + b"%T OK done\r\n"
    )
    with run_scripted_imap({"UID FETCH": answer}) as server, reading(server) as reader:
        messages = list(reader.fetch_messages([5, 6], CAP))
        assert [(m.uid, m.flags) for m in messages] == [(5, ("\\Seen",))]


@pytest.mark.parametrize(
    "value", [b"NIL", b'""', b"{0}\r\n"], ids=["nil", "empty string", "empty literal"]
)
def test_fetch_no_body_where_size_says_otherwise_is_left_out(value: bytes) -> None:
    line = b"* 1 FETCH (UID 1 FLAGS () %s RFC822.SIZE 20 BODY[]<0> %s)\r\n%%T OK done\r\n"
    answers = {"UID FETCH": line % (DATE, value)}
    with run_scripted_imap(answers) as server, reading(server) as reader:
        assert list(reader.fetch_messages([1], CAP)) == []


def test_fetch_two_bodies_for_one_uid_is_left_out() -> None:
    answer = body(1, 1) + body(1, 1, b"other\r\n") + body(2, 2) + b"%T OK done\r\n"
    with run_scripted_imap({"UID FETCH": answer}) as server, reading(server) as reader:
        assert [m.uid for m in reader.fetch_messages([1, 2], CAP)] == [2]


def test_fetch_items_in_any_order_and_size_beyond_32_bits_are_read() -> None:
    line = b'* 1 FETCH (BODY[] "hi" RFC822.SIZE %d %s FLAGS (a $b) X-NEW (1 ("2" NIL)) UID 1)\r\n'
    answers = {"UID FETCH": line % (2**40, DATE) + b"%T OK done\r\n"}
    with run_scripted_imap(answers) as server, reading(server) as reader:
        message = next(reader.fetch_messages([1], CAP))
    assert (message.raw, message.flags, message.size_bytes) == (b"hi", ("a", "$b"), 2**40)


def test_fetch_blank_line_after_literal_is_tolerated() -> None:
    answer = body(1, 1).removesuffix(b")\r\n") + b"\r\n)\r\n" + body(2, 2) + b"%T OK done\r\n"
    with run_scripted_imap({"UID FETCH": answer}) as server, reading(server) as reader:
        assert [m.uid for m in reader.fetch_messages([1, 2], CAP)] == [1, 2]


def test_fetch_garbage_after_literal_closes_the_connection() -> None:
    answer = body(1, 1).removesuffix(b")\r\n") + b"more bytes\r\n%T OK done\r\n"
    with run_scripted_imap({"UID FETCH": answer}) as server, reading(server) as reader:
        for _ in range(2):
            with pytest.raises(ServerUnreachableError):
                list(reader.fetch_messages([1], CAP))
        assert server.verbs().count("UID FETCH") == 1


def test_fetch_larger_than_asked_is_cut_and_not_kept() -> None:
    answer = body(1, 1, b"x" * 500_000) + b"%T OK done\r\n"
    with run_scripted_imap({"UID FETCH": answer}) as server, reading(server) as reader:
        message = next(reader.fetch_messages([1], CAP))
    assert (len(message.raw), message.is_whole) == (CAP, False)


@pytest.mark.parametrize("size", [60_000_000_000, 4_000_000_000])
def test_fetch_literal_of_absurd_size_closes_at_once(size: int) -> None:
    answer = b"* 1 FETCH (UID 1 BODY[]<0> {%d}\r\n" % size + b"x" * 1000
    with (
        run_scripted_imap({"UID FETCH": answer}) as server,
        reading(server) as reader,
        pytest.raises(ServerUnreachableError, match="literal"),
    ):
        list(reader.fetch_messages([1], CAP))


def test_fetch_more_than_fits_in_memory_leaves_the_rest_for_another_command() -> None:
    raw = b"x" * 200_000
    answer = b"".join(body(n, n, raw) for n in range(1, 11)) + b"%T OK done\r\n"
    alone = body(10, 10, raw) + b"%T OK done\r\n"
    answers: Answers = {"UID FETCH": [answer, alone]}
    settings = Settings(fetch_chunk_bytes=1)
    with run_scripted_imap(answers) as server, reading(server, settings) as reader:
        found = [m.uid for m in reader.fetch_messages(range(1, 11), len(raw))]
        assert found == [1, 2, 3, 4]
        assert [m.raw for m in reader.fetch_messages([10], len(raw))] == [raw]


def test_fetch_deep_nesting_is_left_out() -> None:
    line = b"* 1 FETCH (UID 1 BODYSTRUCTURE " + b"(" * 100_000 + b"\r\n"
    answer = line + body(2, 2) + b"%T OK done\r\n"
    with run_scripted_imap({"UID FETCH": answer}) as server, reading(server) as reader:
        assert [m.uid for m in reader.fetch_messages([1, 2], CAP)] == [2]


def test_fetch_refused_raises_refused_and_the_session_goes_on() -> None:
    refusal = b"%T NO [UNAVAILABLE] UID FETCH Server error\r\n"
    answers = {"UID FETCH": [refusal, body(1, 1) + b"%T OK done\r\n"]}
    with run_scripted_imap(answers) as server, reading(server) as reader:
        with pytest.raises(ServerRefusedError, match="UNAVAILABLE"):
            reader.fetch_messages([1, 2], CAP)
        assert [m.uid for m in reader.fetch_messages([1], CAP)] == [1]


def test_fetch_asked_to_slow_down_raises_throttled_with_the_servers_time() -> None:
    answer = b"%T BAD Request is throttled. Suggested Backoff Time: 299961 milliseconds\r\n"
    with (
        run_scripted_imap({"UID FETCH": answer}) as server,
        reading(server) as reader,
        pytest.raises(ThrottledError) as caught,
    ):
        reader.fetch_messages([1], CAP)
    assert caught.value.fields["retry_after_s"] == pytest.approx(299.961)


def test_fetch_server_without_partial_fetch_is_asked_for_the_whole() -> None:
    answers = {"UID FETCH": [b"%T BAD what is <0.1000>\r\n", body(1, 1) + b"%T OK done\r\n"]}
    with run_scripted_imap(answers) as server, reading(server) as reader:
        assert [m.uid for m in reader.fetch_messages([1], CAP)] == [1]
    assert server.lines[-2].endswith("BODY.PEEK[])")


def test_fetch_listing_refused_in_bulk_is_halved_to_the_one_bad_uid() -> None:
    def answer(line: str) -> bytes:
        uids = expand(line.split(" ")[3])
        if 7 in uids:
            return b"%T NO [UNAVAILABLE] x\r\n"
        rows = b"".join(b"* 1 FETCH (UID %d %s RFC822.SIZE 9)\r\n" % (uid, DATE) for uid in uids)
        return rows + b"%T OK done\r\n"

    with run_scripted_imap({"UID FETCH": answer}) as server, reading(server) as reader:
        rows = list(reader.fetch_listing(range(1, 51)))
    assert sorted(row.uid for row in rows) == list(range(1, 51))
    assert [row for row in rows if row.internaldate is None] == [ListedMessage(7, None, 0)]


def test_fetch_commands_stay_below_a_thousand_octets() -> None:
    answers = {"UID FETCH": b"%T OK done\r\n"}
    with run_scripted_imap(answers) as server, reading(server) as reader:
        uids = range(1, 4_000_000_000, 2_000_003)
        assert list(reader.fetch_listing(uids)) == []
        assert list(reader.fetch_messages(uids, 50_000_000)) == []
    fetches = [line for line in server.lines if " FETCH " in line]
    assert max(map(len, fetches)) <= 998
    assert sorted({u for line in fetches for u in expand(line.split(" ")[3])}) == list(uids)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b'" 1-Nov-2026 00:30:00 +0530"', dt.datetime(2026, 10, 31, 19, 0, tzinfo=dt.UTC)),
        (b'"31-Dec-2016 23:59:60 +0000"', dt.datetime(2016, 12, 31, 23, 59, 59, tzinfo=dt.UTC)),
        (b'"00-Jan-0000 00:00:00 +0000"', None),
        (b'"31-Dec-9999 23:59:59 -1200"', None),
        (b'"01-Jan-0001 00:00:00 +1200"', None),
        (b'"15-Nov-2026 12:00:00 +9999"', None),
        (b'"15-Foo-2026 12:00:00 +0000"', None),
        (b"NIL", None),
    ],
)
def test_internaldate_is_utc_or_unknown(text: bytes, expected: dt.datetime | None) -> None:
    row = b"* 1 FETCH (UID 1 INTERNALDATE %s RFC822.SIZE 5)\r\n%%T OK done\r\n" % text
    with run_scripted_imap({"UID FETCH": row}) as server, reading(server) as reader:
        assert list(reader.fetch_listing([1])) == [ListedMessage(1, expected, 5)]
