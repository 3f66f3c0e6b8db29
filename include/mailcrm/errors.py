"""Every error the product raises, in one tree.

Two bases decide what a scheduler does: `TransientError` heals by itself and is retried,
`PermanentError` needs a person and fails at once. Each error is built from keywords, prints as
one line (what, where, what to do), survives pickling between processes and never holds a secret.
A bad message is not an error: it is data (`mailcrm.records.Quarantined`).
"""

from typing import Any, Self

__all__ = [
    "BatchOutdatedError",
    "ChecksFailedError",
    "CredentialError",
    "DatabaseError",
    "FencedError",
    "FolderMissingError",
    "ImapCredentialError",
    "IncompleteRunError",
    "MailcrmError",
    "PermanentError",
    "PublishConflictError",
    "ServerRefusedError",
    "ServerUnreachableError",
    "SettingsError",
    "SmtpCredentialError",
    "StoreBusyError",
    "ThrottledError",
    "TransientError",
    "UnknownMailboxError",
    "UnsafeConnectionError",
]


class MailcrmError(Exception):
    """Base of all errors; `fields` are the keywords it was built from."""

    template = "{detail}"

    def __init__(self, **fields: Any) -> None:
        """Keep the keywords as attributes and render the one line shown to people."""
        self.fields = fields
        for name, value in fields.items():
            setattr(self, name, value)
        super().__init__(self.template.format(**fields))

    def __reduce__(self) -> tuple[Any, ...]:
        """Rebuild from keywords, so that the error survives pickling."""
        return (_rebuild, (type(self), self.fields))


def _rebuild(kind: type[MailcrmError], fields: dict[str, Any]) -> MailcrmError:
    return kind(**fields)


class TransientError(MailcrmError):
    """Heals by itself: try again later."""


class PermanentError(MailcrmError):
    """Does not heal by itself: somebody has to change something."""


class ServerUnreachableError(TransientError):
    """The server could not be reached, or the connection broke on the way."""

    template = "{protocol} server {host}:{port} is unreachable: {detail}"

    def __init__(
        self, *, protocol: str, host: str, port: int, detail: str, symptom: str = "broken"
    ) -> None:
        """Say which server (`protocol` is imap or smtp) and what happened.

        `symptom` is the machine's word for it, such as name_unknown, refused, timeout, silent.
        """
        super().__init__(protocol=protocol, host=host, port=port, detail=detail, symptom=symptom)


class ThrottledError(TransientError):
    """The server asks us to wait `retry_after_s` seconds."""

    template = "{protocol} server {host} asks to wait {retry_after_s:.0f} s: {detail}"

    def __init__(self, *, protocol: str, host: str, retry_after_s: float, detail: str) -> None:
        """Keep the server's own waiting time, in seconds."""
        super().__init__(protocol=protocol, host=host, retry_after_s=retry_after_s, detail=detail)


class StoreBusyError(TransientError):
    """The database is locked, restarting or out of connections."""

    template = "the database is busy or away: {detail}"

    def __init__(self, *, detail: str) -> None:
        """Say what the database answered, without the connection's address."""
        super().__init__(detail=detail)


class ServerRefusedError(PermanentError):
    """The server understood a command and refused it, for a reason other than credentials."""

    template = "{protocol} server {host} refused {command}: {detail}"

    def __init__(self, *, protocol: str, host: str, command: str, detail: str) -> None:
        """Name the command's verb (never its arguments) and the server's words."""
        super().__init__(protocol=protocol, host=host, command=command, detail=detail)


class UnsafeConnectionError(PermanentError):
    """The connection could not be protected as the mailbox asks; no credential was sent."""

    template = "{protocol} server {host}:{port} is not safe to log in to: {detail}"

    def __init__(self, *, protocol: str, host: str, port: int, detail: str, symptom: str) -> None:
        """`symptom` is one of `mailcrm.adapters.tls.tls_symptom`, or starttls_missing,
        starttls_refused, injected, preauth, not_loopback.
        """
        super().__init__(protocol=protocol, host=host, port=port, detail=detail, symptom=symptom)


class CredentialError(PermanentError):
    """A credential is missing or the server rejected it."""

    template = "mailbox {mailbox_id}: {protocol} credentials: {reason}"

    def __init__(
        self,
        *,
        protocol: str,
        mailbox_id: str,
        reason: str,
        code: str | None = None,
        is_rejected: bool = False,
    ) -> None:
        """Say which mailbox and direction; `reason` never holds the secret.

        `code` is the server's reply or response code; None where no server was asked.
        `is_rejected` says that the same login would be rejected again.
        """
        super().__init__(
            protocol=protocol,
            mailbox_id=mailbox_id,
            reason=reason,
            code=code,
            is_rejected=is_rejected,
        )


class ImapCredentialError(CredentialError):
    """IMAP's half of a mailbox's credentials."""

    def __init__(
        self,
        *,
        mailbox_id: str,
        reason: str,
        protocol: str = "imap",
        code: str | None = None,
        is_rejected: bool = False,
    ) -> None:
        """As `CredentialError`, with the protocol fixed."""
        super().__init__(
            protocol=protocol,
            mailbox_id=mailbox_id,
            reason=reason,
            code=code,
            is_rejected=is_rejected,
        )


class SmtpCredentialError(CredentialError):
    """SMTP's half of a mailbox's credentials."""

    def __init__(
        self,
        *,
        mailbox_id: str,
        reason: str,
        protocol: str = "smtp",
        code: str | None = None,
        is_rejected: bool = False,
    ) -> None:
        """As `CredentialError`, with the protocol fixed."""
        super().__init__(
            protocol=protocol,
            mailbox_id=mailbox_id,
            reason=reason,
            code=code,
            is_rejected=is_rejected,
        )


class SettingsError(PermanentError):
    """A setting, registry file, CSV file or parameter is wrong."""

    template = "{where}: {problem}"

    def __init__(self, *, where: str, problem: str) -> None:
        """`where` names the file, field or option; `problem` says what to change."""
        super().__init__(where=where, problem=problem)

    @classmethod
    def for_field(cls, source: str, field: str, problem: str) -> Self:
        """Point at one field of one source, such as `sales.yaml: imap.port`."""
        return cls(where=f"{source}: {field}", problem=problem)


class UnknownMailboxError(PermanentError):
    """No mailbox of that id is registered."""

    template = "unknown mailbox {mailbox_id}: `mailcrm mailbox list` shows the registered ones"

    def __init__(self, *, mailbox_id: str) -> None:
        """Name the id that was asked for."""
        super().__init__(mailbox_id=mailbox_id)


class FolderMissingError(PermanentError):
    """A configured folder does not exist on the server."""

    template = "mailbox {mailbox_id}: folder {folder!r} is not on the server"

    def __init__(self, *, mailbox_id: str, folder: str) -> None:
        """Name the folder as configured."""
        super().__init__(mailbox_id=mailbox_id, folder=folder)


class DatabaseError(PermanentError):
    """The database cannot be used as it is: wrong address, not migrated, read-only."""

    template = "database: {detail}"

    def __init__(self, *, detail: str) -> None:
        """Say what is wrong and which command mends it; never the password in the URL."""
        super().__init__(detail=detail)


class FencedError(PermanentError):
    """A newer run of the same mailbox took over; this one's commits are refused."""

    template = "mailbox {mailbox_id}: run {run_id} was superseded by a newer run; nothing written"

    def __init__(self, *, mailbox_id: str, run_id: str) -> None:
        """Name the run that lost its lease."""
        super().__init__(mailbox_id=mailbox_id, run_id=run_id)


class ChecksFailedError(PermanentError):
    """The gate held a batch; nothing of it is in the CRM tables."""

    template = "batch {batch_id} is held, nothing published; failed checks: {failed}"

    def __init__(self, *, batch_id: str, failed: str) -> None:
        """Name the batch and its failed checks, comma-separated."""
        super().__init__(batch_id=batch_id, failed=failed)


class PublishConflictError(PermanentError):
    """The staged batch is not the one that the gate passed."""

    template = "batch {batch_id} cannot be published: {detail}"

    def __init__(self, *, batch_id: str, detail: str) -> None:
        """Name the batch and what differs."""
        super().__init__(batch_id=batch_id, detail=detail)


class BatchOutdatedError(PublishConflictError):
    """Since the batch was matched, another mailbox published what it must be compared with."""

    template = "batch {batch_id} must be matched again: {detail}"


class IncompleteRunError(PermanentError):
    """What was read is published, but some listed messages are still open."""

    template = "run {run_id}: {detail}; the next run repairs it"

    def __init__(self, *, run_id: str, detail: str) -> None:
        """Say how many messages are open, and where."""
        super().__init__(run_id=run_id, detail=detail)
