"""Ports towards clocks, credentials and mail servers."""

import datetime as dt
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Protocol, runtime_checkable

from mailcrm.records import (
    ConnectionFields,
    Credential,
    Direction,
    FetchedMessage,
    FolderEntry,
    FolderStatus,
    ListedMessage,
    Mailbox,
    SearchCriteria,
    VerifyResult,
)

# Hears of each stage of a verification as it begins: resolve, connect, greeting, tls, …
StageCallback = Callable[[str], None]


class Clock(Protocol):
    """The only source of time."""

    def now(self) -> dt.datetime:
        """The present moment, aware UTC."""
        ...

    def monotonic(self) -> float:
        """Seconds of a clock that never jumps, for durations."""
        ...


class CredentialStore(Protocol):
    """Where usernames and secrets come from; never our tables."""

    def read_credential(self, mailbox_id: str, direction: Direction) -> Credential:
        """Read `mailbox_<id>_<direction>`.

        Raises:
            ImapCredentialError, SmtpCredentialError: there is none, or it lacks a field.
        """
        ...

    def write_credential(
        self, mailbox_id: str, direction: Direction, credential: Credential
    ) -> bool:
        """Replace username and secret; False where this store cannot be written from here.

        Raises:
            SettingsError: it could be written, and that failed; what it held is still there.
        """
        ...

    def explain_change(self, mailbox_id: str, direction: Direction, username: str) -> str:
        """What a person has to set, and where, to replace the credential; holds no secret."""
        ...


@runtime_checkable
class Connections(Protocol):
    """Where connections that belong to no mailbox come from, by their name in Airflow."""

    def read_connection(self, connection_id: str) -> ConnectionFields | None:
        """One connection's fields; None where there is none.

        Raises:
            SettingsError: it is there, and cannot be read.
        """
        ...


class MailReader(Protocol):
    """One authenticated, read-only IMAP session (EXAMINE and BODY.PEEK only).

    A read error closes the session; every method then raises ServerUnreachableError.
    """

    @property
    def bytes_received(self) -> int:
        """Bytes that the server sent so far."""
        ...

    @property
    def commands_sent(self) -> int:
        """Commands sent so far, the login included."""
        ...

    @property
    def waited_s(self) -> float:
        """Seconds spent so far in waiting for the server's bytes."""
        ...

    def list_folders(self) -> Sequence[FolderEntry]:
        """All folders, selectable or not; a name that does not decode stays as it was sent."""
        ...

    def examine(self, folder: str) -> FolderStatus:
        """Open a folder read-only.

        Raises:
            FolderMissingError: the server does not have it.
            ServerRefusedError, ThrottledError
        """
        ...

    def search_uids(self, criteria: SearchCriteria) -> Sequence[int]:
        """Uids in the examined folder that meet the criteria: ascending, unique, in range.

        Never silently empty: a server that says yes without an answer is asked in another way.

        Raises:
            ServerRefusedError, ThrottledError
        """
        ...

    def count_outside(self, criteria: SearchCriteria) -> int:
        """How many messages of the uid range do not meet the criteria's dates, as counted by
        the server; 0 without dates.

        Raises:
            ServerRefusedError, ThrottledError
        """
        ...

    def enumerate_uids(self, criteria: SearchCriteria) -> Sequence[int]:
        """As `search_uids`, by each message's own INTERNALDATE: for servers whose search errs.

        Raises:
            ServerRefusedError, ThrottledError
        """
        ...

    def fetch_headers(self, uids: Sequence[int], fields: Sequence[str]) -> Iterator[FetchedMessage]:
        """The messages with only the named header fields as `raw`, and not `is_whole`.

        Raises:
            ServerRefusedError, ThrottledError
        """
        ...

    def uid_anchors(self, step: int) -> Sequence[int]:
        """Uids at sequence numbers 1, 1 + step, …: borders of windows of `step` messages."""
        ...

    def fetch_listing(self, uids: Sequence[int]) -> Iterator[ListedMessage]:
        """INTERNALDATE and RFC822.SIZE of the uids, any order; absent ones are left out.

        A uid that the server refuses to describe is listed without a date, with size 0.
        """
        ...

    def fetch_messages(self, uids: Sequence[int], cap_bytes: int) -> Iterator[FetchedMessage]:
        """The messages, any order, one FETCH; the caller bounds how many.

        A uid is left out where the server left it out or gave no usable body. A message of more
        than `cap_bytes` is cut there, and is not `is_whole`.

        Raises:
            ServerRefusedError: the server refused the whole command: ask for fewer uids.
            ThrottledError
        """
        ...

    def fetch_outlines(self, uids: Sequence[int], cap_bytes: int) -> Iterator[FetchedMessage]:
        """The messages without most of their attachments' bytes, any order; see `omitted`.

        Parsing them gives what parsing the whole messages gives. A uid is left out where that
        cannot be had, for whatever reason: then `fetch_messages` reads it.

        Raises:
            ThrottledError
        """
        ...

    def close(self) -> None:
        """Log out and close; never raises."""
        ...


class MailServers(Protocol):
    """Connects to a mailbox's two servers."""

    def open_reader(
        self, mailbox: Mailbox, credential: Credential
    ) -> AbstractContextManager[MailReader]:
        """Log in to IMAP once.

        Raises:
            ImapCredentialError, ServerUnreachableError, ThrottledError, SettingsError
        """
        ...

    def probe_imap(
        self, mailbox: Mailbox, credential: Credential, on_stage: StageCallback | None = None
    ) -> VerifyResult:
        """Verify reading: connect, log in once, examine INBOX and the folders. Never raises."""
        ...

    def probe_smtp(
        self, mailbox: Mailbox, credential: Credential, on_stage: StageCallback | None = None
    ) -> VerifyResult:
        """Verify sending up to MAIL FROM and RSET; nothing is sent. Never raises."""
        ...

    def send_message(
        self,
        mailbox: Mailbox,
        credential: Credential | None,
        content: bytes,
        recipient: str | None = None,
    ) -> VerifyResult:
        """Send one message from the mailbox's address, to itself by default. Never raises.

        Without a credential there is no login, for a relay that asks for none.

        At stage `content`, UNREACHABLE means that nobody knows whether the server took it.
        """
        ...
