"""An IMAP server that says exactly what a test wants, and writes down what it is told."""

import contextlib
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from servers.ports import LOOPBACK

GREETING = b"* OK ready\r\n"
CAPABILITIES = b"* CAPABILITY IMAP4rev1\r\n%T OK done\r\n"
HANG_UP = b"%HANG_UP"


@dataclass(frozen=True, slots=True)
class Drip:
    """A piece that is sent again and again, until the client gives up."""

    piece: bytes
    pause_s: float


Answer = bytes | Drip | Callable[[str], bytes]
"""Bytes in which %T stands for the tag (ending in HANG_UP where the server hangs up then), or
what makes them from the command's line.
"""

Answers = dict[str, Answer | list[Answer]]
"""By verb, UID with its own; a list is used up in order, its last answer for ever."""

DEFAULTS: Mapping[str, Answer] = {
    "CAPABILITY": CAPABILITIES,
    "LOGIN": b"%T OK logged in\r\n",
    "LIST": b'* LIST () "/" INBOX\r\n%T OK done\r\n',
    "EXAMINE": (
        b"* 5 EXISTS\r\n* OK [UIDVALIDITY 7] x\r\n* OK [UIDNEXT 9] x\r\n%T OK [READ-ONLY] done\r\n"
    ),
    "LOGOUT": b"* BYE bye\r\n%T OK done\r\n",
}


@dataclass(slots=True)
class ScriptedImap:
    """A running server; a verb with several answers gives the last one for ever after."""

    port: int
    answers: dict[str, list[Answer]]
    greeting: bytes
    context: ssl.SSLContext | None
    lines: list[str] = field(default_factory=list)
    connections: int = 0

    def verbs(self) -> list[str]:
        """The verbs of all commands so far."""
        return [verb_of(line) for line in self.lines]

    def serve(self, sock: socket.socket) -> None:
        """One connection, until either side hangs up."""
        sock.sendall(self.greeting)
        stream = sock.makefile("rb")
        while line := stream.readline():
            text = line.decode("latin-1").rstrip("\r\n")
            self.lines.append(text)
            tag, verb = text.split(" ")[0], verb_of(text)
            answer = self._answer(verb, text)
            if isinstance(answer, Drip):
                return drip(sock, answer)
            sock.sendall(answer.removesuffix(HANG_UP).replace(b"%T", tag.encode("latin-1")))
            if answer.endswith(HANG_UP):
                return
            if verb == "STARTTLS" and self.context is not None and b" OK " in answer:
                sock = self.context.wrap_socket(sock, server_side=True)
                stream = sock.makefile("rb")

    def _answer(self, verb: str, line: str) -> bytes | Drip:
        known = self.answers.get(verb)
        if known is None:
            return b"%T BAD what is that\r\n"
        answer = known.pop(0) if len(known) > 1 else known[0]
        return answer(line) if callable(answer) else answer


def drip(sock: socket.socket, answer: Drip) -> None:
    """Send the piece until the other side is gone."""
    while True:
        sock.sendall(answer.piece)
        time.sleep(answer.pause_s)


def verb_of(line: str) -> str:
    """The command's verb, UID with its own; "" for a line that is no command."""
    words = [*line.split(" "), "", ""]
    return f"UID {words[2]}" if words[1] == "UID" else words[1]


@contextlib.contextmanager
def run_scripted_imap(
    answers: Mapping[str, Any] | None = None,
    greeting: bytes = GREETING,
    context: ssl.SSLContext | None = None,
) -> Iterator[ScriptedImap]:
    """Serve until the block ends; `answers` (see `Answers`) replace or add to DEFAULTS."""
    merged: dict[str, list[Answer]] = {verb: [answer] for verb, answer in DEFAULTS.items()}
    for verb, given in (answers or {}).items():
        merged[verb] = given if isinstance(given, list) else [given]
    with socket.create_server((LOOPBACK, 0)) as listener:
        server = ScriptedImap(listener.getsockname()[1], merged, greeting, context)
        thread = threading.Thread(target=_accept, args=(server, listener), daemon=True)
        thread.start()
        try:
            yield server
        finally:
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            thread.join(10)


def _accept(server: ScriptedImap, listener: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while True:
            sock, _ = listener.accept()
            server.connections += 1
            with sock, contextlib.suppress(OSError):
                server.serve(sock)
