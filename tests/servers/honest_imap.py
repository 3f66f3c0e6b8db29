"""An IMAP server with an honest core over a mailbox in memory, and quirks that bend its answers.

Without quirks it says what Dovecot says of the same mailbox. A quirk sees every command with the
honest answer and gives another one; quirks may be changed at any time, and work in order.
"""

import base64
import contextlib
import datetime as dt
import re
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from imapclient import imap_utf7

from fakes.mail_reader import FakeFolder, FakeMailbox, FakeMessage
from servers.honest_answers import expand_set, fetch_line, find_uids, list_uids, quote
from servers.ports import LOOPBACK

__all__ = ["Answer", "Command", "HonestImap", "Quirk", "VirtualMessages", "run_honest_imap"]

CAPABILITIES = "IMAP4rev1 AUTH=PLAIN LITERAL+ ID ESEARCH SPECIAL-USE UIDPLUS CONDSTORE NAMESPACE"
PLAIN_CAPABILITIES = "IMAP4rev1"
_SEARCH = re.compile(r"(?:RETURN \((ALL|COUNT)\) )?(.*)")


@dataclass(frozen=True, slots=True)
class Command:
    """One command: `verb` is upper-case, UID with its own; `uids` are those of a FETCH that exist.

    `session` counts connections from 1; `seen` are the verbs that the session sent before.
    """

    tag: str
    verb: str
    args: str
    session: int
    seen: tuple[str, ...]
    folder: str = ""
    uids: tuple[int, ...] = ()

    @property
    def is_body(self) -> bool:
        """Whether it asks for messages."""
        return self.verb == "UID FETCH" and "BODY.PEEK[]" in self.args


@dataclass(slots=True)
class Answer:
    """Untagged lines, each whole, and the last line, in which %T stands for the tag.

    `uids` names the message of each FETCH line. `hang_up` closes the connection afterwards.
    """

    lines: list[bytes] = field(default_factory=list)
    final: bytes = b"%T OK done\r\n"
    uids: list[int] = field(default_factory=list)
    hang_up: bool = False
    drip_s: float | None = None


Quirk = Callable[[Command, Answer], Answer]


class VirtualMessages(Mapping[int, FakeMessage]):
    """As many small messages as one likes, made when they are looked at."""

    def __init__(self, count: int, make: Callable[[int], FakeMessage]) -> None:
        self.uids = range(1, count + 1)
        self._make = make

    def __getitem__(self, uid: int) -> FakeMessage:
        return self._make(uid)

    def __iter__(self) -> Iterator[int]:
        return iter(self.uids)

    def __len__(self) -> int:
        return len(self.uids)


@dataclass(slots=True)
class HonestImap:
    """A running server; counters are of its whole life.

    `aliases` are more raw names under which folders open.
    `bent` counts answers that quirks changed, `is_bent` says whether there ever was a quirk.
    """

    mailbox: FakeMailbox
    port: int
    quirks: list[Quirk] = field(default_factory=list)
    capabilities: str = CAPABILITIES
    password: str | None = None
    zone: dt.tzinfo = dt.UTC
    aliases: dict[bytes, str] = field(default_factory=dict)
    greeting: bytes = b"* OK ready\r\n"
    commands: Counter[str] = field(default_factory=Counter)
    lines: list[str] = field(default_factory=list)
    sessions: int = 0
    open_sessions: int = 0
    logins: int = 0
    bodies: int = 0
    bytes_sent: int = 0
    is_bent: bool = False
    bent: int = 0

    def serve(self, sock: socket.socket) -> None:
        """One connection, until either side hangs up."""
        self.sessions += 1
        self.open_sessions += 1
        try:
            _Session(self, sock, self.sessions).run()
        finally:
            self.open_sessions -= 1

    def wait_until_closed(self) -> bool:
        """Whether every connection ends within a few seconds."""
        deadline = time.monotonic() + 5
        while self.open_sessions and time.monotonic() < deadline:
            time.sleep(0.01)
        return not self.open_sessions


class _Session:
    def __init__(self, server: HonestImap, sock: socket.socket, number: int) -> None:
        self._server = server
        self._sock = sock
        self._stream = sock.makefile("rb")
        self._number = number
        self._seen: list[str] = []
        self._name = ""
        self._shown = 0

    def run(self) -> None:
        self._send(self._server.greeting)
        while (line := self._stream.readline()).endswith(b"\n"):
            command = self._read(line.decode("latin-1").rstrip("\r\n"))
            answer = self._answer(command)
            answer = self._bend(command, answer)
            self._seen.append(command.verb)
            self._say(command, answer)
            if answer.hang_up or command.verb == "LOGOUT":
                return

    def _bend(self, command: Command, answer: Answer) -> Answer:
        honest = replace(answer, lines=list(answer.lines), uids=list(answer.uids))
        for quirk in list(self._server.quirks):
            self._server.is_bent = True
            answer = quirk(command, answer)
        self._server.bent += answer != honest
        return answer

    def _read(self, text: str) -> Command:
        tag, _, rest = text.partition(" ")
        verb, _, args = rest.partition(" ")
        verb = verb.upper()
        if verb == "UID":
            second, _, args = args.partition(" ")
            verb = f"UID {second.upper()}"
        self._server.commands[verb] += 1
        secret = verb in ("LOGIN", "AUTHENTICATE")
        self._server.lines.append(f"{tag} {verb}" if secret else text)
        uids: Sequence[int] = ()
        if verb == "UID FETCH" and self._name:
            uids = expand_set(args.split(" ")[0], list_uids(self._folder()))
        seen = tuple(self._seen)
        return Command(tag, verb, args, self._number, seen, self._name, tuple(uids))

    def _folder(self) -> FakeFolder:
        return self._server.mailbox.folders.get(self._name) or FakeFolder()

    def _answer(self, command: Command) -> Answer:
        name = command.verb.lower().replace(" ", "_")
        handler = getattr(self, f"_do_{name}", None)
        if handler is None:
            return Answer(final=b"%T BAD what is that\r\n")
        is_open = self._name and command.verb not in ("FETCH", "LOGOUT")
        news = self._news() if is_open else []
        try:
            answer: Answer = handler(command)
        except (ValueError, IndexError):
            return Answer(final=b"%T BAD it does not parse\r\n")
        if command.verb != "EXAMINE":
            answer.lines[:0] = news
            answer.uids[:0] = [0] * len(news) if command.verb.endswith("FETCH") else []
        return answer

    def _news(self) -> list[bytes]:
        count = len(self._folder().messages)
        shown, self._shown = self._shown, count
        return [] if count == shown else [b"* %d EXISTS\r\n" % count]

    def _do_capability(self, command: Command) -> Answer:
        return Answer([b"* CAPABILITY %s\r\n" % self._server.capabilities.encode()])

    def _do_noop(self, command: Command) -> Answer:
        return Answer()

    def _do_id(self, command: Command) -> Answer:
        return Answer([b'* ID ("name" "honest")\r\n'])

    def _do_logout(self, command: Command) -> Answer:
        return Answer([b"* BYE bye\r\n"])

    def _do_login(self, command: Command) -> Answer:
        self._server.logins += 1
        _, password = re.findall(r'"((?:[^"\\]|\\.)*)"', command.args)
        return self._let_in(password)

    def _do_authenticate(self, command: Command) -> Answer:
        self._server.logins += 1
        self._send(b"+ \r\n")
        response = base64.b64decode(self._stream.readline()).decode()
        return self._let_in(response.split("\0")[2])

    def _let_in(self, password: str) -> Answer:
        if self._server.password in (None, password):
            return Answer()
        return Answer(final=b"%T NO [AUTHENTICATIONFAILED] wrong\r\n")

    def _do_list(self, command: Command) -> Answer:
        lines = []
        for name, folder in self._server.mailbox.folders.items():
            flags = {*folder.attributes, *(() if folder.selectable else ("\\Noselect",))}
            raw = quote(imap_utf7.encode(name))
            lines.append(b'* LIST (%s) "/" %s\r\n' % (" ".join(sorted(flags)).encode(), raw))
        return Answer(lines)

    def _do_examine(self, command: Command) -> Answer:
        raw = re.sub(r"\\(.)", r"\1", command.args[1:-1]).encode("latin-1")
        name = self._server.aliases.get(raw) or imap_utf7.decode(raw)
        folder = self._server.mailbox.folders.get("INBOX" if name.upper() == "INBOX" else name)
        if folder is None:
            return Answer(final=b"%T NO [NONEXISTENT] no such folder\r\n")
        if not folder.selectable:
            return Answer(final=b"%T NO not this one\r\n")
        self._name = "INBOX" if name.upper() == "INBOX" else name
        self._shown = len(folder.messages)
        lines = [b"* %d EXISTS\r\n" % self._shown, b"* 0 RECENT\r\n", b"* FLAGS (\\Seen)\r\n"]
        if folder.uidvalidity is not None:
            lines.append(b"* OK [UIDVALIDITY %d] x\r\n" % folder.uidvalidity)
        lines.append(b"* OK [UIDNEXT %d] x\r\n" % folder.uidnext)
        return Answer(lines, b"%T OK [READ-ONLY] done\r\n")

    def _do_uid_search(self, command: Command) -> Answer:
        match = _SEARCH.fullmatch(command.args)
        wanted, words = match.groups() if match else (None, "")
        uids = find_uids(self._folder(), words, self._server.zone)
        return Answer([spell_search(wanted, uids, command.tag)])

    def _do_fetch(self, command: Command) -> Answer:
        spelled, _, items = command.args.partition(" ")
        uids = list_uids(self._folder())
        numbers = expand_set(spelled, range(1, len(uids) + 1))
        return self._fetch([(number, uids[number - 1]) for number in numbers], items)

    def _do_uid_fetch(self, command: Command) -> Answer:
        _, _, items = command.args.partition(" ")
        numbers = {uid: n for n, uid in enumerate(list_uids(self._folder()), 1)}
        rows = [(numbers[uid], uid) for uid in command.uids]
        answer = self._fetch(rows, items)
        self._server.bodies += len(rows) if command.is_body else 0
        return answer

    def _fetch(self, rows: Sequence[tuple[int, int]], items: str) -> Answer:
        messages, zone = self._folder().messages, self._server.zone
        lines = [fetch_line(number, uid, messages[uid], items, zone) for number, uid in rows]
        return Answer(lines, uids=[uid for _, uid in rows])

    def _say(self, command: Command, answer: Answer) -> None:
        data = b"".join(answer.lines) + answer.final.replace(b"%T", command.tag.encode("latin-1"))
        if answer.drip_s is None:
            return self._send(data)
        for position in range(len(data)):
            self._send(data[position : position + 1])
            time.sleep(answer.drip_s)
        return None

    def _send(self, data: bytes) -> None:
        self._sock.sendall(data)
        self._server.bytes_sent += len(data)


def spell_search(wanted: str | None, uids: Sequence[int], tag: str) -> bytes:
    """A SEARCH line, or an ESEARCH one that compresses what follows on each other."""
    if wanted is None:
        return b"* SEARCH%s\r\n" % "".join(f" {uid}" for uid in uids).encode()
    start = f'* ESEARCH (TAG "{tag}") UID'
    if wanted == "COUNT":
        return f"{start} COUNT {len(uids)}\r\n".encode()
    if not uids:
        return f"{start}\r\n".encode()
    runs: list[list[int]] = []
    for uid in uids:
        if runs and uid == runs[-1][1] + 1:
            runs[-1][1] = uid
        else:
            runs.append([uid, uid])
    spelled = ",".join(str(a) if a == b else f"{a}:{b}" for a, b in runs)
    return f"{start} ALL {spelled}\r\n".encode()


@contextlib.contextmanager
def run_honest_imap(mailbox: FakeMailbox, *quirks: Quirk) -> Iterator[HonestImap]:
    """Serve a mailbox until the block ends."""
    with socket.create_server((LOOPBACK, 0), backlog=64) as listener:
        server = HonestImap(mailbox, listener.getsockname()[1], list(quirks))
        thread = threading.Thread(target=_accept, args=(server, listener), daemon=True)
        thread.start()
        try:
            yield server
        finally:
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            thread.join(10)


def _accept(server: HonestImap, listener: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while True:
            sock, _ = listener.accept()
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=_serve, args=(server, sock), daemon=True).start()


def _serve(server: HonestImap, sock: socket.socket) -> None:
    with sock, contextlib.suppress(OSError):
        server.serve(sock)
