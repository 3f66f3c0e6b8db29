"""Every login passes here: what a server rejected for good is not tried again.

A login's version is a keyed digest of server, username and secret, so that another secret, user
name or host is tried at once, and the database tells nobody what was tried.
"""

import contextlib
import functools
import hashlib
import hmac
import json
import os
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from mailcrm.errors import ImapCredentialError, SettingsError
from mailcrm.ports import Clock, Logins, MailReader, MailServers, StageCallback
from mailcrm.records import (
    Credential,
    Direction,
    LoginRefusal,
    Mailbox,
    VerifyResult,
    VerifyState,
)

__all__ = ["GuardedMailServers", "LoginKey"]

KEY_NAME: Final = "login.key"
KEY_BYTES: Final = 32


class LoginKey:
    """The key of the digests: MAILCRM_LOGIN_KEY, else a file that only its owner reads."""

    def __init__(self, home: Path, chosen: str | None = None) -> None:
        """Read nothing yet.

        Args:
            home: MAILCRM_HOME; the file is made there when it is first needed.
            chosen: What an operator gave to all machines; None uses the file.
        """
        self._path = home / KEY_NAME
        self._chosen = None if chosen is None else chosen.encode()

    def version(self, mailbox: Mailbox, direction: Direction, credential: Credential) -> str:
        """The login's version: 64 hex digits.

        Raises:
            SettingsError: the key can be neither read nor made.
        """
        endpoint = mailbox.endpoint(direction)
        parts = [direction.value, endpoint.host, endpoint.port, mailbox.auth.value]
        parts += [credential.username, credential.password]
        if credential.refresh is not None:
            parts += [credential.refresh.token_url, credential.refresh.refresh_token]
        return hmac.new(self._read(), json.dumps(parts).encode(), hashlib.sha256).hexdigest()

    def _read(self) -> bytes:
        if self._chosen is not None:
            return self._chosen
        try:
            if not self._path.exists():
                self._make()
            key = self._path.read_bytes()
        except OSError as error:
            raise SettingsError(where=str(self._path), problem=str(error.strerror)) from None
        if len(key) < KEY_BYTES:
            raise SettingsError(where=str(self._path), problem="is cut short: delete it")
        return key

    def _make(self) -> None:
        """Write a new key, whole or not at all; who comes second keeps the first one's."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        draft = self._path.with_name(f"{KEY_NAME}.{secrets.token_hex(8)}")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(secrets.token_bytes(KEY_BYTES))
            with contextlib.suppress(FileExistsError):
                os.link(draft, self._path)
        finally:
            draft.unlink()


class GuardedMailServers:
    """`ports.MailServers` that tries each version of a rejected credential once."""

    def __init__(self, servers: MailServers, logins: Logins, key: LoginKey, clock: Clock) -> None:
        """Stand before `servers`."""
        self._servers = servers
        self._logins = logins
        self._key = key
        self._clock = clock

    @contextlib.contextmanager
    def open_reader(self, mailbox: Mailbox, credential: Credential) -> Iterator[MailReader]:
        """See `MailServers`; a version that was rejected before raises without a login."""
        version = self._key.version(mailbox, Direction.IMAP, credential)
        refusal = self._logins.find_refusal(mailbox.id, Direction.IMAP, version)
        if refusal is not None:
            raise ImapCredentialError(
                mailbox_id=mailbox.id,
                reason=_explain(mailbox, refusal),
                code=refusal.code,
                is_rejected=True,
            )
        try:
            with self._servers.open_reader(mailbox, credential) as reader:
                yield reader
        except ImapCredentialError as error:
            if error.fields["is_rejected"]:
                code, reason = error.fields["code"], str(error.fields["reason"])
                self._keep(mailbox, Direction.IMAP, version, code, reason)
            raise

    def probe_imap(
        self, mailbox: Mailbox, credential: Credential, on_stage: StageCallback | None = None
    ) -> VerifyResult:
        """See `MailServers`."""
        probe = functools.partial(self._servers.probe_imap, on_stage=on_stage)
        return self._probe(mailbox, Direction.IMAP, credential, probe)

    def probe_smtp(
        self, mailbox: Mailbox, credential: Credential, on_stage: StageCallback | None = None
    ) -> VerifyResult:
        """See `MailServers`."""
        probe = functools.partial(self._servers.probe_smtp, on_stage=on_stage)
        return self._probe(mailbox, Direction.SMTP, credential, probe)

    def send_message(
        self,
        mailbox: Mailbox,
        credential: Credential | None,
        content: bytes,
        recipient: str | None = None,
    ) -> VerifyResult:
        """See `MailServers`."""
        if credential is None:
            return self._servers.send_message(mailbox, None, content, recipient)
        send = functools.partial(self._servers.send_message, content=content, recipient=recipient)
        return self._probe(mailbox, Direction.SMTP, credential, send)

    def _probe(
        self,
        mailbox: Mailbox,
        direction: Direction,
        credential: Credential,
        probe: Callable[[Mailbox, Credential], VerifyResult],
    ) -> VerifyResult:
        version = self._key.version(mailbox, direction, credential)
        refusal = self._logins.find_refusal(mailbox.id, direction, version)
        if refusal is not None:
            return _refused_before(mailbox, direction, refusal)
        result = probe(mailbox, credential)
        if result.is_credential_rejected:
            self._keep(mailbox, direction, version, result.code, result.advice or "")
        return result

    def _keep(
        self, mailbox: Mailbox, direction: Direction, version: str, code: str | None, advice: str
    ) -> None:
        refusal = LoginRefusal(self._clock.now(), code, advice)
        self._logins.write_refusal(mailbox.id, direction, version, refusal)


def _refused_before(mailbox: Mailbox, direction: Direction, refusal: LoginRefusal) -> VerifyResult:
    endpoint = mailbox.endpoint(direction)
    return VerifyResult(
        direction=direction,
        state=VerifyState.REFUSED,
        stage="authenticate",
        host=endpoint.host,
        port=endpoint.port,
        encryption=endpoint.encryption,
        code=refusal.code,
        advice=_explain(mailbox, refusal),
        is_credential_rejected=True,
    )


def _explain(mailbox: Mailbox, refusal: LoginRefusal) -> str:
    when = f"{refusal.refused_at:%Y-%m-%d %H:%M} UTC"
    return (
        f"Not tried again: the server rejected this credential on {when}. {refusal.advice} If the "
        f"cause was mended at the provider: mailcrm mailbox resume {mailbox.id}"
    )
