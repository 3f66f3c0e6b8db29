"""What scripted IMAP and SMTP servers say by default, and all our ways to talk to them."""

import asyncio
import contextlib
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from mailcrm.adapters.imap import open_imap
from mailcrm.adapters.imap_probe import probe_imap
from mailcrm.adapters.smtp_probe import probe_smtp
from mailcrm.adapters.smtp_send import send_message
from mailcrm.adapters.watch.servers import WatchMailServers
from mailcrm.errors import MailcrmError
from mailcrm.records import Credential, Direction, Mailbox, SearchCriteria, VerifyState
from mailcrm.settings import Settings
from servers.scripted import Answer

__all__ = ["CLIENTS", "CREDENTIAL", "GREETINGS", "Client", "Outcome", "dialogue_of"]

Reply = bytes | None
Replies = Mapping[str, Reply | list[Reply]]

CREDENTIAL = Credential("user", "c4nary")
GREETINGS = {Direction.IMAP: b"* OK hi\r\n", Direction.SMTP: b"220 hi\r\n"}
_USUAL: dict[Direction, Replies] = {
    Direction.IMAP: {
        "CAPABILITY": b"* CAPABILITY IMAP4rev1 AUTH=PLAIN STARTTLS\r\n{} OK done\r\n",
        "STARTTLS": b"{} OK go\r\n",
        "LOGIN": b"{} OK in\r\n",
        "LIST": b'* LIST () "/" INBOX\r\n{} OK done\r\n',
        "EXAMINE": b"* 0 EXISTS\r\n* OK [UIDVALIDITY 1] x\r\n{} OK [READ-ONLY] done\r\n",
        "STATUS": b"* STATUS INBOX (UIDNEXT 1 UIDVALIDITY 1)\r\n{} OK done\r\n",
        "UID": b"* SEARCH\r\n{} OK done\r\n",
        "LOGOUT": b"* BYE\r\n{} OK\r\n",
    },
    Direction.SMTP: {
        "EHLO": b"250-x\r\n250-STARTTLS\r\n250 AUTH PLAIN LOGIN XOAUTH2\r\n",
        "STARTTLS": b"220 go\r\n",
        "AUTH": b"235 2.7.0 ok\r\n",
        "MAIL": b"250 ok\r\n",
        "RCPT": b"250 ok\r\n",
        "DATA": b"354 go\r\n",
        ".": b"250 taken\r\n",
        "RSET": b"250 ok\r\n",
        "QUIT": None,
    },
}


def dialogue_of(direction: Direction, replies: Replies | None = None) -> Answer:
    """The usual answers, some replaced: by verb; a list is used up, its last answer stays.

    In IMAP's, {} stands for the tag; None hangs up.
    """
    known = {
        verb: list(reply) if isinstance(reply, list) else [reply]
        for verb, reply in {**_USUAL[direction], **(replies or {})}.items()
    }
    is_content = False

    def answer(first: str, rest: str) -> bytes | None:
        nonlocal is_content
        if direction is Direction.IMAP:
            reply = _next(known, rest.partition(" ")[0].upper(), b"{} BAD what?\r\n")
            return None if reply is None else reply.replace(b"{}", first.encode())
        if is_content and first != ".":
            return b""
        reply = _next(known, first, b"500 what?\r\n")
        is_content = first == "DATA" and (reply or b"").startswith(b"354")
        return reply

    return answer


def _next(known: Mapping[str, list[Reply]], verb: str, other: bytes) -> Reply:
    replies = known.get(verb, [other])
    return replies.pop(0) if len(replies) > 1 else replies[0]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one of our clients made of a server; `stage` is None where it does not tell.

    `seen` is every word of the server that reached its caller.
    """

    is_ok: bool
    advice: str
    stage: str | None = None
    state: VerifyState | None = None
    seen: str = ""


@dataclass(frozen=True, slots=True)
class Client:
    """One of our ways to talk to a mail server."""

    name: str
    direction: Direction
    run: Callable[[Mailbox, Settings], Outcome]

    def __str__(self) -> str:
        """For the names of tests."""
        return self.name


def _verify(direction: Direction) -> Callable[[Mailbox, Settings], Outcome]:
    probe = probe_imap if direction is Direction.IMAP else probe_smtp

    def run(mailbox: Mailbox, settings: Settings) -> Outcome:
        found = probe(mailbox, CREDENTIAL, settings)
        is_ok = found.state is VerifyState.OK
        return Outcome(is_ok, found.advice or "", found.stage, found.state, repr(found))

    return run


def _read(mailbox: Mailbox, settings: Settings) -> Outcome:
    seen: list[object] = []
    with _as_outcome(seen) as failed, open_imap(mailbox, CREDENTIAL, settings) as reader:
        seen.append(list(reader.list_folders()))
        seen.append(reader.examine("INBOX"))
        seen.append(list(reader.search_uids(SearchCriteria(None, None))))
    return failed[0] if failed else Outcome(True, "", seen=repr(seen))


def _watch(mailbox: Mailbox, settings: Settings) -> Outcome:
    seen: list[object] = []

    async def run() -> None:
        with ThreadPoolExecutor(2) as threads:
            session = await WatchMailServers(settings, threads).open_session(mailbox, CREDENTIAL)
            try:
                seen.append(await session.read_marks())
            finally:
                await session.close()

    with _as_outcome(seen) as failed:
        asyncio.run(run())
    return failed[0] if failed else Outcome(True, "", seen=repr(seen))


def _send(mailbox: Mailbox, settings: Settings) -> Outcome:
    content = b"From: x@acme.example\r\n\r\n.hello\r\n"
    found = send_message(mailbox, CREDENTIAL, settings, content)
    is_ok = found.state is VerifyState.OK
    return Outcome(is_ok, found.advice or "", found.stage, found.state, repr(found))


@contextlib.contextmanager
def _as_outcome(seen: list[object]) -> Iterator[list[Outcome]]:
    failed: list[Outcome] = []
    try:
        yield failed
    except MailcrmError as error:
        failed.append(Outcome(False, str(error), seen=repr([*seen, error.fields])))


CLIENTS = (
    Client("verify-imap", Direction.IMAP, _verify(Direction.IMAP)),
    Client("reader", Direction.IMAP, _read),
    Client("watcher", Direction.IMAP, _watch),
    Client("verify-smtp", Direction.SMTP, _verify(Direction.SMTP)),
    Client("sender", Direction.SMTP, _send),
)
