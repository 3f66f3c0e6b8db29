"""The scripted server's honest mode says what Dovecot says of the same mailbox."""

import datetime as dt
from typing import Any

import pytest

from fakes.mail_reader import FakeMailbox, FakeMessage
from faults.world import NOW, letter
from mailcrm.adapters.imap import open_imap
from mailcrm.dedupe import RELINK_FIELDS
from mailcrm.records import Credential, FolderEntry, SearchCriteria
from mailcrm.settings import Settings
from servers.dovecot import Append, DovecotUser
from servers.honest_imap import CAPABILITIES, PLAIN_CAPABILITIES, run_honest_imap
from servers.mailboxes import make_mailbox

pytestmark = pytest.mark.needs_dovecot

HOUR = dt.timedelta(hours=1)
DAYS = (dt.date(2026, 11, 11), dt.date(2026, 11, 18))
CRITERIA = (
    SearchCriteria(None, None),
    SearchCriteria(DAYS[0], None),
    SearchCriteria(None, DAYS[1]),
    SearchCriteria(*DAYS),
    SearchCriteria(*DAYS, 4, 9),
    SearchCriteria(None, None, 100, None),
    SearchCriteria(dt.date(2030, 1, 1), None),
)
FLAGS = ((), ("\\Seen",), ("\\Answered", "\\Seen"))


def messages() -> list[FakeMessage]:
    """Odd sizes, flags, folded headers, and two hours of every second day."""
    found = []
    for number in range(12):
        arrived = NOW - number * 20 * HOUR
        folded = "X-Long: one\r\n two\r\n\tthree"
        raw = letter(f"n{number}", arrived, folded, body="Line\r\n" * number * 10)
        found.append(FakeMessage(raw, arrived, FLAGS[number % 3]))
    return found


def transcript(port: int, login: str, password: str) -> dict[str, Any]:
    """What one session finds, in our records; without the server's own uidvalidity."""
    credential = Credential(login, password)
    found: dict[str, Any] = {}
    with open_imap(make_mailbox(imap_port=port), credential, Settings()) as reader:
        folders = sorted(reader.list_folders(), key=lambda entry: entry.name)
        found["folders"] = [_without_children(entry) for entry in folders]
        for folder in ("INBOX", "Grüße & Küsse", "Sent"):
            status = reader.examine(folder)
            found[f"{folder} examine"] = (status.name, status.uidnext, status.exists)
            for number, criteria in enumerate(CRITERIA):
                found[f"{folder} search {number}"] = list(reader.search_uids(criteria))
                found[f"{folder} outside {number}"] = reader.count_outside(criteria)
                found[f"{folder} enumerate {number}"] = list(reader.enumerate_uids(criteria))
            found[f"{folder} anchors"] = list(reader.uid_anchors(5))
            uids = [2, 3, 5, 9, 77]
            found[f"{folder} listing"] = _sorted(reader.fetch_listing(uids))
            found[f"{folder} bodies"] = _sorted(reader.fetch_messages(uids, 10_000))
            found[f"{folder} cut"] = _sorted(reader.fetch_messages(uids, 300))
            found[f"{folder} headers"] = _sorted(reader.fetch_headers(uids, RELINK_FIELDS))
    return found


def _without_children(entry: FolderEntry) -> Any:
    special = {"\\sent", "\\drafts"} & entry.attributes
    return entry.name, sorted(special), entry.selectable


def _sorted(rows: Any) -> list[Any]:
    return sorted(rows, key=lambda row: row.uid)


@pytest.mark.parametrize("capabilities", [CAPABILITIES, PLAIN_CAPABILITIES])
def test_honest_server_same_mailbox_same_transcript_as_dovecot(
    dovecot_user: DovecotUser, capabilities: str
) -> None:
    mailbox = FakeMailbox()
    mailbox.create_folder("Grüße & Küsse")
    mailbox.create_folder("Sent", "\\Sent")
    mailbox.create_folder("Drafts", "\\Drafts")
    for folder in ("INBOX", "Grüße & Küsse"):
        for message in messages():
            mailbox.folders[folder].add(message)
        dovecot_user.append(folder, *(Append(m.raw, m.internaldate, m.flags) for m in messages()))
        del mailbox.folders[folder].messages[3]
        dovecot_user.expunge(folder, [3])
    with run_honest_imap(mailbox) as server:
        server.capabilities = capabilities
        ours = transcript(server.port, "ann", "none")
    dovecot = dovecot_user.server
    theirs = transcript(dovecot.imap_port, dovecot_user.name, dovecot.password)
    assert len(theirs["INBOX search 0"]) == 11
    assert {key: ours[key] for key in theirs} == theirs
