"""`MailReader` and `MailServers` over a mailbox in memory."""

import contextlib
import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from mailcrm.errors import FolderMissingError, ServerRefusedError, ServerUnreachableError
from mailcrm.ports import StageCallback
from mailcrm.records import (
    Credential,
    Direction,
    FetchedMessage,
    FolderEntry,
    FolderStatus,
    ListedMessage,
    Mailbox,
    SearchCriteria,
    VerifyResult,
    VerifyState,
)

__all__ = ["FakeFolder", "FakeMailReader", "FakeMailServers", "FakeMailbox", "FakeMessage"]


@dataclass(slots=True)
class FakeMessage:
    """One message; `internaldate` None is one that the server cannot tell."""

    raw: bytes
    internaldate: dt.datetime | None
    flags: tuple[str, ...] = ()


@dataclass(slots=True)
class FakeFolder:
    """One folder. `withheld` uids are listed but never given, `refused` ones answered with NO."""

    uidvalidity: int | None = 1
    messages: dict[int, FakeMessage] = field(default_factory=dict)
    attributes: frozenset[str] = frozenset()
    selectable: bool = True
    uidnext: int = 1
    withheld: set[int] = field(default_factory=set)
    refused: set[int] = field(default_factory=set)

    def add(self, message: FakeMessage) -> int:
        """Put a message in; its uid."""
        uid = self.uidnext
        self.messages[uid] = message
        self.uidnext += 1
        return uid


@dataclass(slots=True)
class FakeMailbox:
    """All folders of one user, in the order in which they are listed."""

    folders: dict[str, FakeFolder] = field(default_factory=lambda: {"INBOX": FakeFolder()})
    next_uidvalidity: int = 2

    def create_folder(self, name: str, *attributes: str) -> FakeFolder:
        """A new folder under a uidvalidity that was never used here."""
        folder = FakeFolder(uidvalidity=self.next_uidvalidity, attributes=frozenset(attributes))
        self.next_uidvalidity += 1
        self.folders[name] = folder
        return folder


class FakeMailReader:
    """Reads a `FakeMailbox`; `mailbox_id` is for the errors."""

    def __init__(self, mailbox: FakeMailbox, mailbox_id: str = "sales") -> None:
        self.bytes_received = 0
        self.commands_sent = 0
        self.waited_s = 0.0
        self._mailbox = mailbox
        self._mailbox_id = mailbox_id
        self._folder = FakeFolder(selectable=False)
        self._is_open = True

    def list_folders(self) -> Sequence[FolderEntry]:
        self._count()
        return [
            FolderEntry(name, folder.attributes, folder.selectable)
            for name, folder in self._mailbox.folders.items()
        ]

    def examine(self, folder: str) -> FolderStatus:
        self._count()
        name = "INBOX" if folder.upper() == "INBOX" else folder
        if name not in self._mailbox.folders:
            raise FolderMissingError(mailbox_id=self._mailbox_id, folder=folder)
        self._folder = self._mailbox.folders[name]
        if not self._folder.selectable:
            raise self._refusal("EXAMINE")
        found = self._folder
        return FolderStatus(folder, found.uidvalidity, found.uidnext, len(found.messages))

    def search_uids(self, criteria: SearchCriteria) -> Sequence[int]:
        self._count()
        high = criteria.uid_high or max(self._folder.messages, default=0)
        return sorted(
            uid
            for uid, message in self._folder.messages.items()
            if criteria.uid_low <= uid <= high and _fits(message.internaldate, criteria)
        )

    def count_outside(self, criteria: SearchCriteria) -> int:
        self._count()
        if criteria.since is None and criteria.before is None:
            return 0
        whole = SearchCriteria(None, None, criteria.uid_low, criteria.uid_high)
        return len(self.search_uids(whole)) - len(self.search_uids(criteria))

    def enumerate_uids(self, criteria: SearchCriteria) -> Sequence[int]:
        return self.search_uids(criteria)

    def uid_anchors(self, step: int) -> Sequence[int]:
        self._count()
        return sorted(self._folder.messages)[::step]

    def fetch_listing(self, uids: Sequence[int]) -> Iterator[ListedMessage]:
        self._count()
        found = [(uid, self._folder.messages[uid]) for uid in self._present(uids)]
        return iter([ListedMessage(uid, m.internaldate, len(m.raw)) for uid, m in found])

    def fetch_messages(self, uids: Sequence[int], cap_bytes: int) -> Iterator[FetchedMessage]:
        self._count()
        if self._folder.refused.intersection(uids):
            raise self._refusal("UID FETCH")
        messages = []
        for uid in self._present(uids):
            found = self._folder.messages[uid]
            if uid not in self._folder.withheld:
                raw, size = found.raw[:cap_bytes], len(found.raw)
                self.bytes_received += len(raw)
                messages.append(
                    FetchedMessage(
                        uid, found.internaldate, size, found.flags, raw, size <= cap_bytes
                    )
                )
        return iter(messages)

    def fetch_headers(self, uids: Sequence[int], fields: Sequence[str]) -> Iterator[FetchedMessage]:
        self._count()
        wanted = {name.lower().encode() for name in fields}
        for uid in self._present(uids):
            found = self._folder.messages[uid]
            raw = _header_fields(found.raw, wanted)
            self.bytes_received += len(raw)
            yield FetchedMessage(
                uid, found.internaldate, len(found.raw), found.flags, raw, is_whole=False
            )

    def fetch_outlines(self, uids: Sequence[int], cap_bytes: int) -> Iterator[FetchedMessage]:
        """Of no message: every one is read whole."""
        self._count()
        return iter(())

    def close(self) -> None:
        self._is_open = False

    def _present(self, uids: Sequence[int]) -> list[int]:
        return sorted(uid for uid in set(uids) if uid in self._folder.messages)

    def _count(self) -> None:
        self.commands_sent += 1
        if not self._is_open:
            raise ServerUnreachableError(
                protocol="imap", host="fake", port=143, detail="the connection is closed"
            )

    def _refusal(self, command: str) -> ServerRefusedError:
        return ServerRefusedError(
            protocol="imap", host="fake", command=command, detail="NO not this one"
        )


class FakeMailServers:
    """`MailServers` whose users all have the same `FakeMailbox`, and whose answers are settable."""

    def __init__(self, mailbox: FakeMailbox) -> None:
        self.mailbox = mailbox
        self.imap_error: Exception | None = None
        self.states = dict.fromkeys(Direction, VerifyState.OK)

    @contextlib.contextmanager
    def open_reader(self, mailbox: Mailbox, credential: Credential) -> Iterator[FakeMailReader]:
        if self.imap_error is not None:
            raise self.imap_error
        reader = FakeMailReader(self.mailbox, mailbox.id)
        try:
            yield reader
        finally:
            reader.close()

    def probe_imap(
        self, mailbox: Mailbox, credential: Credential, on_stage: StageCallback | None = None
    ) -> VerifyResult:
        return self._result(mailbox, Direction.IMAP)

    def probe_smtp(
        self, mailbox: Mailbox, credential: Credential, on_stage: StageCallback | None = None
    ) -> VerifyResult:
        return self._result(mailbox, Direction.SMTP)

    def _result(self, mailbox: Mailbox, direction: Direction) -> VerifyResult:
        endpoint = mailbox.endpoint(direction)
        stage = "folders" if direction is Direction.IMAP else "identity"
        return VerifyResult(
            direction,
            self.states[direction],
            stage,
            endpoint.host,
            endpoint.port,
            endpoint.encryption,
        )


def _header_fields(raw: bytes, wanted: set[bytes]) -> bytes:
    """The named fields with their folded lines, as a server gives them."""
    lines: list[bytes] = []
    is_wanted = False
    for line in raw.splitlines(keepends=True):
        if not line.strip():
            break
        if not line[:1].isspace():
            is_wanted = line.partition(b":")[0].strip().lower() in wanted
        lines += [line] if is_wanted else []
    return b"".join(lines) + b"\r\n"


def _fits(date: dt.datetime | None, criteria: SearchCriteria) -> bool:
    if date is None:
        return True
    after = criteria.since is None or date.date() >= criteria.since
    return after and (criteria.before is None or date.date() < criteria.before)
