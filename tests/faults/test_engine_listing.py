"""Whole runs where the server's listing of a folder is late, short, long, odd or wrong."""

import random
import re

import pytest

from faults.conftest import OpenProduct, RecordProperty
from faults.engine import DAY, NOW, Product, deliver, filled
from mailcrm.errors import IncompleteRunError
from servers.honest_imap import PLAIN_CAPABILITIES, Answer, Command
from servers.imap_quirks import (
    add_lines,
    cap_search,
    omit,
    omit_at_random,
    only,
    refuse,
    replace_search,
    unsearchable,
    with_code,
)

NUMBERS = re.compile(rb"\d+")


def plain(product: Product) -> None:
    """Let the server offer nothing beyond IMAP4rev1."""
    product.honest.capabilities = PLAIN_CAPABILITIES


@pytest.mark.row("R006", "R007", "R044")
@pytest.mark.parametrize("shown_in_run", [2, 3, 5])
def test_run_uid_hidden_at_first_is_published_once_when_it_shows(
    beside: OpenProduct, shown_in_run: int
) -> None:
    with beside(filled(60)) as product:
        late = product.inbox.messages.pop(55)
        for _ in range(1, shown_in_run):
            product.run_fine()
        assert "About m55" not in product.subjects()
        product.inbox.messages[55] = late
        assert product.run_fine().certificate.total("published") == 1
        product.run_fine()
        product.expect_inbox()


@pytest.mark.row("R007", "R045")
@pytest.mark.parametrize("modseqs", [(500, 500, 500), (100, 50, 100), (2**63 - 1, 0, 2**63)])
def test_run_modseq_that_lies_moves_no_cursor(
    beside: OpenProduct, modseqs: tuple[int, ...]
) -> None:
    with beside(filled(10)) as product:
        late = product.inbox.messages.pop(4)
        for number, modseq in enumerate(modseqs):
            line = b"* OK [HIGHESTMODSEQ %d] x\r\n* VANISHED (EARLIER) 1:3\r\n" % modseq
            product.honest.quirks = [add_lines("EXAMINE", line)]
            if number == 2:
                product.inbox.messages[4] = late
            product.run_fine()
        product.expect_inbox()


@pytest.mark.row("R008")
def test_run_uids_omitted_once_are_asked_again_and_published(beside: OpenProduct) -> None:
    with beside(filled(50)) as product:
        seen: set[int] = set()

        def first_time(uid: int) -> bool:
            is_first = uid % 7 == 0 and uid not in seen
            seen.add(uid)
            return is_first

        product.honest.quirks = [omit(first_time)]
        product.run_fine()
        product.expect_inbox()


@pytest.mark.row("R008", "R071")
def test_run_uids_always_omitted_are_unavailable_and_named_until_they_come(
    beside: OpenProduct,
) -> None:
    with beside(filled(50), omit(lambda uid: uid % 7 == 0)) as product:
        for _ in range(2):
            report = product.run()
            assert isinstance(report.failure, IncompleteRunError)
            assert "7 unavailable" in str(report.failure)
            totals = report.to_json()["totals"]
            assert (totals["unavailable"], totals["balanced"]) == (7, True)
            assert len(product.subjects()) == 43
        product.honest.quirks = []
        product.run_fine()
        product.expect_inbox()


@pytest.mark.row("R071")
@pytest.mark.parametrize("first_seed", range(1, 51, 10))
def test_run_with_thirty_percent_omitted_is_complete_after_three_runs(
    beside: OpenProduct, first_seed: int, record_property: RecordProperty
) -> None:
    record_property("seed", first_seed)
    record_property("count", 10)
    for seed in range(first_seed, first_seed + 10):
        with beside(filled(40), omit_at_random(0.3, seed)) as product:
            runs = [product.run() for _ in range(3)]
            assert len(set(product.subjects())) == len(product.subjects())
            assert runs[-1].failure is None, (seed, runs[-1].failure)
            product.expect_inbox()


@pytest.mark.row("R009")
@pytest.mark.parametrize("capabilities", ["IMAP4rev1", "IMAP4rev1 ESEARCH"])
def test_run_capped_search_is_noticed_and_everything_is_asked_for(
    beside: OpenProduct, capabilities: str
) -> None:
    with beside(filled(500), cap_search(100)) as product:
        product.honest.capabilities = capabilities
        report = product.run_fine()
        assert "search left messages out" in " ".join(report.notes)
        product.expect_inbox()


@pytest.mark.row("R010", "R104")
@pytest.mark.parametrize("capabilities", ["IMAP4rev1", "IMAP4rev1 ESEARCH"])
@pytest.mark.parametrize("answer", [b"", b"* SEARCH\r\n", b'* ESEARCH (TAG "x") UID\r\n'])
def test_run_empty_search_of_a_full_folder_is_not_believed(
    beside: OpenProduct, answer: bytes, capabilities: str
) -> None:
    lines = [answer] if answer else []
    with beside(filled(5), replace_search(lambda line: lines)) as product:
        product.honest.capabilities = capabilities
        product.run_fine()
        product.expect_inbox()


@pytest.mark.row("R010", "R104", "R105")
@pytest.mark.parametrize("capabilities", ["IMAP4rev1", "IMAP4rev1 ESEARCH"])
def test_run_folder_that_counts_mail_and_lists_none_is_not_green(
    beside: OpenProduct, capabilities: str
) -> None:
    nothing = replace_search(lambda line: [])
    with beside(filled(5), nothing, omit(lambda uid: True, bodies_only=False)) as product:
        product.honest.capabilities = capabilities
        report = product.run()
        assert isinstance(report.failure, IncompleteRunError)
        assert "5 messages" in str(report.failure)
        product.honest.quirks = []
        product.run_fine()
        product.expect_inbox()


def _split(line: bytes) -> list[bytes]:
    words = line.split()[2:]
    return [b"* SEARCH " + b" ".join(words[i : i + 3]) + b"\r\n" for i in range(0, len(words), 3)]


def _shuffle(line: bytes) -> list[bytes]:
    words = line.split()[2:] * 2
    random.Random(7).shuffle(words)
    return [b"* SEARCH " + b" ".join(words) + b"\r\n"]


def _reverse(line: bytes) -> list[bytes]:
    return [b"* SEARCH " + b" ".join(reversed(line.split()[2:])) + b"\r\n"]


def _garbage(line: bytes) -> list[bytes]:
    return [b" ".join(line.split()[:5]) + b" abc 4294967296 -7\r\n"]


def _foreign(line: bytes) -> list[bytes]:
    return [line.rstrip() + b" 70000 0 4294967295\r\n"]


def _modseq(line: bytes) -> list[bytes]:
    return [line.rstrip() + b" (MODSEQ 917162500)\r\n"]


def _huge_eset(line: bytes) -> list[bytes]:
    return [re.sub(rb"ALL \S+", b"ALL 1:4294967295", line)]


def _reversed_eset(line: bytes) -> list[bytes]:
    return [re.sub(rb"ALL 1:30", b"ALL 30:17,16:1,5,5:9", line)]


@pytest.mark.row("R011", "R012", "R018", "R058")
@pytest.mark.parametrize(
    "change", [_split, _shuffle, _reverse, _garbage, _modseq], ids=lambda f: f.__name__
)
def test_run_odd_search_lines_lose_and_double_nothing(beside: OpenProduct, change: object) -> None:
    with beside(filled(30), replace_search(change), fetch_chunk_messages=10) as product:  # type: ignore[arg-type]
        plain(product)
        product.run_fine()
        product.expect_inbox()
        product.run_fine()
        product.expect_inbox()


@pytest.mark.row("R018")
def test_run_search_is_always_bound_to_a_uid_range(beside: OpenProduct) -> None:
    """Some servers answer a broad search with sequence numbers beside the uids."""

    def broad(command: Command, answer: Answer) -> Answer:
        if "UID " not in command.args:
            answer.lines = [line.rstrip() + b" 1 2 3\r\n" for line in answer.lines]
        return answer

    mailbox = filled(0)
    mailbox.folders["INBOX"].uidnext = 1000
    deliver(mailbox.folders["INBOX"], *(f"m{n}" for n in range(30)))
    with beside(mailbox, only("UID SEARCH", broad)) as product:
        plain(product)
        product.acts_aside = True  # it never gets the chance
        product.run_fine()
        product.expect_inbox()


@pytest.mark.row("R018")
def test_run_uids_that_a_search_invents_are_named_and_harm_nothing_else(
    beside: OpenProduct,
) -> None:
    with beside(filled(30), replace_search(_foreign)) as product:
        plain(product)
        for _ in range(2):
            assert "2 unavailable" in product.run_badly()
        assert len(product.subjects()) == len(product.sightings()) == 30
        product.honest.quirks = []
        product.run_fine()
        assert product.states() == {"published": 30, "vanished": 2}


@pytest.mark.row("R012", "R058")
@pytest.mark.parametrize("change", [_huge_eset, _reversed_eset], ids=lambda f: f.__name__)
def test_run_odd_esearch_sets_lose_and_double_nothing(beside: OpenProduct, change: object) -> None:
    with beside(filled(30), replace_search(change)) as product:  # type: ignore[arg-type]
        product.run_fine()
        product.expect_inbox()


@pytest.mark.row("R078", "R079")
@pytest.mark.parametrize("final", [b"%T BAD no\r\n", b"%T NO [CANNOT] not here\r\n"])
def test_run_without_any_search_asks_the_messages(beside: OpenProduct, final: bytes) -> None:
    with beside(filled(12), refuse("UID SEARCH", final)) as product:
        product.run_fine()
        product.expect_inbox()


@pytest.mark.row("R013", "R014")
def test_run_idle_reads_no_body_and_never_gives_fetch_an_open_range(
    beside: OpenProduct,
) -> None:
    with beside(filled(8)) as product:
        product.run_fine()
        bodies, before = product.honest.bodies, product.crm()
        product.run_fine()
        assert product.honest.bodies == bodies == 8
        assert product.crm() == before
        fetches = [line for line in product.honest.lines if " FETCH " in line]
        assert fetches
        assert not [line for line in fetches if ":*" in line]


@pytest.mark.row("R015", "R016")
@pytest.mark.parametrize(
    "uidnext", [b"", b"* OK [UIDNEXT 420000] x\r\n", b"* OK [UIDNEXT 1] x\r\n"]
)
def test_run_wrong_or_missing_uidnext_hides_no_mail(beside: OpenProduct, uidnext: bytes) -> None:
    quirk = with_code(rb"\* OK \[UIDNEXT .*\r\n", uidnext)
    with beside(filled(7), quirk) as product:
        assert product.run_fine().notes == ()
        deliver(product.inbox, "new")
        assert product.run_fine().notes == ()
        product.expect_inbox()


@pytest.mark.row("R017")
def test_run_largest_uids_are_kept(beside: OpenProduct) -> None:
    with beside(filled(3)) as product:
        for uid in (2**31, 2**32 - 2, 2**32 - 1):
            product.inbox.uidnext = uid
            deliver(product.inbox, f"at {uid}")
        product.run_fine()
        product.run_fine()
        product.expect_inbox()


@pytest.mark.row("R020", "R066")
@pytest.mark.parametrize(
    "refuses",
    [
        lambda command: len(command.args) > 120,
        lambda command: len(command.uids) > 20,
        lambda command: command.args.split(" ")[0].count(",") > 5,
        lambda command: ":*" in command.args or len(command.uids) > 20,
    ],
    ids=["long lines", "many uids", "many parts", "open ranges"],
)
def test_run_refused_uid_sets_are_halved_until_the_server_takes_them(
    beside: OpenProduct, refuses: object
) -> None:
    mailbox = filled(90)
    inbox = mailbox.folders["INBOX"]
    inbox.messages = {uid * 1009: message for uid, message in inbox.messages.items()}
    inbox.uidnext = 100 * 1009
    quirk = refuse("UID FETCH", b"%T BAD UID parameters!\r\n", refuses)  # type: ignore[arg-type]
    with beside(mailbox, quirk) as product:
        product.run_fine()
        product.expect_inbox()
        assert max(map(len, product.honest.lines)) <= 1000


@pytest.mark.row("R029")
@pytest.mark.parametrize("capabilities", ["IMAP4rev1", "IMAP4rev1 ESEARCH"])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_run_search_that_finds_too_much_publishes_only_the_window(
    beside: OpenProduct, seed: int, capabilities: str
) -> None:
    mailbox = filled(20)
    old = deliver(mailbox.folders["INBOX"], *(f"old{n}" for n in range(20)), arrived=NOW - 40 * DAY)
    extra = random.Random(seed).sample(old, 10)

    def widen(line: bytes) -> list[bytes]:
        if b"COUNT" in line:
            return [line]
        more = ",".join(map(str, extra)).encode()
        if b"ESEARCH" in line:
            return [line.rstrip() + b"," + more + b"\r\n"]
        return [line.rstrip() + b" " + more.replace(b",", b" ") + b"\r\n"]

    with beside(mailbox, replace_search(widen)) as product:
        product.honest.capabilities = capabilities
        report = product.run_fine()
        assert report.certificate.total("listed") == 20
        product.expect_all(*(f"m{n}" for n in range(1, 21)))
        product.honest.quirks = []
        product.run_fine(since=NOW - 60 * DAY)
        product.expect_inbox()


@pytest.mark.row("R029")
@pytest.mark.parametrize("capabilities", ["IMAP4rev1", "IMAP4rev1 ESEARCH"])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_run_search_that_finds_half_is_noticed_by_counting(
    beside: OpenProduct, seed: int, capabilities: str
) -> None:
    chance = random.Random(seed)

    def halve(line: bytes) -> list[bytes]:
        if b"COUNT" in line:
            return [line]
        start, _, numbers = line.rstrip().rpartition(b" ALL ")
        uids = range(1, 21) if numbers == b"1:20" else [int(n) for n in line.split()[2:]]
        kept = [b"%d" % uid for uid in uids if chance.random() < 0.5]
        if b"ESEARCH" in line:
            return [start + b" ALL " + b",".join(kept) + b"\r\n"]
        return [b"* SEARCH " + b" ".join(kept) + b"\r\n"]

    with beside(filled(20), replace_search(halve)) as product:
        product.honest.capabilities = capabilities
        product.run_fine()
        product.expect_inbox()


@pytest.mark.row("R029")
def test_run_date_search_that_is_wrong_throughout_is_noticed(beside: OpenProduct) -> None:
    """Its SINCE and its NOT (SINCE) agree with each other, and are both wrong."""

    with beside(filled(20)) as product:
        # The server keeps its dates a year off for searching, and tells the right ones.
        messages = dict(product.inbox.messages)

        def bend(command: Command, answer: Answer) -> Answer:
            if "SINCE" not in command.args:
                return answer
            is_not = "NOT" in command.args
            uids = [uid for uid in messages if (uid % 2 == 0) != is_not]
            if "COUNT" in command.args:
                line = f'* ESEARCH (TAG "{command.tag}") UID COUNT {len(uids)}\r\n'
            else:
                spelled = ",".join(map(str, uids))
                line = f'* ESEARCH (TAG "{command.tag}") UID ALL {spelled}\r\n'
            answer.lines = [line.encode()]
            return answer

        product.honest.quirks = [only("UID SEARCH", bend)]
        product.run()
        product.expect_inbox()


@pytest.mark.row("R069", "R070")
@pytest.mark.parametrize(("exists", "uidnext"), [(1000, 1500), (10_000, 15_000)])
def test_run_folder_of_a_round_size_says_that_mail_may_be_hidden(
    beside: OpenProduct, exists: int, uidnext: int
) -> None:
    mailbox = filled(4)
    old = filled(1).folders["INBOX"].messages[1]
    old.internaldate = NOW - 100 * DAY
    inbox = mailbox.folders["INBOX"]
    for uid in range(uidnext - exists + 4, uidnext):
        inbox.messages[uid] = old
    inbox.uidnext = uidnext
    assert len(inbox.messages) == exists
    with beside(mailbox) as product:
        report = product.run_fine()
        assert "may hide older mail" in " ".join(report.notes)
        assert len(product.subjects()) == 4


@pytest.mark.row("R079")
@pytest.mark.parametrize("count", [1, 30])
def test_run_plain_imap4rev1_is_complete_by_itself(beside: OpenProduct, count: int) -> None:
    with beside(filled(count)) as product:
        plain(product)
        product.run_fine()
        uids = deliver(product.inbox, "later")
        product.run_fine()
        del product.inbox.messages[uids[0]]
        product.run_fine()
        assert len(product.subjects()) == count + 1
        assert set(product.honest.commands) == {
            *("CAPABILITY", "LOGIN", "LIST", "EXAMINE", "UID SEARCH", "UID FETCH", "LOGOUT")
        }


@pytest.mark.row("R079")
@pytest.mark.parametrize("names", ["ESEARCH", "ID", "SPECIAL-USE", "ESEARCH,ID,SPECIAL-USE"])
def test_run_offered_extensions_can_be_left_unused(beside: OpenProduct, names: str) -> None:
    words = {"ESEARCH": "RETURN (ALL)", "ID": " ID (", "SPECIAL-USE": "RETURN (SPECIAL-USE)"}
    with beside(filled(6), imap_without=names) as product:
        product.run_fine()
        product.expect_inbox()
        sent = " ".join(product.honest.lines)
        assert not [name for name in names.split(",") if words[name] in sent]


@pytest.mark.row("R078")
def test_run_server_without_search_and_wrong_sets_still_complete(beside: OpenProduct) -> None:
    few = refuse("UID FETCH", b"%T BAD too many\r\n", lambda command: len(command.uids) > 5)
    with beside(filled(23), unsearchable(), few) as product:
        text = product.run_badly()
        assert "UID FETCH" in text
        assert product.subjects() == []
        product.honest.quirks = [few]
        product.run_fine()
        product.expect_inbox()
