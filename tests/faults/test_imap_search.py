"""What the IMAP adapter makes of searches that bend or break the rules."""

import datetime as dt

import pytest

from faults.imap_sessions import ALL, DATE, reading
from mailcrm.errors import (
    ServerRefusedError,
)
from mailcrm.records import (
    SearchCriteria,
)
from servers.scripted_imap import run_scripted_imap


def test_search_without_search_line_asks_the_messages_themselves() -> None:
    rows = b"* 1 FETCH (UID 3 %s)\r\n* 2 FETCH (UID 8 %s)\r\n%%T OK done\r\n" % (DATE, DATE)
    answers = {"UID SEARCH": b"%T OK done\r\n", "UID FETCH": rows}
    with run_scripted_imap(answers) as server, reading(server) as reader:
        assert list(reader.search_uids(ALL)) == [3, 8]
        later = SearchCriteria(dt.date(2026, 11, 16), None, 1, 10)
        assert list(reader.search_uids(later)) == []


def test_search_empty_line_is_an_honest_no() -> None:
    answers = {"UID SEARCH": b"* SEARCH\r\n%T OK done\r\n"}
    with run_scripted_imap(answers) as server, reading(server) as reader:
        assert list(reader.search_uids(ALL)) == []
        assert "UID FETCH" not in server.verbs()


def test_search_split_unsorted_repeated_answer_is_one_ascending_set() -> None:
    answer = b"* SEARCH 9 3\r\n* SEARCH 3 5 400 (MODSEQ 12)\r\n%T OK done\r\n"
    with run_scripted_imap({"UID SEARCH": answer}) as server, reading(server) as reader:
        assert list(reader.search_uids(ALL)) == [3, 5, 9]


def test_search_star_naming_an_older_last_message_is_filtered() -> None:
    answer = b"* SEARCH 8\r\n%T OK done\r\n"
    with run_scripted_imap({"UID SEARCH": answer}) as server, reading(server) as reader:
        assert list(reader.search_uids(SearchCriteria(None, None, 100, None))) == []


@pytest.mark.parametrize(
    "answer",
    [
        b"%T BAD never heard of it\r\n",
        b"%T NO [CANNOT] no search here\r\n",
        b"* SEARCH 3 abc 8\r\n%T OK done\r\n",
        b"* SEARCH 3 4294967296\r\n%T OK done\r\n",
    ],
)
def test_search_refused_or_garbled_asks_the_messages_themselves(answer: bytes) -> None:
    rows = b"* 1 FETCH (UID 3 %s)\r\n%%T OK done\r\n" % DATE
    answers = {"UID SEARCH": answer, "UID FETCH": rows}
    with run_scripted_imap(answers) as server, reading(server) as reader:
        assert list(reader.search_uids(ALL)) == [3]


def test_search_and_fetch_refused_raises_refused() -> None:
    answers = {"UID SEARCH": b"%T BAD x\r\n", "UID FETCH": b"%T BAD x\r\n"}
    with (
        run_scripted_imap(answers) as server,
        reading(server) as reader,
        pytest.raises(ServerRefusedError),
    ):
        reader.search_uids(ALL)


def test_search_line_of_a_million_uids_is_read() -> None:
    numbers = b" ".join(b"%d" % n for n in range(1, 1_000_001))
    answer = b"* SEARCH " + numbers + b"\r\n%T OK done\r\n"
    with run_scripted_imap({"UID SEARCH": answer}) as server, reading(server) as reader:
        found = reader.search_uids(SearchCriteria(None, None, 1, None))
        assert (len(found), found[0], found[-1]) == (1_000_000, 1, 1_000_000)
