"""Whole runs where folders are numbered anew, emptied, moved, renamed or numbered by nobody."""

import pytest

from fakes.mail_reader import FakeFolder, FakeMessage
from faults.conftest import OpenProduct
from faults.engine import DAY, NOW, Product, deliver, filled
from mailcrm.errors import IncompleteRunError
from servers.honest_imap import Answer, Command
from servers.imap_quirks import omit, only, with_code


def renumber(product: Product, uidvalidity: int | None, first: int = 1) -> None:
    """The same messages in the same order, under other uids and another uidvalidity."""
    inbox = product.inbox
    messages = list(inbox.messages.values())
    inbox.uidvalidity = uidvalidity
    inbox.messages = {first + 3 * n: message for n, message in enumerate(messages)}
    inbox.uidnext = first + 3 * len(messages)


def keys(product: Product) -> list[tuple[object, ...]]:
    """Every published message and its key."""
    return product.rows("SELECT message_key, subject, published_at FROM crm_messages ORDER BY 1")


@pytest.mark.row("R001", "R077")
@pytest.mark.parametrize("uidvalidity", [2, 4294967295])
def test_run_new_uidvalidity_relinks_and_keeps_every_key(
    beside: OpenProduct, uidvalidity: int
) -> None:
    with beside(filled(25)) as product:
        product.run_fine()
        before, bodies = keys(product), product.honest.bodies
        renumber(product, uidvalidity, first=100)
        deliver(product.inbox, "new")
        summary = product.run_fine()
        assert "generation 2, 25 relinked" in " ".join(summary.notes)
        assert [row for row in keys(product) if row[1] != "About new"] == before
        assert product.honest.bodies == bodies + 1
        assert summary.certificate.total("published") == 1
        assert {row[1] for row in product.sightings()} == {1, uidvalidity}
        again = product.run_fine()
        assert again.certificate.total("already_covered") == 26


@pytest.mark.row("R002")
@pytest.mark.parametrize("values", [(10, 9, 10), (10, 11, 10, 11, 9), (0, 1, 0)])
def test_run_uidvalidity_that_goes_down_or_back_mixes_nothing(
    beside: OpenProduct, values: tuple[int, ...]
) -> None:
    """Under each value the uids mean other messages; nobody gets another one's text."""
    with beside(filled(0)) as product:
        lives: dict[int, FakeFolder] = {}
        for run, value in enumerate(values):
            life = lives.setdefault(value, FakeFolder(uidvalidity=value))
            product.honest.mailbox.folders["INBOX"] = life
            deliver(life, f"life {value} run {run}")
            product.run_fine()
        expected = {f"About life {v} run {r}" for r, v in enumerate(values)}
        assert set(product.subjects()) == expected
        assert len(product.subjects()) == len(expected)
        pairs = product.rows(
            "SELECT s.uidvalidity, m.subject FROM crm_message_sightings s "
            "JOIN crm_messages m ON m.message_key = s.message_key"
        )
        assert all(f"life {value} " in subject for value, subject in pairs)


@pytest.mark.row("R003")
@pytest.mark.parametrize(
    "code", [b"", b"0", b"4294967296", b"abc", b"-5", b"1e9"], ids=lambda code: code or "missing"
)
def test_run_odd_or_missing_uidvalidity_is_synced_by_content(
    beside: OpenProduct, code: bytes
) -> None:
    line = b"* OK [UIDVALIDITY %s] x\r\n" % code if code else b""
    with beside(filled(6), with_code(rb"\* OK \[UIDVALIDITY .*\r\n", line)) as product:
        for _ in range(3):
            summary = product.run_fine()
            deliver(product.inbox, f"later {len(product.inbox.messages)}")
        is_noted = "recognised by content" in " ".join(summary.notes)
        assert is_noted == (code != b"0")
        product.run_fine()
        assert len(set(product.subjects())) == len(product.subjects()) == 9


@pytest.mark.row("R004")
def test_run_uidvalidity_new_in_every_session_settles_without_doubling(
    beside: OpenProduct,
) -> None:
    def change(command: Command, answer: Answer) -> Answer:
        line = b"* OK [UIDVALIDITY %d] x\r\n" % (1000 + command.session)
        answer.lines = [x for x in answer.lines if b"UIDVALIDITY" not in x] + [line]
        return answer

    with beside(filled(20), only("EXAMINE", change)) as product:
        sent = []
        for _ in range(10):
            before = product.honest.bytes_sent
            last = product.run()
            sent.append(product.honest.bytes_sent - before)
            assert len(set(product.subjects())) == len(product.subjects())
        assert last.failure is None
        assert len(product.subjects()) == 20
        assert last.summary is not None
        assert "recognised by content" in " ".join(last.summary.notes)
        assert product.honest.bodies <= 2 * 20
        assert max(sent[6:]) <= 4 * min(sent)


@pytest.mark.row("R005")
def test_run_uidvalidity_that_changes_inside_the_run_stages_nothing_of_it(
    beside: OpenProduct,
) -> None:
    with beside(filled(10)) as product:
        original = dict(product.inbox.messages)
        done: list[bool] = []

        def recreate(command: Command, answer: Answer) -> Answer:
            if "UID SEARCH" in product.honest.commands and not done:
                done.append(True)
                product.inbox.messages = {}
                product.inbox.uidnext = 1
                deliver(product.inbox, *(f"other {n}" for n in range(10)))
                product.inbox.uidvalidity = 77
                answer.lines = [b"* 10 EXISTS\r\n* OK [UIDVALIDITY 77] x\r\n"]
            return answer

        product.honest.quirks = [only("EXAMINE", recreate)]
        assert "uidvalidity changed during the run" in product.run_badly()
        assert product.subjects() == []
        product.run_fine()
        product.expect_all(*(f"other {n}" for n in range(10)))
        assert len(original) == 10


@pytest.mark.row("R021")
@pytest.mark.parametrize("way", ["still given", "left out", "refused", "empty"])
def test_run_message_expunged_between_listing_and_reading_is_accounted_for(
    beside: OpenProduct, way: str
) -> None:
    with beside(filled(10)) as product:

        def bend(command: Command, answer: Answer) -> Answer:
            if not command.is_body or way == "still given":
                return answer
            gone = product.inbox.messages.pop(4, None)
            if way == "refused" and gone is not None:
                return Answer(final=b"%T NO [EXPUNGEISSUED] some are gone\r\n")
            rows = list(zip(answer.lines, answer.uids, strict=True))
            if way == "empty" and gone is not None:
                line = b'* 4 FETCH (UID 4 FLAGS () INTERNALDATE "17-Nov-2026 12:00:00 +0000" '
                line += b'RFC822.SIZE 300 BODY[]<0> "")\r\n'
                rows = [(line if uid == 4 else x, uid) for x, uid in rows]
            else:
                rows = [(x, uid) for x, uid in rows if uid != 4]
            return Answer([x for x, _ in rows], uids=[uid for _, uid in rows])

        product.honest.quirks = [only("UID FETCH", bend)]
        product.acts_aside = way == "still given"
        summary = product.run_fine()
        expected = 0 if way == "still given" else 1
        assert summary.certificate.total("vanished") == expected
        assert len(product.subjects()) == 10 - expected


@pytest.mark.row("R042")
def test_run_mailbox_empty_for_one_run_loses_nothing_and_warns_once(
    beside: OpenProduct,
) -> None:
    with beside(filled(30)) as product:
        product.run_fine()
        before = product.crm()
        held, product.inbox.messages = product.inbox.messages, {}
        assert "30 of 30 known messages are no longer listed" in product.run_badly()
        assert product.run().failure is None
        product.inbox.messages = held
        product.run_fine()
        assert product.crm() == before
        product.expect_inbox()


@pytest.mark.row("R042")
def test_run_half_a_mailbox_gone_while_unread_is_held_open(beside: OpenProduct) -> None:
    with beside(filled(30), omit(lambda uid: uid > 10)) as product:
        product.run()
        product.honest.quirks = []
        held = dict(product.inbox.messages)
        product.inbox.messages = {uid: m for uid, m in held.items() if uid <= 10}
        assert "20 of 30 known messages are gone at once" in product.run_badly()
        assert product.states() == {"published": 10, "unavailable": 20}
        product.inbox.messages = held
        product.run_fine()
        product.expect_inbox()


@pytest.mark.row("R034", "R035")
def test_run_same_message_in_three_folders_is_one_row_with_three_sightings(
    beside: OpenProduct,
) -> None:
    mailbox = filled(0)
    for name in ("Clients", "Archive"):
        mailbox.create_folder(name)
    for folder in mailbox.folders.values():
        deliver(folder, "copied", f"only {folder.uidvalidity}")
    with beside(mailbox, folders=("INBOX", "Clients", "Archive")) as product:
        product.run_fine()
        product.expect_all("copied", "only 1", "only 2", "only 3")
        assert len(product.sightings()) == 6
        product.run_fine()
        assert len(product.sightings()) == 6


@pytest.mark.row("R035", "R041")
@pytest.mark.parametrize("order", [("INBOX", "Archive"), ("Archive", "INBOX")])
@pytest.mark.parametrize("moment", ["between runs", "between the folders' listings"])
def test_run_message_moved_between_folders_is_one_row(
    beside: OpenProduct, order: tuple[str, str], moment: str
) -> None:
    mailbox = filled(6)
    archive = mailbox.create_folder("Archive")
    deliver(archive, "archived")
    with beside(mailbox, folders=order) as product:
        moved: list[int] = []

        def move(command: Command, answer: Answer) -> Answer:
            if command.folder == order[1] and not moved and "UID SEARCH" in command.seen:
                moved.append(archive.add(product.inbox.messages.pop(3)))
            return answer

        if moment == "between runs":
            product.run_fine()
            archive.add(product.inbox.messages.pop(3))
        else:
            product.honest.quirks = [only("UID SEARCH", move)]
            product.acts_aside = True
        product.run()
        product.run_fine()
        product.expect_all("archived", *(f"m{n}" for n in range(1, 7)))
        assert "Archive" in [row[0] for row in product.sightings() if row[2] == 2]
        archive_uids = [row[2] for row in product.sightings() if row[0] == "Archive"]
        assert archive_uids == [1, 2]


@pytest.mark.row("R035")
def test_run_message_moved_and_moved_back_is_one_row(beside: OpenProduct) -> None:
    mailbox = filled(3)
    archive = mailbox.create_folder("Archive")
    with beside(mailbox, folders=("INBOX", "Archive")) as product:
        for _ in range(3):
            product.run_fine()
            uid = archive.add(product.inbox.messages.popitem()[1])
            product.run_fine()
            product.inbox.add(archive.messages.pop(uid))
        product.run_fine()
        product.expect_all("m1", "m2", "m3")


@pytest.mark.row("R041")
@pytest.mark.parametrize("how", ["renamed", "deleted", "created again"])
def test_run_folder_renamed_or_deleted_deletes_and_doubles_nothing(
    beside: OpenProduct, how: str
) -> None:
    mailbox = filled(2)
    deliver(mailbox.create_folder("Clients"), "a", "b", "c")
    with beside(mailbox, folders=("INBOX", "Clients")) as product:
        product.run_fine()
        before = keys(product)
        gone = mailbox.folders.pop("Clients")
        assert "Clients" in product.run_badly()
        assert keys(product) == before
        if how == "renamed":
            mailbox.folders["Customers"] = gone
            product.run_fine(folders=["INBOX", "Customers"])
        elif how == "created again":
            deliver(mailbox.create_folder("Clients"), "a", "b", "c")
            product.run_fine()
        assert keys(product) == before


@pytest.mark.row("R044")
def test_run_cursors_of_two_folders_are_apart(beside: OpenProduct) -> None:
    mailbox = filled(2)
    low = mailbox.create_folder("Low")
    mailbox.folders["INBOX"].uidnext = 6806
    deliver(mailbox.folders["INBOX"], "far")
    deliver(low, "near")
    with beside(mailbox, folders=("INBOX", "Low")) as product:
        product.run_fine()
        deliver(low, "near too")
        deliver(mailbox.folders["INBOX"], "far too")
        product.run_fine()
        product.expect_all("m1", "m2", "far", "near", "near too", "far too")


@pytest.mark.row("R036")
def test_run_drafts_that_come_and_go_leave_no_row(beside: OpenProduct) -> None:
    mailbox = filled(1)
    drafts = mailbox.create_folder("Drafts", "\\Drafts")
    with beside(mailbox, folders=("INBOX", "\\Sent")) as product:
        mailbox.create_folder("Sent", "\\Sent")
        for version in range(5):
            uids = deliver(drafts, f"draft {version}")
            product.run_fine()
            del drafts.messages[uids[0]]
        product.expect_all("m1")


@pytest.mark.row("R031", "R033")
def test_run_old_mail_moved_in_later_is_found_when_the_window_reaches_it(
    beside: OpenProduct,
) -> None:
    with beside(filled(3)) as product:
        product.run_fine()
        deliver(product.inbox, "two years old", arrived=NOW - 730 * DAY)
        deliver(product.inbox, "three days old", arrived=NOW - 3 * DAY)
        product.run_fine()
        product.expect_all("m1", "m2", "m3", "three days old")
        for _ in range(2):
            product.run_fine(since=NOW - 800 * DAY)
            product.expect_inbox()


@pytest.mark.row("R046", "R043")
def test_run_flags_changed_elsewhere_cost_no_body_and_no_row(beside: OpenProduct) -> None:
    with beside(filled(40)) as product:
        product.run_fine()
        before, bodies = product.crm(), product.honest.bodies
        product.inbox.messages = {
            uid: FakeMessage(m.raw, m.internaldate, ("\\Flagged", "\\Answered"))
            for uid, m in product.inbox.messages.items()
        }
        report = product.run()
        assert report.failure is None
        assert (product.crm(), product.honest.bodies) == (before, bodies)
        assert report.commands_sent <= 20


@pytest.mark.row("R076")
def test_run_server_that_adds_a_header_at_every_read_doubles_nothing(
    beside: OpenProduct,
) -> None:
    with beside(filled(8)) as product:
        product.run_fine()
        for life in (2, 3):
            changed = {
                uid: FakeMessage(b"Received: by relay %d\r\n" % life + m.raw, m.internaldate)
                for uid, m in product.inbox.messages.items()
            }
            product.inbox.messages, product.inbox.uidvalidity = changed, life
            product.run_fine()
        assert len(product.subjects()) == 8


@pytest.mark.row("R105")
def test_run_certificate_names_every_end_and_adds_up(beside: OpenProduct) -> None:
    with beside(filled(10)) as product:
        deliver(product.inbox, "m1")
        product.inbox.add(FakeMessage(b"\x00 no message at all", NOW - DAY))
        product.inbox.withheld = {2}
        product.honest.quirks = [omit(lambda uid: uid == 2)]
        report = product.run()
        assert isinstance(report.failure, IncompleteRunError)
        totals = report.to_json()["totals"]
        assert totals == {
            "listed": 12,
            "published": 9,
            "duplicate": 1,
            "excluded": 0,
            "quarantined": 1,
            "vanished": 0,
            "unavailable": 1,
            "pending": 0,
            "already_covered": 0,
            "balanced": True,
        }
