"""imaplib's state machine on our wire: one choke point for commands, our own reader of responses.

imaplib and imapclient keep doing what they do well: tags, states, SASL, modified UTF-7. What they
read is replaced, because their reading cannot be made safe from outside (imapclient 4.1):
a line over 1 MB or a tagged OK without text raises and leaves the stream out of step, literals of
any size are allocated at once, unsolicited FETCH lines are merged into messages that were asked
for, every answer is formatted for a debug log whether or not anybody reads it, and a missing
SEARCH line looks like an empty folder.
"""

import imaplib
import re
from collections.abc import Sequence
from typing import Any, Final, NoReturn

from imapclient import IMAPClient

from mailcrm.adapters.imap.wire import Wire
from mailcrm.adapters.imap.words import Line, Literal, Reply, check_command
from mailcrm.errors import UnsafeConnectionError
from mailcrm.records.text import escape_text

__all__ = ["GuardedClient", "GuardedImap4"]

_LITERAL: Final = re.compile(rb"~?\{(\d{1,20})\+?\}$")
_CODE: Final = re.compile(rb"\[([A-Za-z0-9-]+)(?: ([^\]]*))?\]")
_STATUSES: Final = frozenset({"OK", "NO", "BAD", "BYE", "PREAUTH"})
# Of these every line counts; of the others (EXISTS, UIDNEXT, …) the last one.
_COLLECTED: Final = frozenset({"FETCH", "LIST", "SEARCH", "ESEARCH", "CAPABILITY"})
_KEPT: Final = _COLLECTED | {
    *("EXISTS", "UIDVALIDITY", "UIDNEXT", "HIGHESTMODSEQ", "READ-ONLY", "READ-WRITE"),
    *("OK", "NO", "BAD", "BYE", "PREAUTH", "ALERT"),
}
_MAX_COLLECTED: Final = 300_000
_BUDGET_BYTES: Final = 16 * 1024 * 1024
_TRANSFER_FACTOR: Final = 4
_NO_REPLY: Final = Reply("", None, "")
_BANNERS: Final = (
    (b"HTTP/", "http_server"),
    (b"<", "http_server"),
    (b"SSH-", "ssh_server"),
    (b"+OK", "pop3_server"),
    (b"220", "smtp_server"),
    (b"421", "smtp_server"),
    (b"554", "smtp_server"),
)


class GuardedImap4(imaplib.IMAP4):
    """imaplib with our wire below it, our reader in it, and one door for commands."""

    def __init__(self, wire: Wire, command_timeout_s: float, greeting_timeout_s: float) -> None:
        """Read the greeting and the capabilities.

        Raises:
            UnsafeConnectionError: something else than an IMAP server answers.
            ServerUnreachableError: nothing answers, or the connection breaks.
        """
        self.wire = wire
        self.command_timeout_s = command_timeout_s
        self.commands_sent = 0
        self.last_reply = _NO_REPLY
        self.keep_bytes = 1024 * 1024
        self._budget_bytes = self._kept_left = _BUDGET_BYTES
        self._replies: dict[bytes, Reply] = {}
        self._greeted = False
        wire.arm(greeting_timeout_s, _BUDGET_BYTES)
        super().__init__(wire.endpoint.host, wire.endpoint.port)

    # What imaplib does with its socket.

    def open(self, host: str = "", port: int = 143, timeout: float | None = None) -> None:
        """The wire is connected already."""
        self.host, self.port = host, port

    def send(self, data: Any) -> None:
        """Send bytes that `_command` built."""
        self.wire.send(bytes(data))

    def shutdown(self) -> None:
        """Close the wire."""
        self.wire.close()

    def _log(self, line: Any) -> None:
        """Keep no log of lines: imaplib's holds the password."""

    # Commands.

    def execute(self, verb: str, *args: bytes, budget_bytes: int = _BUDGET_BYTES) -> Reply:
        """Send one command and read all of its answer.

        Args:
            verb: One of the read-only verbs.
            args: Ready for the wire.
            budget_bytes: What may be kept of the answer. Literals beyond it come back empty;
                an answer several times as large ends the connection.

        Returns:
            The tagged answer; the untagged ones wait in `take`.

        Raises:
            ServerUnreachableError: the connection broke, or what it brings cannot be trusted.
            SettingsError: an argument or the verb may not be sent.
        """
        return self.execute_many(verb, [args], budget_bytes)[0]

    def execute_many(
        self, verb: str, commands: Sequence[tuple[bytes, ...]], budget_bytes: int = _BUDGET_BYTES
    ) -> list[Reply]:
        """Send commands of one verb at once, and read all their answers; see `execute`.

        Only for commands that do not depend on each other; the server may answer in any order.
        """
        self._budget_bytes = self._kept_left = budget_bytes
        self._replies.clear()
        try:
            tags: list[Any] = [self._command(verb, *args) for args in commands]
            for tag in tags:
                self._get_tagged_response(tag)
        except imaplib.IMAP4.error as error:  # BYE, or a command that does not fit the state
            self.wire.fail(escape_text(f"{verb}: {error}"), "closed")
        finally:
            self._budget_bytes = _BUDGET_BYTES
        return [self._replies[tag] for tag in tags]

    def _command(self, name: str, *args: Any) -> Any:
        """The choke point: every command of imaplib and imapclient passes here."""
        check_command(name, args)
        self.commands_sent += 1
        self.last_reply = _NO_REPLY
        self.wire.arm(self.command_timeout_s, self._budget_bytes * _TRANSFER_FACTOR)
        return super()._command(name, *args)  # type: ignore[misc]

    def take(self, kind: str) -> list[Any]:
        """Remove and return the untagged answers of one kind, in order."""
        found: list[Any] = self.untagged_responses.pop(kind, [])
        return found

    def _get_capabilities(self) -> None:
        self.refresh_capabilities()

    def refresh_capabilities(self) -> None:
        """Take the capabilities that came unasked since the last time, or ask."""
        lines = self.take("CAPABILITY")
        if not lines and self.execute("CAPABILITY").is_ok:
            lines = self.take("CAPABILITY")
        words = b" ".join(part for line in lines for part in line if isinstance(part, bytes))
        self.capabilities = tuple(words.decode("ascii", "replace").upper().split()) or (
            "IMAP4REV1",
        )

    # Responses.

    def _get_response(self, *args: Any) -> bytes | None:
        """Read one response; None for a continuation, as imaplib wants it."""
        line = self.wire.readline()
        if line.startswith(b"* "):
            self._greeted = True
            self._take_untagged(line[2:])
            return line
        tag, _, rest = line.partition(b" ")
        if tag in self.tagged_commands:
            self._take_tagged(tag, rest)
            return line
        if line.startswith(b"+") and self._greeted:
            self.continuation_response: Any = line[2:]
            return None
        self._refuse_line(line)

    def _take_tagged(self, tag: bytes, rest: bytes) -> None:
        status, _, text = rest.partition(b" ")
        name = status.decode("ascii", "replace").upper()
        if name not in ("OK", "NO", "BAD"):
            self.wire.fail(escape_text(b"an answer that is none: " + rest))
        code = self._take_code(text)
        self.last_reply = Reply(name, code, text.decode("utf-8", "backslashreplace"))
        self._replies[tag] = self.last_reply
        tagged: Any = self.tagged_commands
        tagged[tag] = (name, [text])

    def _take_untagged(self, data: bytes) -> None:
        word, _, rest = data.partition(b" ")
        number = b""
        if word.isdigit():
            number = word
            word, _, rest = rest.partition(b" ")
        kind = word.decode("ascii", "replace").upper()
        if kind in _STATUSES:
            self._take_code(rest)
            self._append_untagged(kind, rest)
            return
        line = self._read_parts(kind, rest)
        if kind == "EXISTS":
            self._append_untagged(kind, number)
        else:
            self._append_untagged(kind, (number, *line) if number else line)

    def _take_code(self, text: bytes) -> str | None:
        match = _CODE.match(text)
        if match is None:
            return None
        name = match.group(1).decode("ascii").upper()
        value = match.group(2) or b""
        self._append_untagged(name, (value,) if name == "CAPABILITY" else value)
        return name

    def _read_parts(self, kind: str, text: bytes) -> Line:
        """The line's text with its literals, each literal between two texts."""
        parts: list[bytes | Literal] = []
        while match := _LITERAL.search(text):
            size = int(match.group(1))
            parts.append(text[: match.start()])
            parts.append(self._read_literal(size))
            text = self.wire.readline()
            if not text and kind == "FETCH":  # never the end there: some servers add a line end
                text = self.wire.readline()
        parts.append(text)
        return tuple(parts)

    def _read_literal(self, size: int) -> Literal:
        keep = min(size, self.keep_bytes)
        keep = keep if keep <= self._kept_left else 0
        self._kept_left -= keep
        return Literal(self.wire.read_literal(size, keep), size)

    def _append_untagged(self, typ: str, dat: Any) -> None:
        """Keep what can matter: a flood of anything else takes no memory."""
        if typ not in _KEPT:
            return
        if typ not in _COLLECTED:
            self.untagged_responses[typ] = [dat]
            return
        lines = self.untagged_responses.setdefault(typ, [])
        if len(lines) >= _MAX_COLLECTED:
            self.wire.fail(f"more than {_MAX_COLLECTED} {typ} lines in one answer")
        lines.append(dat)

    def _refuse_line(self, line: bytes) -> NoReturn:
        if self._greeted:
            self.wire.fail(escape_text(b"a line that is no IMAP: " + line))
        symptom = next((word for start, word in _BANNERS if line.startswith(start)), "protocol")
        self.wire.close()
        raise UnsafeConnectionError(
            protocol="imap",
            host=self.wire.endpoint.host,
            port=self.wire.endpoint.port,
            detail=escape_text(b"it is no IMAP server, it says: " + line),
            symptom=symptom,
        )


class GuardedClient(IMAPClient):  # type: ignore[misc]
    """imapclient over `GuardedImap4`, with its debug log off: that would format every byte."""

    def __init__(self, wire: Wire, command_timeout_s: float, greeting_timeout_s: float) -> None:
        """As `GuardedImap4`."""
        self._parts = (wire, command_timeout_s, greeting_timeout_s)
        super().__init__(wire.endpoint.host, wire.endpoint.port, ssl=False)
        self.imap.debug = 0

    @property
    def imap(self) -> GuardedImap4:
        """The layer below."""
        imap: GuardedImap4 = self._imap
        return imap

    def _create_IMAP4(self) -> GuardedImap4:  # noqa: N802 - imapclient's own name
        return GuardedImap4(*self._parts)

    def _set_read_timeout(self) -> None:
        """The wire has its own deadlines."""
