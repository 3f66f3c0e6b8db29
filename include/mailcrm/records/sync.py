"""What travels between the server's listing, the ledger and the certificate."""

import datetime as dt
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Any

# No mail is older; what servers make up for broken dates is mostly 1904, 1969 or 1970.
EARLIEST_DAY = dt.date(1900, 1, 1)


@dataclass(frozen=True, slots=True)
class Window:
    """Half-open [since, until) over internaldate, aware UTC.

    `until` None is open: a run that names no end also takes mail whose server clock runs ahead.
    """

    since: dt.datetime
    until: dt.datetime | None = None

    def contains(self, moment: dt.datetime) -> bool:
        """Whether a message that arrived at `moment` lies inside."""
        return self.since <= moment and (self.until is None or moment < self.until)


@dataclass(frozen=True, slots=True)
class SearchCriteria:
    """What to ask the server: dates a day wider than the window, and a uid range.

    `since` and `before` are IMAP dates (no time, no zone); None leaves that side open.
    `uid_high` None means up to the folder's last message.
    """

    since: dt.date | None
    before: dt.date | None
    uid_low: int = 1
    uid_high: int | None = None


@dataclass(frozen=True, slots=True)
class FolderEntry:
    r"""One line of the server's folder list; `attributes` are lower-case, such as `\sent`."""

    name: str
    attributes: frozenset[str]
    selectable: bool


@dataclass(frozen=True, slots=True)
class FolderStatus:
    """What EXAMINE said. `uidvalidity` and `uidnext` are None where the server left them out."""

    name: str
    uidvalidity: int | None
    uidnext: int | None
    exists: int
    highestmodseq: int | None = None


@dataclass(frozen=True, slots=True)
class ListedMessage:
    """A message as listed, before it is read. `internaldate` is aware UTC, None if unreadable."""

    uid: int
    internaldate: dt.datetime | None
    size_bytes: int


@dataclass(frozen=True, slots=True)
class FetchedMessage:
    """A message as read. `raw` is what the server sent; not `is_whole` where it was capped.

    Where parts were left out, `omitted` has the IMAP number of each, and of attachments the decoded
    size in bytes; `raw` is the message without most of their bytes: good to parse, not to keep.
    """

    uid: int
    internaldate: dt.datetime | None
    size_bytes: int
    flags: tuple[str, ...]
    raw: bytes
    is_whole: bool = True
    omitted: tuple[tuple[str, int], ...] = ()


class LedgerState(StrEnum):
    """The state of one uid in one generation.

    `outside` is known but not asked for by any window yet; `listed`, `staged` and `unavailable`
    are open (a later run takes them up); the rest are final.
    """

    OUTSIDE = "outside"
    LISTED = "listed"
    STAGED = "staged"
    UNAVAILABLE = "unavailable"
    PUBLISHED = "published"
    DUPLICATE = "duplicate"
    EXCLUDED = "excluded"
    QUARANTINED = "quarantined"
    VANISHED = "vanished"

    @property
    def is_final(self) -> bool:
        """Whether later runs leave the uid alone."""
        return self in _FINAL


_FINAL = frozenset(
    {
        LedgerState.PUBLISHED,
        LedgerState.DUPLICATE,
        LedgerState.EXCLUDED,
        LedgerState.QUARANTINED,
        LedgerState.VANISHED,
    }
)


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """One ledger row: what is known of one uid; `batch_id` is the batch that holds or ended it."""

    uid: int
    state: LedgerState
    internaldate: dt.datetime | None
    size_bytes: int
    batch_id: str | None = None


@dataclass(frozen=True, slots=True)
class Generation:
    """One life of a folder under one uidvalidity; `number` counts 1, 2, … per folder."""

    generation_id: int
    mailbox_id: str
    folder: str
    number: int
    uidvalidity: int


@dataclass(frozen=True, slots=True)
class Lease:
    """The right of one run to write for its mailbox; every commit checks `token`."""

    mailbox_id: str
    run_id: str
    batch_id: str
    token: int


@dataclass(frozen=True, slots=True)
class FolderSlice:
    """A part of one folder's open messages, read by one task: uids in [uid_low, uid_high]."""

    folder: str
    generation_id: int
    uid_low: int
    uid_high: int
    message_count: int
    size_bytes: int


@dataclass(frozen=True, slots=True)
class FolderCertificate:
    """Where each listed message of one folder ended up in one run.

    `listed` was counted while listing; all others are counted from the ledger afterwards.
    """

    folder: str
    generation: int
    uidvalidity: int
    listed: int
    published: int = 0
    duplicate: int = 0
    excluded: int = 0
    quarantined: int = 0
    vanished: int = 0
    unavailable: int = 0
    pending: int = 0
    already_covered: int = 0

    @property
    def balanced(self) -> bool:
        """Whether the ends add up to what was listed."""
        ends = (int(getattr(self, name)) for name in COUNT_NAMES if name != "listed")
        return self.listed == sum(ends)


COUNT_NAMES = tuple(
    f.name
    for f in fields(FolderCertificate)
    if f.name not in ("folder", "generation", "uidvalidity")
)


@dataclass(frozen=True, slots=True)
class Certificate:
    """The account of one run, folder by folder."""

    folders: tuple[FolderCertificate, ...]

    def total(self, name: str) -> int:
        """The sum of one count over all folders; `name` is one of COUNT_NAMES."""
        return sum(getattr(folder, name) for folder in self.folders)

    def to_json(self) -> list[dict[str, Any]]:
        """The folders as plain values, with the stable keys of `run --json`."""
        return [
            {
                "folder": folder.folder,
                "generation": folder.generation,
                "uidvalidity": folder.uidvalidity,
                **{name: getattr(folder, name) for name in COUNT_NAMES},
                "balanced": folder.balanced,
            }
            for folder in self.folders
        ]

    @property
    def balanced(self) -> bool:
        """Whether every folder balances."""
        return all(folder.balanced for folder in self.folders)

    @property
    def is_complete(self) -> bool:
        """Balanced, and nothing is left for a later run."""
        return self.balanced and not (self.total("pending") or self.total("unavailable"))
