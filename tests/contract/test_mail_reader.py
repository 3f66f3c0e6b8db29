"""`MailReader`: one suite for the fake and for the adapter on three servers that others wrote.

Known limits of mail-devel, which the suite steps around: it creates every folder that somebody
opens (so none is ever missing), it never changes uidvalidity, and it has no special-use folders.
Cyrus keeps every folder below INBOX, and allows neither quotes nor backslashes in their names.
"""

import contextlib
import datetime as dt
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import pytest

from fakes.mail_reader import FakeMailbox, FakeMailReader, FakeMessage
from mailcrm.adapters.imap import open_imap
from mailcrm.errors import FolderMissingError, ServerUnreachableError
from mailcrm.ports import MailReader
from mailcrm.records import Credential, SearchCriteria
from mailcrm.settings import Settings
from servers.fixtures_imap import BOTH
from servers.imap_user import Append, ImapUser
from servers.mail_devel import MailDevelServer
from servers.mailboxes import make_mailbox

DAY = dt.datetime(2026, 11, 15, 12, 0, 0, tzinfo=dt.UTC)
CAP = 10_000


def raw_message(number: int, size: int = 0) -> bytes:
    head = f"From: ann@customer.example\r\nSubject: message {number}\r\n\r\nHello {number}\r\n"
    return head.encode() + b"0123456789abcdef\r\n" * (size // 18)


class Backend(Protocol):
    """A user's mailbox somewhere, to fill and to read."""

    can_miss_folders: bool
    odd_name: str

    def folder(self, name: str) -> str: ...

    def append(self, folder: str, *messages: Append) -> None: ...

    def expunge(self, folder: str, uids: Sequence[int]) -> None: ...

    def reader(self) -> contextlib.AbstractContextManager[MailReader]: ...


ODD_NAME = 'quo"te\\d'


class FakeBackend:
    can_miss_folders = True
    odd_name = ODD_NAME

    def __init__(self) -> None:
        self.mailbox = FakeMailbox()

    def folder(self, name: str) -> str:
        return name

    def append(self, folder: str, *messages: Append) -> None:
        target = self.mailbox.folders.get(folder) or self.mailbox.create_folder(folder)
        for message in messages:
            target.add(FakeMessage(message.raw, message.internaldate, message.flags))

    def expunge(self, folder: str, uids: Sequence[int]) -> None:
        for uid in uids:
            del self.mailbox.folders[folder].messages[uid]

    @contextlib.contextmanager
    def reader(self) -> Iterator[MailReader]:
        reader = FakeMailReader(self.mailbox)
        yield reader
        reader.close()


@dataclass
class RealBackend:
    user: ImapUser
    odd_name: str = ODD_NAME
    can_miss_folders = True

    def folder(self, name: str) -> str:
        return self.user.folder(name)

    def append(self, folder: str, *messages: Append) -> None:
        self.user.append(folder, *messages)

    def expunge(self, folder: str, uids: Sequence[int]) -> None:
        self.user.expunge(folder, uids)

    def reader(self) -> contextlib.AbstractContextManager[MailReader]:
        server = self.user.server
        credential = Credential(self.user.name, server.password)
        return open_imap(make_mailbox(imap_port=server.imap_port), credential, Settings())


@dataclass
class MailDevelBackend:
    server: MailDevelServer
    user: str
    can_miss_folders = False
    odd_name = ODD_NAME

    def folder(self, name: str) -> str:
        return name

    def append(self, folder: str, *messages: Append) -> None:
        with self.server.connect(self.user) as client:
            if not client.folder_exists(folder):
                client.create_folder(folder)
            for message in messages:
                client.append(folder, message.raw, message.flags, message.internaldate)

    def expunge(self, folder: str, uids: Sequence[int]) -> None:
        with self.server.connect(self.user) as client:
            client.select_folder(folder)
            client.delete_messages(list(uids))
            client.expunge()

    def reader(self) -> contextlib.AbstractContextManager[MailReader]:
        credential = Credential(self.user, self.server.password)
        return open_imap(make_mailbox(imap_port=self.server.imap_port), credential, Settings())


@pytest.fixture(params=["fake", *BOTH, "mail_devel"])
def backend(request: pytest.FixtureRequest) -> Backend:
    if request.param == "fake":
        return FakeBackend()
    if request.param == "dovecot":
        return RealBackend(request.getfixturevalue("dovecot_user"))
    if request.param == "cyrus":
        return RealBackend(request.getfixturevalue("cyrus_user"), "#odd's (na~me)")
    user = f"{uuid.uuid4().hex[:12]}@acme.example"
    return MailDevelBackend(request.getfixturevalue("mail_devel"), user)


def fill(backend: Backend, count: int, folder: str = "INBOX") -> Sequence[int]:
    """Messages 1 to `count`, one hour apart, the odd ones seen; their uids."""
    messages = [
        Append(raw_message(n), DAY + dt.timedelta(hours=n - 1), ("\\Seen",) if n % 2 else ())
        for n in range(1, count + 1)
    ]
    backend.append(folder, *messages)
    with backend.reader() as reader:
        reader.examine(folder)
        return reader.search_uids(everything())


def everything(uid_low: int = 1, uid_high: int | None = None) -> SearchCriteria:
    return SearchCriteria(None, None, uid_low, uid_high)


def test_list_folders_after_creation_names_each_once(backend: Backend) -> None:
    plain = [backend.folder(name) for name in ("Work", "Entwürfe", "a & b")]
    odd = backend.folder(backend.odd_name)
    for name in (*plain, odd):
        backend.append(name, Append(raw_message(1), DAY))
    with backend.reader() as reader:
        entries = {entry.name: entry for entry in reader.list_folders()}
        assert {"INBOX", *plain, odd} <= entries.keys()
        assert all(entries[name].selectable for name in ("INBOX", *plain[:2]))
        for name in (*plain, odd):
            assert reader.examine(name).exists == 1


def test_examine_empty_folder_counts_nothing(backend: Backend) -> None:
    with backend.reader() as reader:
        status = reader.examine("INBOX")
        assert (status.exists, status.uidnext) == (0, status.uidnext or 1)
        assert status.uidvalidity is not None
        assert list(reader.search_uids(everything())) == []
        assert list(reader.uid_anchors(10)) == []
        assert list(reader.fetch_listing([1, 2])) == []
        assert list(reader.fetch_messages([1, 2], CAP)) == []


def test_examine_inbox_in_any_case_opens_inbox(backend: Backend) -> None:
    fill(backend, 2)
    with backend.reader() as reader:
        assert reader.examine("inbox").exists == 2


def test_examine_unknown_folder_raises_folder_missing(backend: Backend) -> None:
    if not backend.can_miss_folders:
        pytest.skip("this server creates folders that somebody opens")
    with backend.reader() as reader:
        with pytest.raises(FolderMissingError):
            reader.examine(backend.folder("Nowhere"))
        assert reader.examine("INBOX").exists == 0


def test_search_uids_in_range_is_ascending_and_inside(backend: Backend) -> None:
    fill(backend, 7)
    with backend.reader() as reader:
        reader.examine("INBOX")
        uids = list(reader.search_uids(everything()))
        assert uids == sorted(set(uids))
        assert len(uids) == 7
        assert list(reader.search_uids(everything(uids[2], uids[4]))) == uids[2:5]
        assert list(reader.search_uids(everything(uids[-1] + 1))) == []
        assert list(reader.search_uids(everything(uids[-1] + 1, uids[-1] + 500))) == []


def test_search_uids_by_date_takes_whole_days(backend: Backend) -> None:
    midnight = dt.datetime(2026, 11, 16, tzinfo=dt.UTC)
    dates = [midnight - dt.timedelta(seconds=1), midnight, midnight + dt.timedelta(days=1)]
    backend.append("INBOX", *[Append(raw_message(n), date) for n, date in enumerate(dates)])
    with backend.reader() as reader:
        reader.examine("INBOX")
        since = SearchCriteria(dt.date(2026, 11, 16), None)
        before = SearchCriteria(None, dt.date(2026, 11, 16))
        both = SearchCriteria(dt.date(2026, 11, 16), dt.date(2026, 11, 17))
        found = [[uid - 1 for uid in reader.search_uids(c)] for c in (since, before, both)]
        first = reader.search_uids(everything())[0] - 1
        assert [[n - first for n in group] for group in found] == [[1, 2], [0], [1]]


def test_uid_anchors_cut_windows_of_step_messages(backend: Backend) -> None:
    before = fill(backend, 7)
    backend.expunge("INBOX", [before[1]])
    with backend.reader() as reader:
        reader.examine("INBOX")
        uids = list(reader.search_uids(everything()))
        assert list(reader.uid_anchors(1)) == uids
        assert list(reader.uid_anchors(4)) == [uids[0], uids[4]]
        assert list(reader.uid_anchors(100)) == uids[:1]


def test_fetch_listing_gives_date_and_size_of_present_uids(backend: Backend) -> None:
    uids = fill(backend, 3)
    backend.expunge("INBOX", [uids[1]])
    with backend.reader() as reader:
        reader.examine("INBOX")
        asked = [uids[2], uids[0], uids[1], uids[2] + 96]
        rows = {row.uid: row for row in reader.fetch_listing(asked)}
    assert rows.keys() == {uids[0], uids[2]}
    assert rows[uids[0]].internaldate == DAY
    assert rows[uids[2]].internaldate == DAY + dt.timedelta(hours=2)
    assert rows[uids[2]].size_bytes == len(raw_message(3))


def test_fetch_messages_gives_bytes_dates_and_flags(backend: Backend) -> None:
    uids = fill(backend, 3)
    with backend.reader() as reader:
        reader.examine("INBOX")
        rows = {row.uid: row for row in reader.fetch_messages(uids, CAP)}
    assert [rows[uid].raw for uid in uids] == [raw_message(n) for n in (1, 2, 3)]
    assert [rows[uid].flags for uid in uids] == [("\\Seen",), (), ("\\Seen",)]
    assert rows[uids[1]].internaldate == DAY + dt.timedelta(hours=1)
    assert all(row.is_whole and row.size_bytes == len(row.raw) for row in rows.values())


def test_fetch_messages_absent_uid_is_left_out(backend: Backend) -> None:
    uids = fill(backend, 3)
    backend.expunge("INBOX", [uids[1]])
    with backend.reader() as reader:
        reader.examine("INBOX")
        found = sorted(row.uid for row in reader.fetch_messages([*uids, uids[2] + 1], CAP))
    assert found == [uids[0], uids[2]]


def test_fetch_messages_above_cap_is_cut_and_marked(backend: Backend) -> None:
    large = raw_message(1, size=50_000)
    exact = raw_message(2, size=9_000)
    backend.append("INBOX", Append(large, DAY), Append(exact, DAY))
    with backend.reader() as reader:
        reader.examine("INBOX")
        uids = reader.search_uids(everything())
        rows = {row.uid: row for row in reader.fetch_messages(uids, len(exact))}
    cut, whole = (rows[uid] for uid in uids)
    assert cut.raw == large[: len(exact)]
    assert not cut.is_whole
    assert cut.size_bytes == len(large)
    assert whole.raw == exact
    assert whole.is_whole


def test_counters_grow_with_what_is_asked(backend: Backend) -> None:
    uids = fill(backend, 2)
    with backend.reader() as reader:
        reader.examine("INBOX")
        before = reader.commands_sent, reader.bytes_received
        messages = list(reader.fetch_messages(uids, CAP))
        assert reader.commands_sent == before[0] + 1
        assert reader.bytes_received >= before[1] + sum(len(m.raw) for m in messages)


def test_closed_reader_raises_unreachable(backend: Backend) -> None:
    with backend.reader() as reader:
        reader.close()
        with pytest.raises(ServerUnreachableError):
            reader.list_folders()
        reader.close()


def test_count_outside_and_search_add_up_to_the_folder(backend: Backend) -> None:
    days = [DAY + dt.timedelta(days=n) for n in range(-6, 7, 2)]
    backend.append("INBOX", *(Append(raw_message(n), day) for n, day in enumerate(days)))
    criteria = SearchCriteria(DAY.date(), (DAY + dt.timedelta(days=3)).date())
    with backend.reader() as reader:
        status = reader.examine("INBOX")
        inside = reader.search_uids(criteria)
        assert len(inside) == 2
        assert len(inside) + reader.count_outside(criteria) == status.exists
        assert reader.count_outside(SearchCriteria(None, None)) == 0


def test_enumerate_uids_finds_what_search_finds(backend: Backend) -> None:
    days = [DAY + dt.timedelta(days=n) for n in range(-6, 7, 2)]
    backend.append("INBOX", *(Append(raw_message(n), day) for n, day in enumerate(days)))
    criteria = SearchCriteria(DAY.date(), (DAY + dt.timedelta(days=3)).date())
    with backend.reader() as reader:
        reader.examine("INBOX")
        assert list(reader.enumerate_uids(criteria)) == list(reader.search_uids(criteria))


def test_fetch_headers_gives_the_named_fields_only(backend: Backend) -> None:
    backend.append("INBOX", Append(raw_message(1), DAY))
    with backend.reader() as reader:
        reader.examine("INBOX")
        uids = reader.search_uids(SearchCriteria(None, None))
        (found,) = reader.fetch_headers(uids, ("SUBJECT", "MESSAGE-ID"))
    assert found.raw.split(b"\r\n")[0].lower() == b"subject: message 1"
    assert b"From" not in found.raw
    assert (found.internaldate, found.size_bytes) == (DAY, len(raw_message(1)))
    assert not found.is_whole
