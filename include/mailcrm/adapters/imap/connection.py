"""From an endpoint to a logged-in session, stage by stage; each stage can be had by itself.

The stages are resolve, connect, tls, greeting, authenticate; `on_stage` hears of each as it
begins, so whoever catches an error knows how far it came.
"""

import contextlib
import imaplib
from importlib import metadata
from typing import Final

from imapclient.exceptions import LoginError

from mailcrm.adapters.dial import connection_error, hosts_allowed, open_socket
from mailcrm.adapters.imap.answers import explain_refusal
from mailcrm.adapters.imap.folder_names import quote
from mailcrm.adapters.imap.protocol import GuardedClient
from mailcrm.adapters.imap.wire import Wire
from mailcrm.adapters.imap.words import Reply
from mailcrm.errors import ImapCredentialError
from mailcrm.ports import StageCallback
from mailcrm.records import AuthKind, Credential, Direction, Encryption, Mailbox
from mailcrm.records.text import hide_secrets
from mailcrm.settings import Settings

__all__ = ["ImapConnection", "connect_imap"]

_LOGOUT_TIMEOUT_S: Final = 5.0


class ImapConnection:
    """A connected server, protected as the mailbox asks, not logged in yet."""

    def __init__(
        self, mailbox: Mailbox, client: GuardedClient, without: frozenset[str] = frozenset()
    ) -> None:
        """Made by `connect_imap`; extensions in `without` are not used though offered.

        `alert` is what the server wants people to read, raw, once somebody logged in.
        """
        self._without = without
        self.alert: str | None = None
        self.mailbox = mailbox
        self.client = client
        self.imap = client.imap

    def login(self, credential: Credential) -> Reply:
        """Try the credential once.

        Returns:
            The server's answer with the secret blotted out, OK or not. NO with code MECHANISM is
            ours: the server offers no way to log in that fits, and was not asked.

        Raises:
            ImapCredentialError: the credential cannot be sent at all.
            ServerUnreachableError: the connection broke.
        """
        _check_sendable(self.mailbox, credential)
        reply = self._authenticate(credential)
        said = [str(line, "utf-8", "backslashreplace") for line in self.imap.take("OK")]
        said += [reply.text] if reply.code == "ALERT" else []
        self.alert = next((text for text in said if "[ALERT]" in text.upper()), None)
        if reply.is_ok:
            self.imap.state = "AUTH"
            self.imap.refresh_capabilities()
        text = hide_secrets(reply.text, credential.username, credential.password)
        return Reply(reply.status, reply.code, text)

    def send_id(self) -> None:
        """Say who we are: some providers refuse folders to clients that do not (RFC 2971)."""
        fields = ("name", "mailcrm", "version", _version())
        self.imap.execute("ID", b"(" + b" ".join(quote(f.encode()) for f in fields) + b")")

    def offers(self, capability: str) -> bool:
        """Whether the server advertises a capability, upper-case, that is not switched off."""
        return capability in self.imap.capabilities and capability not in self._without

    def close(self) -> None:
        """Log out where the connection still stands, and close it; never raises."""
        with contextlib.suppress(Exception):  # a failed farewell changes nothing
            if self.imap.wire.is_open:
                self.imap.command_timeout_s = _LOGOUT_TIMEOUT_S
                self.client.logout()
        self.imap.wire.close()

    def _authenticate(self, credential: Credential) -> Reply:
        is_ascii = (credential.username + credential.password).isascii()
        if self.mailbox.auth is AuthKind.XOAUTH2:
            token = f"user={credential.username}\1auth=Bearer {credential.password}\1\1"
            return self._sasl("XOAUTH2", token)
        if is_ascii and not self.offers("LOGINDISABLED"):
            values = (credential.username.encode(), credential.password.encode())
            return self.imap.execute("LOGIN", *map(quote, values))
        if self.offers("AUTH=PLAIN"):
            return self._sasl("PLAIN", f"\0{credential.username}\0{credential.password}")
        text = "this server takes no LOGIN and offers no AUTH=PLAIN"
        if not self.offers("LOGINDISABLED"):
            text = "this server offers no AUTH=PLAIN, which names with other letters need"
        return Reply("NO", "MECHANISM", text)

    def _sasl(self, mechanism: str, response: str) -> Reply:
        """Answer the first challenge with the response, later ones (XOAUTH2's error) with nothing.

        imapclient's own oauth2_login would send the token again.
        """
        answers = iter([response.encode()])
        with contextlib.suppress(LoginError, imaplib.IMAP4.error):  # the reply says it
            self.client.sasl_login(mechanism, lambda _: next(answers, b""))
        if self.imap.untagged_responses.get("BYE") or not self.imap.last_reply.status:
            self.imap.wire.fail("the server closed the connection during the login", "closed")
        return self.imap.last_reply


def connect_imap(
    mailbox: Mailbox, settings: Settings, on_stage: StageCallback = lambda stage: None
) -> ImapConnection:
    """Connect, read the greeting, and encrypt, all before any credential is sent.

    Args:
        mailbox: Its imap endpoint and trust.
        settings: The timeouts.
        on_stage: Hears of resolve, connect, tls and greeting as each begins.

    Raises:
        ServerUnreachableError, UnsafeConnectionError: see the symptom.
        ThrottledError, ServerRefusedError: the greeting was BYE.
        SettingsError: tls.ca_file cannot be used.
    """
    timeout_s = settings.connect_timeout_s
    allowed = hosts_allowed(mailbox, settings)
    sock = open_socket(Direction.IMAP, mailbox.imap, mailbox.tls, timeout_s, on_stage, allowed)
    wire = Wire(sock, mailbox.imap)
    try:
        on_stage("greeting")
        client = _greet(mailbox, wire, settings)
        if client.imap.state == "AUTH":
            raise connection_error(Direction.IMAP, mailbox.imap, "preauth")
        if mailbox.imap.encryption is Encryption.STARTTLS:
            on_stage("tls")
            _start_tls(mailbox, client, timeout_s)
    except BaseException:
        wire.close()
        raise
    without = frozenset(name.strip().upper() for name in (settings.imap_without or "").split(","))
    return ImapConnection(mailbox, client, without)


def _greet(mailbox: Mailbox, wire: Wire, settings: Settings) -> GuardedClient:
    try:
        return GuardedClient(wire, settings.command_timeout_s, settings.greeting_timeout_s)
    except imaplib.IMAP4.error as error:
        first = error.args[0] if error.args else b""
        words = first if isinstance(first, bytes) else str(first).encode()
    _, _, text = words.removeprefix(b"* ").partition(b" ")
    reply = Reply("BYE", None, text.decode("utf-8", "backslashreplace"))
    raise explain_refusal(mailbox, "greeting", "the connection", reply) from None


def _start_tls(mailbox: Mailbox, client: GuardedClient, timeout_s: float) -> None:
    """Encrypt; nothing that the server said in plain text is remembered afterwards.

    Source: RFC 9051 §11.1; https://nostarttls.secvuln.info (responses injected before TLS).
    """
    imap = client.imap
    if "STARTTLS" not in imap.capabilities:
        raise connection_error(Direction.IMAP, mailbox.imap, "starttls_missing")
    if not imap.execute("STARTTLS").is_ok:
        raise connection_error(Direction.IMAP, mailbox.imap, "starttls_refused")
    if imap.wire.has_leftovers:
        raise connection_error(Direction.IMAP, mailbox.imap, "injected")
    imap.wire.start_tls(mailbox.tls, timeout_s)
    imap.untagged_responses.clear()
    imap.refresh_capabilities()


def _check_sendable(mailbox: Mailbox, credential: Credential) -> None:
    for name, value in (("login", credential.username), ("password", credential.password)):
        if any(c in value for c in "\r\n\0"):
            reason = f"the {name} holds a line end or NUL, which no server can take"
            raise ImapCredentialError(mailbox_id=mailbox.id, reason=reason)
        try:
            value.encode()
        except UnicodeError:
            reason = f"the {name} holds characters that cannot be sent"
            raise ImapCredentialError(mailbox_id=mailbox.id, reason=reason) from None


def _version() -> str:
    try:
        return metadata.version("mailcrm")
    except metadata.PackageNotFoundError:
        return "0"
