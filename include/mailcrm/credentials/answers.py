"""What a server's answer can mean, and what each meaning asks of people and of the scheduler."""

from dataclasses import dataclass
from enum import StrEnum

from mailcrm.records import VerifyState

__all__ = ["MEANINGS", "REJECTIONS", "Answer", "AnswerKind", "Meaning", "RetryPlan", "Row"]


class RetryPlan(StrEnum):
    """When trying again can help; only what heals by itself is retried.

    `never` means not before a person changes something: a rejected password is tried once.
    """

    NEVER = "never"
    SOON = "soon"
    LATER = "later"
    TOMORROW = "tomorrow"

    @property
    def wait_s(self) -> float | None:
        """Seconds to wait where the server names no time; None for never."""
        return _WAITS_S[self]


_WAITS_S: dict[RetryPlan, float | None] = {
    RetryPlan.NEVER: None,
    RetryPlan.SOON: 60.0,
    RetryPlan.LATER: 900.0,
    RetryPlan.TOMORROW: 86_400.0,
}


class AnswerKind(StrEnum):
    """What an answer means, independent of the server's wording."""

    CREDENTIALS = "credentials"
    APP_PASSWORD = "app_password"  # noqa: S105 - a kind, not a secret
    OAUTH_NEEDED = "oauth_needed"
    TOKEN_EXPIRED = "token_expired"  # noqa: S105 - a kind, not a secret
    PROTOCOL_DISABLED = "protocol_disabled"
    WEB_LOGIN = "web_login"
    PASSWORD_EXPIRED = "password_expired"  # noqa: S105 - a kind, not a secret
    ACCOUNT_LOCKED = "account_locked"
    NOT_CONNECTED = "not_connected"
    POLICY = "policy"
    IDENTITY = "identity"
    NO_PERMISSION = "no_permission"
    ENCRYPTION_NEEDED = "encryption_needed"
    MECHANISM = "mechanism"
    WRONG_SERVER = "wrong_server"
    FOLDER_MISSING = "folder_missing"
    UNSUPPORTED = "unsupported"
    SENDING_LIMIT = "sending_limit"
    OVER_QUOTA = "over_quota"
    THROTTLED = "throttled"
    TOO_MANY_CONNECTIONS = "too_many_connections"
    TEMPORARY = "temporary"
    UNKNOWN = "unknown"


# The same login would be rejected again, and may lock the account.
REJECTIONS = frozenset(
    {
        AnswerKind.CREDENTIALS,
        AnswerKind.APP_PASSWORD,
        AnswerKind.TOKEN_EXPIRED,
        AnswerKind.PASSWORD_EXPIRED,
        AnswerKind.ACCOUNT_LOCKED,
        AnswerKind.UNKNOWN,
    }
)


@dataclass(frozen=True, slots=True)
class Meaning:
    """The consequences of one kind. `advice` may name {connection} and {direction}."""

    state: VerifyState
    retry: RetryPlan
    advice: str


@dataclass(frozen=True, slots=True)
class Row:
    """One known server text.

    `match` is a lower-case part of the answer (its code included) that names it; `example` a whole
    real answer; `source` who sends it and where that is on record. `advice` and `retry` replace
    those of the kind. `stage` limits the row to one stage; "" is any.
    """

    match: str
    kind: AnswerKind
    example: str
    source: str
    advice: str = ""
    stage: str = ""
    retry: RetryPlan | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """A classified answer.

    `code` is the reply code with its enhanced code, or the IMAP response code, None where there
    was none; `retry_after_s` is None unless waiting helps; `is_known` is False where only the
    safe class of the stage applied.
    """

    kind: AnswerKind
    state: VerifyState
    retry: RetryPlan
    retry_after_s: float | None
    advice: str
    code: str | None
    is_known: bool


_REFUSED = VerifyState.REFUSED
_AWAY = VerifyState.UNREACHABLE
_WRONG = VerifyState.MISCONFIGURED
_NEVER = RetryPlan.NEVER

MEANINGS: dict[AnswerKind, Meaning] = {
    AnswerKind.CREDENTIALS: Meaning(
        _REFUSED,
        _NEVER,
        "Check login and password in the connection {connection}: some servers want the full "
        "address as login, others only the part before the @ or another user name.",
    ),
    AnswerKind.APP_PASSWORD: Meaning(
        _REFUSED,
        _NEVER,
        "Create an app password at the provider and store it as the password of the connection "
        "{connection}; the account's own password does not work here.",
    ),
    AnswerKind.OAUTH_NEEDED: Meaning(
        _REFUSED,
        _NEVER,
        "The provider no longer takes passwords here: ask its administrator to allow {direction} "
        "with passwords for this mailbox, or set auth: xoauth2 and store a token in {connection}.",
    ),
    AnswerKind.TOKEN_EXPIRED: Meaning(
        _REFUSED,
        _NEVER,
        "The access token in the connection {connection} has expired: store a new one.",
    ),
    AnswerKind.PROTOCOL_DISABLED: Meaning(
        _REFUSED,
        _NEVER,
        "Switch on {direction} access for this mailbox in the provider's settings, then verify "
        "again; the connection {connection} may be right as it is.",
    ),
    AnswerKind.WEB_LOGIN: Meaning(
        _REFUSED,
        _NEVER,
        "Sign in to this mailbox once in a web browser and confirm that it was you, or use an app "
        "password in the connection {connection}.",
    ),
    AnswerKind.PASSWORD_EXPIRED: Meaning(
        _REFUSED,
        _NEVER,
        "The password has expired: set a new one at the provider and store it in the connection "
        "{connection}.",
    ),
    AnswerKind.ACCOUNT_LOCKED: Meaning(
        _REFUSED,
        _NEVER,
        "The account is locked or suspended: have the provider unlock it before verifying again, "
        "and only then look at the connection {connection}.",
    ),
    AnswerKind.NOT_CONNECTED: Meaning(
        _REFUSED,
        _NEVER,
        "The password was accepted but no mailbox opened: check in the login of {connection} which "
        "mailbox it names (for a shared one often user@domain/shared), and that {direction} is "
        "enabled for it.",
    ),
    AnswerKind.POLICY: Meaning(
        _REFUSED,
        _NEVER,
        "The provider's policy refuses this machine or account: ask its administrator to allow "
        "{direction} logins from here; no field of the mailbox is known to be wrong.",
    ),
    AnswerKind.IDENTITY: Meaning(
        _REFUSED,
        _NEVER,
        "The login works but may not send as this address: set address to the one that belongs to "
        "the login of {connection}, or grant that login the right to send as it.",
    ),
    AnswerKind.NO_PERMISSION: Meaning(
        _REFUSED,
        _NEVER,
        "The login of {connection} may not do this: grant it read access, or remove the folder "
        "from folders.",
    ),
    AnswerKind.ENCRYPTION_NEEDED: Meaning(
        _WRONG,
        _NEVER,
        "The server wants encryption first: set {direction}.encryption to starttls, or to tls with "
        "the port for it.",
    ),
    AnswerKind.MECHANISM: Meaning(
        _WRONG,
        _NEVER,
        "The server offers no way to log in that fits: check {direction}.host, {direction}.port "
        "and {direction}.encryption, and whether it wants auth: xoauth2.",
    ),
    AnswerKind.WRONG_SERVER: Meaning(
        _WRONG,
        _NEVER,
        "Something else answers there: check {direction}.host and {direction}.port.",
    ),
    AnswerKind.FOLDER_MISSING: Meaning(
        _WRONG,
        _NEVER,
        "The folder is not on the server: correct its name in folders, or use an attribute such "
        "as \\Sent.",
    ),
    AnswerKind.UNSUPPORTED: Meaning(
        _WRONG,
        _NEVER,
        "The server did not understand a standard command: check {direction}.host and "
        "{direction}.port.",
    ),
    AnswerKind.SENDING_LIMIT: Meaning(
        _REFUSED,
        RetryPlan.TOMORROW,
        "The provider's sending limit is reached: wait until it resets, or raise the plan; the "
        "connection {connection} is right.",
    ),
    AnswerKind.OVER_QUOTA: Meaning(
        _REFUSED,
        RetryPlan.TOMORROW,
        "The mailbox or its server is full: free space at the provider; no field is wrong.",
    ),
    AnswerKind.THROTTLED: Meaning(
        _AWAY,
        RetryPlan.LATER,
        "The server asks to slow down and is tried again later: nothing to change, unless other "
        "programs use the same mailbox too often.",
    ),
    AnswerKind.TOO_MANY_CONNECTIONS: Meaning(
        _AWAY,
        RetryPlan.LATER,
        "Too many programs are connected to this mailbox and it is tried again later: close "
        "others, or raise the server's limit.",
    ),
    AnswerKind.TEMPORARY: Meaning(
        _AWAY,
        RetryPlan.SOON,
        "The server has a passing problem and is tried again: nothing to change.",
    ),
    AnswerKind.UNKNOWN: Meaning(
        _REFUSED,
        _NEVER,
        "The server refused for a reason that is not in our table: read its words, and check login "
        "and password in {connection} and {direction}.host first.",
    ),
}
