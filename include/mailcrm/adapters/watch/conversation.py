"""Commands and answers of one watched connection: one command at a time, nothing kept.

Everything that a server may say unasked is taken as it comes: the count of messages, that it is
about to hang up, what it can. All else is dropped where it arrives.
"""

import base64
import re
from collections.abc import Sequence
from typing import Final

from mailcrm.adapters.dial import connection_error
from mailcrm.adapters.imap.answers import explain_refusal
from mailcrm.adapters.imap.folder_names import quote
from mailcrm.adapters.imap.words import Line, Reply, check_command
from mailcrm.adapters.watch.wire import WatchWire
from mailcrm.errors import ServerUnreachableError
from mailcrm.records import AuthKind, Credential, Direction, Mailbox
from mailcrm.records.text import escape_text, hide_secrets

__all__ = ["Conversation"]

_CODE: Final = re.compile(rb"\[([A-Za-z0-9-]{1,40})(?: ([^\]]*))?\]")
_BUDGET_BYTES: Final = 1024 * 1024
_MAX_LISTED: Final = 20_000
_LARGEST: Final = 4_294_967_295


class Conversation:
    """What was said on one connection, as far as it matters."""

    def __init__(self, mailbox: Mailbox, timeout_s: float) -> None:
        """`timeout_s` is the patience for one answer."""
        self.mailbox = mailbox
        self.capabilities: frozenset[str] = frozenset()
        self.numbers: dict[str, int] = {}
        self.listed: list[Line] = []
        self.status: bytes = b""
        self.exists: int | None = None
        self.has_grown = False
        self.continuation: bytes | None = None
        self.reply: Reply | None = None
        # Whether anything came after the end of the last command: around STARTTLS nothing may.
        self.has_extra = False
        self.wire = WatchWire(mailbox.imap, self.take_line)
        self._timeout_s = timeout_s
        self._greeting: tuple[str, bytes] | None = None
        self._tag = b""
        self._count = 0

    async def greet(self, timeout_s: float) -> None:
        """Read the greeting.

        Raises:
            ThrottledError, ServerRefusedError: it is BYE.
            UnsafeConnectionError: it is no IMAP, or the server thinks that we are logged in.
            ServerUnreachableError
        """
        if not await self.wire.until(lambda: self._greeting is not None, timeout_s):
            self.wire.fail("no greeting", "silent")
            raise connection_error(Direction.IMAP, self.mailbox.imap, "silent")
        word, text = self._greeting or ("", b"")
        if word == "BYE":
            reply = Reply("BYE", None, text.decode("utf-8", "backslashreplace"))
            raise explain_refusal(self.mailbox, "greeting", "the connection", reply)
        if word != "OK":
            symptom = "preauth" if word == "PREAUTH" else "protocol"
            raise connection_error(Direction.IMAP, self.mailbox.imap, symptom)

    async def ask(
        self,
        verb: str,
        *args: bytes,
        budget_bytes: int = _BUDGET_BYTES,
        credential: Credential | None = None,
    ) -> Reply:
        """Send one command and wait for its end.

        Args:
            verb: One of the read-only verbs.
            args: Ready for the wire.
            budget_bytes: What the answer may bring.
            credential: Blotted out of what the server says.

        Raises:
            ServerUnreachableError: the connection broke, or no answer came.
            SettingsError: an argument or the verb may not be sent.
        """
        self.begin(verb, *args, budget_bytes=budget_bytes)
        return await self.finish(verb, credential)

    def begin(self, verb: str, *args: bytes, budget_bytes: int = _BUDGET_BYTES) -> None:
        """Send a command without waiting."""
        check_command(verb, args)
        self._count += 1
        self._tag = b"w%d" % self._count
        self.reply = self.continuation = None
        self.has_extra = False
        self.wire.arm(budget_bytes)
        self.wire.send(b" ".join((self._tag, verb.encode(), *args)) + b"\r\n")

    async def finish(self, verb: str, credential: Credential | None = None) -> Reply:
        """Wait for the end of the command that was begun."""
        if not await self.wire.until(lambda: self.reply is not None, self._timeout_s):
            self._be_silent(verb)
        reply = self.reply or Reply("", None, "")
        if credential is None:
            return reply
        text = hide_secrets(reply.text, credential.username, credential.password)
        return Reply(reply.status, reply.code, text)

    async def wait_continuation(self, verb: str) -> bool:
        """Wait until the server asks for more; False where it ended the command instead."""
        met = await self.wire.until(
            lambda: self.reply is not None or self.continuation is not None, self._timeout_s
        )
        if not met:
            self._be_silent(verb)
        return self.reply is None

    async def log_in(self, credential: Credential) -> Reply:
        """Try the credential once; NO with code MECHANISM is ours: nothing was sent."""
        name, secret = credential.username, credential.password
        if self.mailbox.auth is AuthKind.XOAUTH2:
            token = f"user={name}\1auth=Bearer {secret}\1\1"
            return await self._sasl("XOAUTH2", token, credential)
        if (name + secret).isascii() and "LOGINDISABLED" not in self.capabilities:
            values = (quote(name.encode()), quote(secret.encode()))
            return await self.ask("LOGIN", *values, credential=credential)
        if "AUTH=PLAIN" in self.capabilities:
            return await self._sasl("PLAIN", f"\0{name}\0{secret}", credential)
        return Reply("NO", "MECHANISM", "this server offers no way to log in that fits")

    async def read_capabilities(self) -> None:
        """Ask what the server can, unless it has said so since the last time."""
        if not self.capabilities:
            await self.ask("CAPABILITY")

    def take_line(self, line: Line) -> None:
        """One response, as it arrives."""
        self.has_extra = self.has_extra or self.reply is not None
        first = line[0] if isinstance(line[0], bytes) else b""
        if first.startswith(b"* "):
            self._take_untagged(first[2:], line)
        elif first.startswith(b"+") and self._greeting is not None:
            self.continuation = first[2:]
        elif self._tag and first.startswith(self._tag + b" "):
            self._take_tagged(first[len(self._tag) + 1 :])
        elif self._greeting is None:
            self._greeting = ("", b"")
        else:
            self.wire.fail(escape_text(b"a line that is no IMAP: " + first))

    def _take_tagged(self, rest: bytes) -> None:
        word, _, text = rest.partition(b" ")
        status = word.decode("ascii", "replace").upper()
        if status not in ("OK", "NO", "BAD"):
            self.wire.fail(escape_text(b"an answer that is none: " + rest))
            return
        code = self._take_code(text)
        self.reply = Reply(status, code, text.decode("utf-8", "backslashreplace"))

    def _take_untagged(self, data: bytes, line: Line) -> None:
        word, _, rest = data.partition(b" ")
        number = 0
        if word.isdigit() and len(word) <= 10:
            number = int(word)
            word, _, rest = rest.partition(b" ")
        kind = word.decode("ascii", "replace").upper()
        if self._greeting is None:
            self._greeting = (kind, rest)
        if kind in ("OK", "NO", "BAD", "PREAUTH"):
            self._take_code(rest)
        elif kind in ("EXISTS", "EXPUNGE"):
            self._count_messages(kind, number)
        elif kind == "CAPABILITY":
            self._take_capabilities(rest)
        elif kind == "STATUS":
            last = line[-1]
            self.status = last if isinstance(last, bytes) else b""
        elif kind == "LIST" and len(self.listed) < _MAX_LISTED:
            self.listed.append((rest, *line[1:]))
        elif kind == "BYE":
            self.wire.fail(escape_text(b"the server said goodbye: " + rest), "closed")

    def _count_messages(self, kind: str, number: int) -> None:
        """More messages than before are news; fewer, or other flags, are not."""
        if kind == "EXPUNGE":
            self.exists = max(0, self.exists - 1) if self.exists is not None else None
            return
        if self.exists is not None and number > self.exists:
            self.has_grown = True
        self.exists = number

    def _take_code(self, text: bytes) -> str | None:
        match = _CODE.match(text)
        if match is None:
            return None
        name = match.group(1).decode("ascii").upper()
        value = match.group(2) or b""
        if name == "CAPABILITY":
            self._take_capabilities(value)
        elif value.isdigit() and len(value) <= 10 and int(value) <= _LARGEST:
            self.numbers[name] = int(value)
        return name

    def _take_capabilities(self, text: bytes) -> None:
        self.capabilities = frozenset(text.decode("ascii", "replace").upper().split())

    async def _sasl(self, mechanism: str, response: str, credential: Credential) -> Reply:
        """Answer the first challenge with the response, one more (XOAUTH2's error) with nothing."""
        encoded = base64.b64encode(response.encode())
        self.begin("AUTHENTICATE", mechanism.encode())
        for answer in (encoded, b""):
            if not await self.wait_continuation("AUTHENTICATE"):
                break
            self.continuation = None
            self.wire.send(answer + b"\r\n")
        return await self.finish("AUTHENTICATE", credential)

    def _be_silent(self, verb: str) -> None:
        """Give the connection up, because no answer came."""
        self.wire.fail(f"no answer to {verb} within {self._timeout_s:.0f} s", "timeout")
        if isinstance(self.wire.failure, ServerUnreachableError):
            raise self.wire.failure


def quote_all(words: Sequence[str]) -> bytes:
    """A parenthesised list of quoted strings."""
    return b"(" + b" ".join(quote(word.encode()) for word in words) + b")"
