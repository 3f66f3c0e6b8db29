"""A fresh access token from the provider's token endpoint, asked for before each login."""

import json
import logging
import urllib.request
from typing import Any, Final
from urllib.error import HTTPError, URLError
from urllib.parse import urlencode, urlsplit

from mailcrm.adapters.tls import is_loopback, make_tls_context
from mailcrm.credentials import TOKEN_HOSTS
from mailcrm.errors import (
    CredentialError,
    ImapCredentialError,
    ServerUnreachableError,
    SmtpCredentialError,
)
from mailcrm.records import AuthKind, Credential, Direction, Mailbox, TlsPolicy, TokenRefresh
from mailcrm.records.text import escape_text, hide_secrets

__all__ = ["refresh_credential"]

logger = logging.getLogger(__name__)
_TIMEOUT_S: Final = 20.0
_MAX_BYTES: Final = 64 * 1024
_ERRORS: Final = {Direction.IMAP: ImapCredentialError, Direction.SMTP: SmtpCredentialError}


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *args: object, **kwargs: object) -> None:
        """The refresh token goes to the endpoint that was stored, and nowhere else."""


def refresh_credential(
    mailbox: Mailbox,
    direction: Direction,
    credential: Credential,
    allowed_hosts: frozenset[str] | None = None,
) -> Credential:
    """The credential with a new access token; as it is where nothing is to be refreshed.

    `allowed_hosts` are endpoints that a mailbox connected on a web page may use beside those of
    known providers; None for any.

    Raises:
        ImapCredentialError, SmtpCredentialError: the endpoint refused for good, or is no HTTPS
            address; no secret in it.
        ServerUnreachableError: the endpoint did not answer, or had a problem of its own.
    Source: RFC 6749 §5.2, §6.
    """
    refresh = credential.refresh
    if mailbox.auth is not AuthKind.XOAUTH2 or refresh is None:
        return credential
    url = urlsplit(refresh.token_url)
    if url.scheme != "https" and not (url.scheme == "http" and is_loopback(url.hostname or "")):
        reason = "token_url in the connection's extra must begin with https://"
        raise _ERRORS[direction](mailbox_id=mailbox.id, reason=reason)
    if allowed_hosts is not None and (url.hostname or "") not in TOKEN_HOSTS | allowed_hosts:
        reason = "token_url leads to no known provider: have an operator allow its host"
        raise _ERRORS[direction](mailbox_id=mailbox.id, reason=reason)
    try:
        answer = _ask(refresh)
    except HTTPError as error:
        raise _explain(mailbox, direction, refresh, error) from None
    except (URLError, OSError, ValueError) as error:
        raise _away(direction, refresh, type(error).__name__) from None
    token = answer.get("access_token")
    if not isinstance(token, str) or not token or not token.isascii():
        raise _away(direction, refresh, "its answer holds no access_token")
    logger.info("credentials.token_refreshed mailbox=%s direction=%s", mailbox.id, direction.value)
    return Credential(credential.username, token, refresh)


def _ask(refresh: TokenRefresh) -> dict[str, Any]:
    fields = {
        "grant_type": "refresh_token",
        "client_id": refresh.client_id,
        "refresh_token": refresh.refresh_token,
        "client_secret": refresh.client_secret,
        "scope": refresh.scope,
    }
    body = urlencode({name: value for name, value in fields.items() if value}).encode()
    request = urllib.request.Request(  # noqa: S310 - the scheme was looked at
        refresh.token_url, data=body, headers={"Accept": "application/json"}, method="POST"
    )
    handler = urllib.request.HTTPSHandler(context=make_tls_context(TlsPolicy()))
    with urllib.request.build_opener(_NoRedirects, handler).open(
        request, timeout=_TIMEOUT_S
    ) as answer:
        loaded = json.loads(answer.read(_MAX_BYTES))
    if not isinstance(loaded, dict):
        raise ValueError("no object")
    return loaded


def _explain(
    mailbox: Mailbox, direction: Direction, refresh: TokenRefresh, error: HTTPError
) -> CredentialError | ServerUnreachableError:
    """400 and 401 are the endpoint's word on the token; all else may heal."""
    if error.code not in (400, 401):
        return _away(direction, refresh, f"HTTP {error.code}")
    try:
        loaded = json.loads(error.read(_MAX_BYTES))
        words = f"{loaded.get('error', '')}: {loaded.get('error_description', '')}"
    except (OSError, ValueError, AttributeError, RecursionError):
        words = f"HTTP {error.code}"
    for secret in (refresh.refresh_token, refresh.client_secret):
        words = hide_secrets(words, refresh.client_id, secret)
    reason = (
        f'the token endpoint said "{escape_text(words)}": store a new refresh_token in the extra '
        f"of the connection mailbox_{mailbox.id}_{direction.value}"
    )
    return _ERRORS[direction](
        mailbox_id=mailbox.id, reason=reason, code=str(error.code), is_rejected=True
    )


def _away(direction: Direction, refresh: TokenRefresh, problem: str) -> ServerUnreachableError:
    url = urlsplit(refresh.token_url)
    return ServerUnreachableError(
        protocol=direction.value,
        host=url.hostname or "",
        port=url.port or 443,
        detail=f"no new token from the token endpoint ({problem})",
    )
