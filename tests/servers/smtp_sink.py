"""A real SMTP server (aiosmtpd) that takes logins and mail, and remembers both."""

import asyncio
import contextlib
import ssl
import threading
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

LOOPBACK = "127.0.0.1"
START_TIMEOUT_S = 30.0


@dataclass(frozen=True, slots=True)
class SinkMessage:
    """One message as it arrived."""

    mail_from: str
    rcpt_tos: tuple[str, ...]
    content: bytes


@dataclass
class SmtpSink:
    """What one running sink takes, refuses and saw. Change `replies` at any time.

    `replies` replaces the answer to a verb (AUTH, MAIL, RCPT, DATA): such as
    {"MAIL": "553 5.7.1 not owned by user"}. `verbs` are all commands in order.
    """

    username: str = "sales@acme.example"
    password: str = "sink-test-secret"
    port: int = 0
    replies: dict[str, str] = field(default_factory=dict)
    logins: list[str] = field(default_factory=list)
    verbs: list[str] = field(default_factory=list)
    messages: list[SinkMessage] = field(default_factory=list)

    def check_login(
        self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any
    ) -> AuthResult:
        """aiosmtpd's authenticator: counts every attempt."""
        self.logins.append(mechanism)
        assert isinstance(data, LoginPassword)
        right = (self.username.encode(), self.password.encode())
        if "AUTH" in self.replies:
            return AuthResult(success=False, handled=False, message=self.replies["AUTH"])
        return AuthResult(success=(data.login, data.password) == right, handled=False)

    async def handle_MAIL(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Refuse or take the sender."""
        if "MAIL" in self.replies:
            return self.replies["MAIL"]
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 OK"

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Refuse or take a recipient."""
        if "RCPT" in self.replies:
            return self.replies["RCPT"]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        """Refuse or keep a message."""
        if "DATA" in self.replies:
            return self.replies["DATA"]
        content = envelope.original_content or b""
        sender = envelope.mail_from or ""
        self.messages.append(SinkMessage(sender, tuple(envelope.rcpt_tos), content))
        return "250 OK"


class _CountingSmtp(SMTP):
    """aiosmtpd's server that tells the sink each verb."""

    async def _call_handler_hook(self, command: str, *args: Any) -> Any:
        self.event_handler.verbs.append(command)
        return await super()._call_handler_hook(command, *args)

    async def smtp_EHLO(self, hostname: str) -> None:
        self.event_handler.verbs.append("EHLO")
        await super().smtp_EHLO(hostname)

    async def smtp_STARTTLS(self, arg: str) -> None:
        self.event_handler.verbs.append("STARTTLS")
        await super().smtp_STARTTLS(arg)


@contextlib.contextmanager
def run_smtp_sink(
    *,
    tls: ssl.SSLContext | None = None,
    starttls: ssl.SSLContext | None = None,
    mechanisms: tuple[str, ...] = ("PLAIN", "LOGIN"),
    username: str = "sales@acme.example",
    password: str = "sink-test-secret",  # noqa: S107 - a test server's own
) -> Iterator[SmtpSink]:
    """Run a sink on a free loopback port: plain by default, or one kind of TLS."""
    sink = SmtpSink(username, password)
    loop = asyncio.new_event_loop()
    ready = threading.Event()

    def make_protocol() -> SMTP:
        warnings.filterwarnings("ignore", "Requiring AUTH while not requiring TLS")
        excluded = {"PLAIN", "LOGIN"} - set(mechanisms)
        return _CountingSmtp(
            sink,
            loop=loop,
            hostname="smtp.acme.example",
            tls_context=starttls,
            require_starttls=starttls is not None,
            auth_required=True,
            auth_require_tls=starttls is not None,
            auth_exclude_mechanism=excluded,
            authenticator=sink.check_login,
            enable_SMTPUTF8=True,
        )

    def serve() -> None:
        asyncio.set_event_loop(loop)
        server = loop.run_until_complete(loop.create_server(make_protocol, LOOPBACK, 0, ssl=tls))
        sink.port = server.sockets[0].getsockname()[1]
        ready.set()
        loop.run_forever()
        server.close()
        pending = asyncio.all_tasks(loop)
        for task in pending:
            task.cancel()
        loop.run_until_complete(asyncio.gather(*pending, return_exceptions=True))
        loop.close()

    thread = threading.Thread(target=serve, name="smtp-sink", daemon=True)
    thread.start()
    assert ready.wait(START_TIMEOUT_S), "the SMTP sink did not start"
    try:
        yield sink
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(START_TIMEOUT_S)
