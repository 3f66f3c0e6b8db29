"""A small SMTP client for verification: one conversation, bounded in time and size.

Own code instead of `smtplib`, because a verification needs what that does not give: one deadline
over the whole conversation, an end where bytes arrive around STARTTLS, UTF-8 in AUTH, exactly one
login attempt, and exceptions that hold no secret. Source: RFC 5321, RFC 3207, RFC 4954.
"""

import base64
import json
import socket
import ssl
import time
from dataclasses import dataclass
from typing import Final

from mailcrm.adapters.dial import connection_error, protect
from mailcrm.records import AuthKind, Credential, Direction, Encryption, Endpoint, TlsPolicy

__all__ = ["Reply", "SmtpClient", "choose_mechanism"]

_MAX_LINE_BYTES: Final = 16_384
_MAX_LINES: Final = 128
# First bytes of what is not SMTP, and what it is.
_STRANGERS: Final = {
    b"HTTP/": "http_server",
    b"SSH-": "ssh_server",
    b"+OK": "pop3_server",
    b"-ERR": "pop3_server",
    b"* ": "imap_server",
}


@dataclass(frozen=True, slots=True)
class Reply:
    """One reply: its code and its words, lines joined by a space, enhanced codes included."""

    code: int
    lines: tuple[str, ...]

    @property
    def text(self) -> str:
        """All lines in one."""
        return " ".join(self.lines)

    @property
    def is_ok(self) -> bool:
        """Whether the command was carried out (2yz)."""
        return 200 <= self.code < 300


class SmtpClient:
    """One conversation with one server.

    Every method may raise OSError (closed, silent), and ServerUnreachableError or
    UnsafeConnectionError with a symptom.
    """

    def __init__(self, sock: socket.socket, endpoint: Endpoint, deadline: float) -> None:
        """Take over a connected socket; `deadline` is a `time.monotonic` moment for everything."""
        self._sock = sock
        self._endpoint = endpoint
        self._deadline = deadline
        self._buffer = b""
        self._is_greeted = False
        self.capabilities: dict[str, str] = {}

    def read_greeting(self, timeout_s: float) -> Reply:
        """Wait for the server's first word; what is not SMTP raises with its symptom."""
        reply = self._read_reply(timeout_s)
        self._is_greeted = True
        return reply

    def say_hello(self, timeout_s: float) -> Reply:
        """EHLO with our address as a literal; keeps what the server offers."""
        reply = self.command(f"EHLO {_own_literal(self._sock)}", timeout_s)
        self.capabilities = {}
        if reply.is_ok:
            for line in reply.lines[1:]:
                word, _, rest = line.replace("=", " ", 1).partition(" ")
                known = self.capabilities.get(word.upper(), "")
                self.capabilities[word.upper()] = f"{known} {rest.upper()}".strip()
        return reply

    def start_tls(self, policy: TlsPolicy, timeout_s: float) -> Reply | None:
        """STARTTLS and the handshake; nothing learned in plain text is kept, so EHLO again.

        Returns:
            None once the connection is protected; else what the server said instead of 220.
        """
        if "STARTTLS" not in self.capabilities:
            raise connection_error(Direction.SMTP, self._endpoint, "starttls_missing")
        reply = self.command("STARTTLS", timeout_s)
        if reply.code != 220:
            return reply
        if self._buffer:
            raise connection_error(Direction.SMTP, self._endpoint, "injected")
        self._sock = protect(self._sock, Direction.SMTP, self._endpoint, policy, timeout_s)
        self.capabilities = {}
        return None

    def authenticate(self, mechanism: str, credential: Credential, timeout_s: float) -> Reply:
        """Log in once with PLAIN, LOGIN or XOAUTH2; the reply says how it went.

        Raises UnsafeConnectionError instead where the endpoint wants TLS and there is none.
        """
        wants_tls = self._endpoint.encryption is not Encryption.NONE
        if wants_tls and not isinstance(self._sock, ssl.SSLSocket):
            raise connection_error(Direction.SMTP, self._endpoint, "starttls_refused")
        if mechanism == "LOGIN":
            return self._login(credential, timeout_s)
        if mechanism == "XOAUTH2":
            return self._bearer(credential, timeout_s)
        secret = _encode(f"\0{credential.username}\0{credential.password}")
        reply = self.command(f"AUTH PLAIN {secret}", timeout_s)
        # A server that overlooks the initial response asks for it: still the same attempt.
        return self.command(secret, timeout_s) if reply.code == 334 else reply

    def command(self, line: str, timeout_s: float) -> Reply:
        """Send one line and read its reply; bytes that came unasked end the conversation."""
        if any(character in line for character in "\r\n\0"):
            raise ValueError("a line end inside a command")
        if self._buffer:
            raise connection_error(Direction.SMTP, self._endpoint, "injected")
        self._limit(timeout_s)
        self._sock.sendall(line.encode("utf-8") + b"\r\n")
        return self._read_reply(timeout_s)

    def send_content(self, content: bytes, timeout_s: float) -> Reply:
        """Send a message after 354: lines that begin with a dot get another, then the end.

        Source: RFC 5321 §4.5.2. Bare line ends are refused: servers disagree on what they end.
        """
        lines = content.split(b"\r\n")
        if any(b"\r" in line or b"\n" in line or len(line) > 998 for line in lines):
            raise ValueError("a line of the message is not fit to be sent")
        stuffed = b"\r\n".join(b"." + line if line.startswith(b".") else line for line in lines)
        self._limit(timeout_s)
        self._sock.sendall(stuffed.removesuffix(b"\r\n") + b"\r\n.\r\n")
        return self._read_reply(timeout_s)

    def close(self) -> None:
        """Say QUIT to an SMTP server, without waiting, and close; never raises."""
        try:
            self._sock.settimeout(1.0)
            if self._is_greeted:
                self._sock.sendall(b"QUIT\r\n")
        except (OSError, ValueError):
            pass
        finally:
            self._sock.close()

    def _login(self, credential: Credential, timeout_s: float) -> Reply:
        reply = self.command("AUTH LOGIN", timeout_s)
        for part in (credential.username, credential.password):
            if reply.code != 334:
                return reply
            reply = self.command(_encode(part), timeout_s)
        return reply

    def _bearer(self, credential: Credential, timeout_s: float) -> Reply:
        """XOAUTH2: the refusal's reason comes as a base64 challenge, which wants an empty line."""
        secret = _encode(f"user={credential.username}\x01auth=Bearer {credential.password}\x01\x01")
        reply = self.command(f"AUTH XOAUTH2 {secret}", timeout_s)
        if reply.code != 334:
            return reply
        reason = _decode_challenge(reply.text)
        final = self.command("", timeout_s)
        return Reply(final.code, (*final.lines, reason)) if reason else final

    def _read_reply(self, timeout_s: float) -> Reply:
        end = min(time.monotonic() + timeout_s, self._deadline)
        lines: list[str] = []
        while len(lines) < _MAX_LINES:
            raw = self._read_line(end)
            code, separator = raw[:3], raw[3:4]
            if not (code.isdigit() and len(code) == 3 and separator in (b" ", b"-", b"")):
                raise connection_error(Direction.SMTP, self._endpoint, _name_stranger(raw))
            lines.append(raw[4:].decode("utf-8", "backslashreplace").strip())
            if separator != b"-":
                return Reply(int(code), tuple(lines))
        raise connection_error(Direction.SMTP, self._endpoint, "protocol")

    def _read_line(self, end: float) -> bytes:
        while b"\n" not in self._buffer:
            if len(self._buffer) > _MAX_LINE_BYTES:
                raise connection_error(Direction.SMTP, self._endpoint, _name_stranger(self._buffer))
            self._limit(end - time.monotonic())
            received = self._sock.recv(4096)
            if not received:
                raise ConnectionResetError("the server closed the connection")
            self._buffer += received
        line, _, self._buffer = self._buffer.partition(b"\n")
        return line.rstrip(b"\r")

    def _limit(self, timeout_s: float) -> None:
        remaining = min(timeout_s, self._deadline - time.monotonic())
        if remaining <= 0:
            raise TimeoutError("the conversation took too long")
        self._sock.settimeout(remaining)


def choose_mechanism(offered: str, kind: AuthKind, credential: Credential) -> str | None:
    """The one mechanism to log in with, or None where nothing fits.

    Args:
        offered: The words after AUTH in the server's EHLO, upper-case.
        kind: XOAUTH2 sends a token and nothing else; a password goes by PLAIN before LOGIN.
        credential: A non-ASCII one goes by PLAIN only, which is UTF-8 by RFC 4616.
    """
    words = offered.split()
    if kind is AuthKind.XOAUTH2:
        return "XOAUTH2" if "XOAUTH2" in words else None
    if "PLAIN" in words:
        return "PLAIN"
    is_ascii = credential.username.isascii() and credential.password.isascii()
    return "LOGIN" if "LOGIN" in words and is_ascii else None


def _name_stranger(raw: bytes) -> str:
    return next((name for lead, name in _STRANGERS.items() if raw.startswith(lead)), "protocol")


def _own_literal(sock: socket.socket) -> str:
    """Our own address in the form of RFC 5321 §4.1.3: needs no DNS and tells no host name."""
    host = str(sock.getsockname()[0]).split("%")[0]
    return f"[IPv6:{host}]" if ":" in host else f"[{host}]"


def _encode(text: str) -> str:
    return base64.b64encode(text.encode("utf-8")).decode("ascii")


def _decode_challenge(text: str) -> str:
    """What the error challenge of XOAUTH2 says; empty where it is not JSON."""
    try:
        loaded = json.loads(base64.b64decode(text, validate=True))
        return " ".join(f"{key}={value}" for key, value in loaded.items())
    except (ValueError, AttributeError, RecursionError):
        return ""
