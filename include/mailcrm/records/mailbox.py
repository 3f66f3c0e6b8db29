"""A mailbox as the registry knows it, its credentials, and what a verification found."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Encryption(StrEnum):
    """How a connection is protected; `none` is for loopback only."""

    TLS = "tls"
    STARTTLS = "starttls"
    NONE = "none"


class Direction(StrEnum):
    """The two halves of a mailbox, verified apart."""

    IMAP = "imap"
    SMTP = "smtp"


class Ownership(StrEnum):
    """Whether one person or several own the address."""

    PERSONAL = "personal"
    SHARED = "shared"


class AuthKind(StrEnum):
    """What the connection's password field holds."""

    PASSWORD = "password"  # noqa: S105 (the name of a way to log in)
    XOAUTH2 = "xoauth2"


class Origin(StrEnum):
    """Who named the servers: someone with the command line, or someone on a web page.

    Servers named on a web page are connected to only outside this network, on the ports of mail,
    unless an operator vouches for them (MAILCRM_ALLOWED_HOSTS).
    """

    OPERATOR = "operator"
    WEB = "web"


class MailboxState(StrEnum):
    """Whether the mailbox's runs do anything."""

    ACTIVE = "active"
    PAUSED = "paused"
    REMOVED = "removed"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where one direction's server listens."""

    host: str
    port: int
    encryption: Encryption


@dataclass(frozen=True, slots=True)
class TlsPolicy:
    """Trust beyond the system's store: a CA file, or the SHA-256 pin of the certificate (hex)."""

    ca_file: str | None = None
    pin_sha256: str | None = None


@dataclass(frozen=True, slots=True)
class Backfill:
    """How far the first window reaches back.

    `since` (a UTC date) wins; else `days` before the day on which the mailbox was connected.
    """

    since: dt.date | None = None
    days: int = 7


@dataclass(frozen=True, slots=True)
class Approval:
    """When a widening needs a person's sign-off; None means never for that reason."""

    over_days: int | None = None
    over_messages: int | None = None
    reviewed_sample: int | None = None


@dataclass(frozen=True, slots=True)
class SharedChecklist:
    """What must be settled before several people share one address."""

    owner_team: str
    record_target: str
    display_name_of: str
    rotation_owner: str
    failed_send_monitor: str


@dataclass(frozen=True, slots=True)
class Mailbox:
    """One synced address: the registry's entry, without any secret."""

    id: str
    address: str
    display_name: str
    imap: Endpoint
    smtp: Endpoint
    folders: tuple[str, ...]
    backfill: Backfill
    schedule: str | None
    ownership: Ownership
    own_addresses: tuple[str, ...] = ()
    shared: SharedChecklist | None = None
    tls: TlsPolicy = TlsPolicy()
    auth: AuthKind = AuthKind.PASSWORD
    trusted_authserv_ids: tuple[str, ...] = ()
    approval: Approval = Approval()
    idle: bool | None = None
    freshness: dt.timedelta | None = None
    origin: Origin = Origin.OPERATOR
    state: MailboxState = MailboxState.ACTIVE
    connected_at: dt.datetime | None = None

    def endpoint(self, direction: Direction) -> Endpoint:
        """The server of one direction."""
        return self.imap if direction is Direction.IMAP else self.smtp

    def all_own_addresses(self) -> frozenset[str]:
        """Every address that is us, lower-cased."""
        return frozenset(a.lower() for a in (self.address, *self.own_addresses))


TOKEN_REFRESH_FIELDS = ("token_url", "client_id", "refresh_token", "client_secret", "scope")


@dataclass(frozen=True, slots=True)
class TokenRefresh:
    """How a new access token is had: OAuth 2's refresh grant; secrets never show in a repr."""

    token_url: str
    client_id: str
    refresh_token: str = field(repr=False)
    client_secret: str = field(default="", repr=False)
    scope: str = ""

    @classmethod
    def of(cls, values: Mapping[str, object]) -> "TokenRefresh | None":
        """Out of the fields' names and values, others among them; None where one is missing.

        An empty value is none; the last two may be missing.
        """
        found = {name: str(values[name]) for name in TOKEN_REFRESH_FIELDS if values.get(name)}
        is_whole = all(name in found for name in TOKEN_REFRESH_FIELDS[:3])
        return cls(**found) if is_whole else None


@dataclass(frozen=True, slots=True)
class Credential:
    """A username and its secret; the secret never shows in a repr.

    With `refresh` the password, a token, is renewed before each login, and may be empty.
    """

    username: str
    password: str = field(repr=False)
    refresh: TokenRefresh | None = None


@dataclass(frozen=True, slots=True)
class ConnectionFields:
    """A connection as Airflow knows it; the password never shows in a repr.

    Empty text or None where a field is missing; `extra` is its JSON object.
    """

    host: str = ""
    port: int | None = None
    login: str = ""
    password: str = field(default="", repr=False)
    extra: Mapping[str, object] = field(default_factory=dict, repr=False)


class VerifyState(StrEnum):
    """What a verification found."""

    OK = "ok"
    REFUSED = "refused"
    UNREACHABLE = "unreachable"
    MISCONFIGURED = "misconfigured"


@dataclass(frozen=True, slots=True)
class VerifyResult:
    """One direction's verification: how far it came, and what to change.

    `stage` is the last stage reached: credential, resolve, connect, tls, greeting, authenticate,
    folders or identity. `code` is the reply code or response code, `server_text` the server's
    words, escaped and capped; both None where the server said nothing. `retry_after_s` is None
    unless waiting helps. `is_credential_rejected` says that the same login would be rejected again.
    `offers_idle`: whether the server tells of new mail by itself; None where that is not known.
    """

    direction: Direction
    state: VerifyState
    stage: str
    host: str
    port: int
    encryption: Encryption
    code: str | None = None
    server_text: str | None = None
    advice: str | None = None
    retry_after_s: float | None = None
    is_credential_rejected: bool = False
    offers_idle: bool | None = None
