"""Sessions with scripted IMAP servers, and lines that such servers send."""

import contextlib
from collections.abc import Iterator

from mailcrm.adapters.imap import ImapReader, open_imap
from mailcrm.records import (
    Credential,
    SearchCriteria,
)
from mailcrm.settings import Settings
from servers.mailboxes import make_mailbox
from servers.scripted_imap import ScriptedImap

CREDENTIAL = Credential("ann", "s3cret-Pass")
ALL = SearchCriteria(None, None, 1, 10)
DATE = b'INTERNALDATE "15-Nov-2026 12:00:00 +0000"'
CAP = 1000


@contextlib.contextmanager
def reading(
    server: ScriptedImap, settings: Settings | None = None, credential: Credential = CREDENTIAL
) -> Iterator[ImapReader]:
    """A session with INBOX open."""
    with open_imap(
        make_mailbox(imap_port=server.port), credential, settings or Settings()
    ) as reader:
        reader.examine("INBOX")
        yield reader


def body(number: int, uid: int, raw: bytes = b"Subject: x\r\n\r\nhi\r\n") -> bytes:
    """A whole FETCH line as an honest server sends it."""
    head = b"* %d FETCH (UID %d FLAGS (\\Seen) %s RFC822.SIZE %d BODY[]<0> {%d}\r\n"
    return head % (number, uid, DATE, len(raw), len(raw)) + raw + b")\r\n"


def try_login(server: ScriptedImap, credential: Credential = CREDENTIAL, **options: object) -> None:
    mailbox = make_mailbox(imap_port=server.port, **options)  # type: ignore[arg-type]
    with open_imap(mailbox, credential, Settings(greeting_timeout_s=0.5)):
        pass


def expand(spelled: str) -> list[int]:
    """The uids that a set stands for."""
    ranges = [part.partition(":") for part in spelled.split(",")]
    return [n for a, _, b in ranges for n in range(int(a), int(b or a) + 1)]
