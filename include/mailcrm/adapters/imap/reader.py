"""`MailReader` over IMAP: every answer is checked against what was asked."""

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any, Final, NoReturn

from mailcrm.adapters.dial import StageCallback
from mailcrm.adapters.imap.answers import explain_refusal
from mailcrm.adapters.imap.connection import ImapConnection, connect_imap
from mailcrm.adapters.imap.dates import format_search_date
from mailcrm.adapters.imap.folders import FolderDirectory
from mailcrm.adapters.imap.lines import MalformedLineError, parse_fetch_line, read_uid
from mailcrm.adapters.imap.rows import (
    ANY_UID,
    Values,
    date_fits,
    is_in_range,
    read_date,
    read_listing,
    read_message,
    read_search,
    unique_rows,
)
from mailcrm.adapters.imap.uid_sets import plan_uid_sets
from mailcrm.adapters.imap.words import Reply
from mailcrm.errors import ServerRefusedError
from mailcrm.records import (
    Credential,
    FetchedMessage,
    FolderEntry,
    FolderStatus,
    ListedMessage,
    Mailbox,
    SearchCriteria,
)
from mailcrm.settings import Settings

__all__ = ["ImapReader", "open_imap"]

_LISTING_ITEMS: Final = b"(UID INTERNALDATE RFC822.SIZE)"
_LINE_BYTES: Final = 64 * 1024


@contextlib.contextmanager
def open_imap(
    mailbox: Mailbox,
    credential: Credential,
    settings: Settings,
    on_stage: StageCallback = lambda stage: None,
) -> Iterator["ImapReader"]:
    """Connect, log in once, and log out at the end.

    Args:
        mailbox: Its imap endpoint, trust and kind of login.
        credential: Tried once.
        settings: Timeouts and sizes.
        on_stage: Hears of resolve, connect, tls, greeting and authenticate as each begins.

    Raises:
        ImapCredentialError: the server refused the login; its text holds no secret.
        ServerUnreachableError, ThrottledError, UnsafeConnectionError, ServerRefusedError,
        SettingsError: see `connect_imap`.
    """
    connection = connect_imap(mailbox, settings, on_stage)
    try:
        on_stage("authenticate")
        reply = connection.login(credential)
        if not reply.is_ok:
            raise explain_refusal(mailbox, "authenticate", "LOGIN", reply) from None
        yield ImapReader(connection, settings)
    finally:
        connection.close()


class ImapReader:
    """One authenticated session, EXAMINE and BODY.PEEK only; implements `MailReader`."""

    def __init__(self, connection: ImapConnection, settings: Settings) -> None:
        """Take over a connection on which the login succeeded."""
        self._connection = connection
        self._imap = connection.imap
        self._mailbox = connection.mailbox
        self._settings = settings
        self._directory = FolderDirectory(connection)
        self._exists = 0
        self._knows_parts = True

    @property
    def bytes_received(self) -> int:
        """Bytes that the server sent, inside TLS where there is TLS."""
        return self._imap.wire.bytes_received

    @property
    def commands_sent(self) -> int:
        """Commands of this session, the login included."""
        return self._imap.commands_sent

    def list_folders(self) -> Sequence[FolderEntry]:
        """See `MailReader`."""
        return self._directory.list_folders()

    def examine(self, folder: str) -> FolderStatus:
        """See `MailReader`."""
        status = self._directory.examine(folder)
        self._exists = status.exists
        return status

    def search_uids(self, criteria: SearchCriteria) -> Sequence[int]:
        """See `MailReader`.

        Always inside a uid range: some servers answer a broad search with other numbers. Where
        the server refuses to search, leaves the answer out or says something else, the same
        question is asked of the messages themselves.

        Raises:
            ServerRefusedError, ServerUnreachableError, ThrottledError
        """
        high = "*" if criteria.uid_high is None else str(criteria.uid_high)
        if criteria.uid_high is not None and criteria.uid_high < criteria.uid_low:
            return []
        words = [f"UID {criteria.uid_low}:{high}"]
        if criteria.since is not None:
            words.append(f"SINCE {format_search_date(criteria.since)}")
        if criteria.before is not None:
            words.append(f"BEFORE {format_search_date(criteria.before)}")
        self._imap.take("SEARCH")
        reply = self._imap.execute("UID", b"SEARCH", " ".join(words).encode())
        uids = read_search(self._imap.take("SEARCH"))
        if not reply.is_ok:
            self._raise_if_throttled("UID SEARCH", reply)
            uids = None
        if uids is None and (self._imap_exists() or not reply.is_ok):
            uids = self._enumerate(criteria, f"{criteria.uid_low}:{high}")
        return sorted(uid for uid in uids or () if is_in_range(uid, criteria))

    def uid_anchors(self, step: int) -> Sequence[int]:
        """See `MailReader`."""
        numbers = range(1, self._imap_exists() + 1, step)
        found: set[int] = set()
        for spelled, asked in plan_uid_sets(numbers):
            reply, rows = self._fetch(b"FETCH", spelled, b"(UID)")
            if not reply.is_ok:
                self._refuse("FETCH", reply)
            for number, values in rows:
                uid = read_uid(values, ANY_UID)
                if number in asked and uid is not None:
                    found.add(uid)
        return sorted(found)

    def fetch_listing(self, uids: Sequence[int]) -> Iterator[ListedMessage]:
        """See `MailReader`.

        A uid that the server refuses to describe, asked alone, is listed without date and size:
        a refusal is no proof that it is gone.

        Raises:
            ServerUnreachableError, ThrottledError
        """
        listed: list[ListedMessage] = []
        for _, asked in plan_uid_sets(uids):
            listed += self._list_some(asked)
        return iter(listed)

    def fetch_messages(self, uids: Sequence[int], cap_bytes: int) -> Iterator[FetchedMessage]:
        """See `MailReader`.

        Raises:
            ServerRefusedError: the server refused the whole command; none of it is given.
            ServerUnreachableError, ThrottledError
        """
        messages: list[FetchedMessage] = []
        for spelled, asked in plan_uid_sets(uids):
            rows = self._fetch_bodies(spelled, len(asked), cap_bytes)
            found = (read_message(values, frozenset(asked), cap_bytes) for _, values in rows)
            messages += unique_rows(message for message in found if message is not None)
        return iter(messages)

    def close(self) -> None:
        """See `MailReader`."""
        self._connection.close()

    def _fetch_bodies(self, spelled: str, count: int, cap_bytes: int) -> list[tuple[int, Values]]:
        """One FETCH of at most `cap_bytes` each; a server that knows no parts gives the whole."""
        self._imap.keep_bytes = cap_bytes
        budget = cap_bytes + 4 * self._settings.fetch_chunk_bytes + _LINE_BYTES * count
        part = b"<0.%d>" % cap_bytes if self._knows_parts else b""
        items = b"(UID FLAGS INTERNALDATE RFC822.SIZE BODY.PEEK[]%s)" % part
        reply, rows = self._fetch(b"UID", spelled, items, budget)
        if reply.status == "BAD" and self._knows_parts:
            self._raise_if_throttled("UID FETCH", reply)
            self._knows_parts = False
            return self._fetch_bodies(spelled, count, cap_bytes)
        if not reply.is_ok:
            self._refuse("UID FETCH", reply)
        return rows

    def _imap_exists(self) -> int:
        """Messages in the folder, as last told."""
        for value in self._imap.take("EXISTS"):
            self._exists = int(value) if value.isdigit() else self._exists
        return self._exists

    def _list_some(self, uids: list[int]) -> list[ListedMessage]:
        found: list[ListedMessage] = []
        for spelled, asked in plan_uid_sets(uids):
            reply, rows = self._fetch(b"UID", spelled, _LISTING_ITEMS)
            if reply.is_ok:
                wanted = frozenset(asked)
                listed = (read_listing(values, wanted) for _, values in rows)
                found += unique_rows(message for message in listed if message is not None)
                continue
            self._raise_if_throttled("UID FETCH", reply)
            if len(asked) == 1:
                found.append(ListedMessage(asked[0], None, 0))
                continue
            half = len(asked) // 2
            found += self._list_some(asked[:half]) + self._list_some(asked[half:])
        return found

    def _enumerate(self, criteria: SearchCriteria, spelled: str) -> list[int]:
        """The uids of a range by FETCH, those kept whose date fits or is unknown."""
        reply, rows = self._fetch(b"UID", spelled, b"(UID INTERNALDATE)")
        if not reply.is_ok:
            self._refuse("UID FETCH", reply)
        uids = []
        for _, values in rows:
            uid = read_uid(values, ANY_UID)
            date = read_date(values)
            if uid is not None and b"INTERNALDATE" in values and date_fits(date, criteria):
                uids.append(uid)
        return sorted(set(uids))

    def _fetch(
        self, verb: bytes, spelled: str, items: bytes, budget_bytes: int | None = None
    ) -> tuple[Reply, list[tuple[int, Values]]]:
        """One FETCH (verb FETCH) or UID FETCH (verb UID); the rows that follow the grammar.

        Raises:
            ServerUnreachableError: a line with a literal is broken, so its borders are in doubt.
        """
        self._imap.take("FETCH")
        args = (
            (spelled.encode(), items) if verb == b"FETCH" else (b"FETCH", spelled.encode(), items)
        )
        options: dict[str, Any] = {} if budget_bytes is None else {"budget_bytes": budget_bytes}
        reply = self._imap.execute(verb.decode(), *args, **options)
        rows: list[tuple[int, Values]] = []
        for number, *line in self._imap.take("FETCH"):
            try:
                rows.append((int(number), parse_fetch_line(tuple(line))))
            except (MalformedLineError, ValueError):
                if len(line) > 1:
                    self._imap.wire.fail("a FETCH line with a literal does not follow the grammar")
        return reply, rows

    def _raise_if_throttled(self, command: str, reply: Reply) -> None:
        error = explain_refusal(self._mailbox, "", command, reply)
        if not isinstance(error, ServerRefusedError):
            raise error

    def _refuse(self, command: str, reply: Reply) -> NoReturn:
        raise explain_refusal(self._mailbox, "", command, reply)
