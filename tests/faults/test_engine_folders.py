"""Whole runs over folders with odd names, many folders, and folders that only people can tell."""

import pytest

from faults.conftest import OpenProduct
from faults.engine import deliver, filled
from servers.honest_imap import Answer, Command
from servers.imap_quirks import add_lines, edit_lines, only

ODD_NAMES = (
    b'"bad&zzz"',
    b'"&"',
    b'"&AA"',
    b'"&2D3-"',
    b"12",
    b'"../../etc/passwd"',
    b'"/absolute"',
    b'"a\\"b\\\\c"',
    b'"100%"',
    b'"star*"',
    b'"trailing "',
    b'""',
    b"NIL",
    b'"' + b"n" * 5000 + b'"',
    b'"x\x1b[2J"',
    b'"caf\xc3\xa9"',
    b'"\xff\xfe"',
    b"{4}\r\na\r\nb",
    b'"; DROP TABLE crm_messages; --"',
    b'"&ZeVnLIqe-"',
    b'"cafe\xcc\x81"',
    b'"mailbox__sales"',
    b'"CON"',
    b'"\t"',
    b'"{{ 7*7 }}"',
)


@pytest.mark.row("R081", "R082", "R083")
@pytest.mark.parametrize("name", ODD_NAMES)
def test_run_odd_folder_name_harms_no_other_folder(beside: OpenProduct, name: bytes) -> None:
    with beside(filled(3), add_lines("LIST", b'* LIST () "/" ' + name + b"\r\n")) as product:
        product.run_fine()
        product.expect_inbox()


@pytest.mark.row("R081", "R082", "R083")
def test_run_all_odd_folder_names_at_once_harm_nothing(beside: OpenProduct) -> None:
    lines = [b"* LIST () NIL " + name + b"\r\n" for name in ODD_NAMES]
    with beside(filled(3), add_lines("LIST", *lines)) as product:
        product.run_fine()
        product.expect_inbox()


@pytest.mark.row("R062", "R081", "R082")
@pytest.mark.parametrize("raw", [b"bad&zzz", b"&AA", b"caf\xc3\xa9", b"../../etc", b'a\\"b'])
def test_run_folder_whose_name_does_not_decode_is_read_by_its_bytes(
    beside: OpenProduct, raw: bytes
) -> None:
    mailbox = filled(1)
    mailbox.create_folder("odd")
    deliver(mailbox.folders["odd"], "inside")

    def rename(command: Command, answer: Answer) -> Answer:
        answer.lines = [line.replace(b'"odd"', b'"' + raw + b'"') for line in answer.lines]
        return answer

    with beside(mailbox, only("LIST", rename)) as product:
        product.honest.aliases = {raw.replace(b'\\"', b'"'): "odd"}
        listed = raw.replace(b'\\"', b'"').decode("utf-8")
        product.run_fine(folders=["INBOX", listed])
        product.expect_all("m1", "inside")
        assert (listed,) in product.rows("SELECT DISTINCT folder FROM crm_message_sightings")


@pytest.mark.row("R084")
@pytest.mark.parametrize("spelling", ["INBOX", "inbox", "Inbox"])
def test_run_inbox_in_any_spelling_is_one_folder(beside: OpenProduct, spelling: str) -> None:
    more = add_lines("LIST", b'* LIST () "/" inbox\r\n* LIST () "/" "InBoX"\r\n')
    with beside(filled(3), more, folders=(spelling,)) as product:
        product.run_fine()
        product.run_fine(folders=["INBOX", "inbox"])
        product.expect_inbox()
        assert {row[0] for row in product.sightings()} == {"INBOX"}


@pytest.mark.row("R084")
def test_run_names_equal_after_normalisation_are_two_folders(beside: OpenProduct) -> None:
    mailbox = filled(0)
    for name in ("caf\u00e9", "cafe\u0301", "Caf\u00e9"):
        deliver(mailbox.create_folder(name), f"in {len(mailbox.folders)}")
    names = [name for name in mailbox.folders if name != "INBOX"]
    with beside(mailbox, folders=names) as product:
        product.run_fine()
        assert {row[0] for row in product.sightings()} == set(names)
        assert len(product.subjects()) == 3


@pytest.mark.row("R085")
@pytest.mark.parametrize(
    "name",
    [
        *("Sent", "Sent Items", "Gesendet", "Gesendete Elemente", "Objets envoyés", "Enviados"),
        *("Posta inviata", "Verzonden items", "Отправленные", "已发送", "送信済みアイテム"),
    ],
)
@pytest.mark.parametrize("is_marked", [True, False])
def test_run_sent_folder_is_found_by_mark_or_by_name(
    beside: OpenProduct, name: str, is_marked: bool
) -> None:
    mailbox = filled(1)
    sent = mailbox.create_folder("Objekte 7" if is_marked else name)
    if is_marked:
        decoy = mailbox.create_folder(name)
        deliver(decoy, "decoy")
        sent.attributes = frozenset({"\\Sent"})
    deliver(sent, "sent by us", sender="sales@acme.example", to="ada@customer.example")
    with beside(mailbox, folders=("INBOX", "\\Sent")) as product:
        product.run_fine()
        product.expect_all("m1", "sent by us")


@pytest.mark.row("R085")
def test_run_sent_folder_that_nothing_tells_is_asked_for(beside: OpenProduct) -> None:
    mailbox = filled(2)
    mailbox.create_folder("Foo")
    with beside(mailbox, folders=("INBOX", "\\Sent")) as product:
        assert "\\\\Sent" in product.run_badly() or "\\Sent" in product.run_badly()
        product.expect_all("m1", "m2")


@pytest.mark.row("R086")
def test_run_ten_thousand_folders_and_unselectable_parents_are_passed_over(
    beside: OpenProduct,
) -> None:
    mailbox = filled(3)
    mailbox.create_folder("parent").selectable = False
    lines = [b'* LIST (\\HasNoChildren) "/" "f/%d"\r\n' % n for n in range(10_000)]
    lines += [b'* LIST (\\NonExistent) "/" ghost\r\n']
    with beside(mailbox, add_lines("LIST", *lines)) as product:
        report = product.run()
        assert report.failure is None
        assert report.commands_sent <= 20
        product.expect_inbox()
        assert "parent" in product.run_badly(folders=["parent"])
        assert "ghost" in product.run_badly(folders=["ghost"])


@pytest.mark.row("R043", "R062")
def test_run_odd_flags_are_kept_as_text(beside: OpenProduct) -> None:
    flags = b"FLAGS (\\Seen $Label1 NonJunk \\*weird \xff"

    def change(line: bytes, uid: int) -> bytes:
        return line.replace(b"FLAGS (\\Seen", flags, 1)

    with beside(filled(3), edit_lines(change)) as product:
        product.run_fine()
        product.expect_inbox()
