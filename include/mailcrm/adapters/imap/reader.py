"""`MailReader` over IMAP: every answer is checked against what was asked."""

import contextlib
from collections.abc import Iterator, Sequence
from typing import Final

from mailcrm.adapters.imap.answers import explain_refusal
from mailcrm.adapters.imap.connection import ImapConnection, connect_imap
from mailcrm.adapters.imap.folders import FolderDirectory
from mailcrm.adapters.imap.lines import read_uid
from mailcrm.adapters.imap.outlines import (
    OUTLINE_ITEMS,
    Outline,
    assemble,
    plan_items,
    read_outline,
)
from mailcrm.adapters.imap.rows import (
    Values,
    read_headers,
    read_listing,
    read_message,
    unique_rows,
)
from mailcrm.adapters.imap.searching import ImapSearches
from mailcrm.adapters.imap.uid_sets import plan_uid_sets
from mailcrm.ports import StageCallback
from mailcrm.records import (
    Credential,
    FetchedMessage,
    FolderEntry,
    FolderStatus,
    ListedMessage,
    Mailbox,
)
from mailcrm.settings import Settings

__all__ = ["ImapReader", "open_imap"]

_LISTING_ITEMS: Final = b"(UID INTERNALDATE RFC822.SIZE)"
_LINE_BYTES: Final = 64 * 1024
# So many short commands fit every server's input while it is busy answering.
_COMMANDS_AT_ONCE: Final = 250


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


class ImapReader(ImapSearches):
    """One authenticated session, EXAMINE and BODY.PEEK only; implements `MailReader`."""

    def __init__(self, connection: ImapConnection, settings: Settings) -> None:
        """Take over a connection on which the login succeeded."""
        super().__init__(connection)
        self._settings = settings
        self._directory = FolderDirectory(connection)
        self._knows_parts = True
        self._knows_structures = True

    @property
    def bytes_received(self) -> int:
        """Bytes that the server sent, inside TLS where there is TLS."""
        return self._imap.wire.bytes_received

    @property
    def waited_s(self) -> float:
        """Seconds spent in waiting for the server and the line."""
        return self._imap.wire.waited_s

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

    def fetch_headers(self, uids: Sequence[int], fields: Sequence[str]) -> Iterator[FetchedMessage]:
        """See `MailReader`."""
        part = b"BODY.PEEK[HEADER.FIELDS (%s)]" % " ".join(fields).encode()
        items = b"(UID FLAGS INTERNALDATE RFC822.SIZE %s)" % part
        messages: list[FetchedMessage] = []
        for spelled, asked in plan_uid_sets(uids):
            reply, rows = self._fetch(b"UID", spelled, items)
            if not reply.is_ok:
                self._refuse("UID FETCH", reply)
            found = (read_headers(values, frozenset(asked)) for _, values in rows)
            messages += unique_rows(message for message in found if message is not None)
        return iter(messages)

    def fetch_outlines(self, uids: Sequence[int], cap_bytes: int) -> Iterator[FetchedMessage]:
        """See `MailReader`.

        Raises:
            ServerUnreachableError, ThrottledError
        """
        messages: list[FetchedMessage] = []
        for spelled, asked in plan_uid_sets(uids) if self._knows_structures else ():
            self._imap.keep_bytes = cap_bytes
            reply, rows = self._fetch(b"UID", spelled, OUTLINE_ITEMS)
            if not reply.is_ok:
                self._raise_if_throttled("UID FETCH", reply)
                self._knows_structures = False
                break
            wanted = frozenset(asked)
            found = [read_outline(values, wanted) for _, values in rows]
            outlines = [one for one in found if one is not None]
            for start in range(0, len(outlines), _COMMANDS_AT_ONCE):
                messages += self._fetch_parts(outlines[start : start + _COMMANDS_AT_ONCE])
        return iter(unique_rows(messages))

    def _fetch_parts(self, outlines: list[Outline]) -> list[FetchedMessage]:
        """All parts that are wanted of some messages, in commands that are sent at once."""
        self._imap.take("FETCH")
        by_uid = {outline.uid: outline for outline in outlines}
        commands = [(b"FETCH", b"%d" % uid, plan_items(one)) for uid, one in by_uid.items()]
        budget = sum(one.wanted_bytes for one in outlines) + _LINE_BYTES * (len(outlines) + 1)
        for reply in self._imap.execute_many("UID", commands, budget):
            if not reply.is_ok:
                self._raise_if_throttled("UID FETCH", reply)
        rows = self._take_rows()
        found: list[FetchedMessage] = []
        for _, values in rows:
            uid = read_uid(values, by_uid)
            # A line without parts is another session's news of the message's flags.
            message = assemble(by_uid[uid], values) if uid is not None else None
            found += [message] if message is not None else []
        return found

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
