"""What every real IMAP server of the tests has in common: users, and a session that may write."""

import contextlib
import datetime as dt
import socket
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar, Protocol

from imapclient import IMAPClient

SKIPPED_ATTRIBUTES = {b"\\noselect", b"\\nonexistent"}


@dataclass(frozen=True, slots=True)
class Append:
    """A message to put into a folder: bytes, INTERNALDATE and flags."""

    raw: bytes
    internaldate: dt.datetime | None = None
    flags: tuple[str, ...] = ()


class ImapServer(Protocol):
    """A running server: plain and STARTTLS on `imap_port`, TLS at once on `imaps_port`."""

    @property
    def host(self) -> str:
        """Address of this machine."""

    @property
    def imap_port(self) -> int:
        """Plain, with STARTTLS."""

    @property
    def imaps_port(self) -> int:
        """TLS from the first byte."""

    @property
    def ca_file(self) -> str:
        """PEM file of the authority that signed the server's certificate."""

    @property
    def password(self) -> str:
        """The password of every user."""

    def new_user(self) -> "ImapUser":
        """A user nobody used before, with an empty INBOX, Sent and Drafts."""


@dataclass(frozen=True, slots=True)
class ImapUser(ABC):
    """One mailbox of one test, with a second session that may write."""

    server: ImapServer
    name: str
    takes_anything: ClassVar[bool] = True
    """Whether the server takes bytes that are no message: NUL, and lines that are no header."""

    @abstractmethod
    def folder(self, *parts: str) -> str:
        """The server's name of a folder of ours: `folder("Work", "Deals")` is Deals in Work."""

    @abstractmethod
    def fill(self, folder: str, messages: Sequence[Append]) -> None:
        """Put many messages into INBOX or another existing folder, quickly."""

    @contextlib.contextmanager
    def connect(self) -> Iterator[IMAPClient]:
        """A plain IMAP session that may write."""
        server = self.server
        with IMAPClient(server.host, server.imap_port, ssl=False, timeout=60) as client:
            # Else every append waits 40 ms for the other side's delayed acknowledgement.
            client.socket().setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            client.login(self.name, server.password)
            yield client

    def append(self, folder: str, *messages: Append) -> None:
        """Put messages into a folder, in order, with the folder created where it is missing."""
        with self.connect() as client:
            if not client.folder_exists(folder):
                client.create_folder(folder)
            for message in messages:
                client.append(folder, message.raw, message.flags, message.internaldate)

    def create_folder(self, folder: str) -> None:
        """Create a folder."""
        with self.connect() as client:
            client.create_folder(folder)

    def delete_folder(self, folder: str) -> None:
        """Delete a folder with all that is in it."""
        with self.connect() as client:
            client.delete_folder(folder)

    def expunge(self, folder: str, uids: Sequence[int]) -> None:
        """Remove messages for good."""
        with self.connect() as client:
            client.select_folder(folder)
            client.delete_messages(list(uids))
            client.expunge()

    def flags(self) -> dict[str, tuple[int, int, dict[int, tuple[bytes, ...]]]]:
        """Everything that a reader could change: uidvalidity, uidnext and flags, per folder.

        \\Recent is left out: this very look clears it.
        """
        found = {}
        with self.connect() as client:
            for attributes, _, folder in client.list_folders():
                if SKIPPED_ATTRIBUTES & {attribute.lower() for attribute in attributes}:
                    continue
                status = client.select_folder(folder, readonly=True)
                uids = client.search()
                rows = client.fetch(uids, ["FLAGS"]) if uids else {}
                found[folder] = (
                    status[b"UIDVALIDITY"],
                    status[b"UIDNEXT"],
                    {
                        uid: tuple(sorted(set(row[b"FLAGS"]) - {b"\\Recent"}))
                        for uid, row in rows.items()
                    },
                )
        return found

    def recent(self, folder: str) -> int:
        """How many messages no session has claimed as \\Recent yet; the look leaves them so."""
        with self.connect() as client:
            return int(client.folder_status(folder, ["RECENT"])[b"RECENT"])
