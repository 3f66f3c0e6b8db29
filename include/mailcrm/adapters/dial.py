"""From a registered endpoint to a connected (and, for tls, protected) socket, for IMAP and SMTP.

Every failure is one of two errors, with a symptom that `credentials.classify_symptom` explains:
`ServerUnreachableError` heals by itself, `UnsafeConnectionError` needs a person.
"""

import errno
import socket
import ssl
import threading
import time
from typing import Any

from mailcrm.adapters.tls import (
    check_pin,
    is_loopback,
    make_tls_context,
    peer_is_loopback,
    tls_symptom,
)
from mailcrm.credentials import choose_safe_addresses, classify_symptom
from mailcrm.errors import ServerUnreachableError, UnsafeConnectionError
from mailcrm.ports import StageCallback
from mailcrm.records import Direction, Encryption, Endpoint, Mailbox, Origin, TlsPolicy
from mailcrm.settings import Settings

__all__ = ["connection_error", "hosts_allowed", "open_socket", "protect", "socket_symptom"]

_Address = tuple[Any, ...]

_RESOLVE_LIMIT_S = 10.0
_HANDSHAKE_LIMIT_S = 15.0
_ONE_ADDRESS_LIMIT_S = 5.0
# What heals by itself; every other symptom is the business of a person.
_TRANSIENT = frozenset(
    {
        "name_unknown",
        "name_server_failed",
        "name_timeout",
        "refused",
        "timeout",
        "no_route",
        "broken",
        "closed",
        "silent",
        "slow",
        "starttls_refused",
    }
)
_ERRNO_SYMPTOMS = {
    errno.ECONNREFUSED: "refused",
    errno.ETIMEDOUT: "timeout",
    errno.EHOSTUNREACH: "no_route",
    errno.ENETUNREACH: "no_route",
    errno.EADDRNOTAVAIL: "no_route",
    errno.ECONNRESET: "closed",
    errno.EPIPE: "closed",
}


def connection_error(
    direction: Direction, endpoint: Endpoint, symptom: str
) -> ServerUnreachableError | UnsafeConnectionError:
    """Build the error of one symptom, its detail being the advice."""
    kind = ServerUnreachableError if symptom in _TRANSIENT else UnsafeConnectionError
    return kind(
        protocol=direction.value,
        host=endpoint.host,
        port=endpoint.port,
        detail=classify_symptom(direction, endpoint, symptom).advice,
        symptom=symptom,
    )


def socket_symptom(error: OSError) -> str:
    """Name what happened on a connected socket: silent, closed or broken."""
    if isinstance(error, TimeoutError):
        return "silent"
    if isinstance(error, ConnectionError | ssl.SSLEOFError | ssl.SSLZeroReturnError):
        return "closed"
    return "broken"


def hosts_allowed(mailbox: Mailbox, settings: Settings) -> frozenset[str] | None:
    """The names (`host` or `host:port`) that may lead inside; None where all may."""
    if mailbox.origin is not Origin.WEB:
        return None
    names = (name.strip().rstrip(".").lower() for name in (settings.allowed_hosts or "").split(","))
    return frozenset(name for name in names if name)


def open_socket(
    direction: Direction,
    endpoint: Endpoint,
    policy: TlsPolicy,
    connect_timeout_s: float,
    on_stage: StageCallback = lambda stage: None,
    allowed_hosts: frozenset[str] | None = None,
) -> socket.socket:
    """Resolve, connect and, where the endpoint says tls, shake hands and verify.

    Args:
        direction: For the errors.
        endpoint: With starttls the socket comes back plain, for `protect` later.
        policy: Extra trust, or the pin.
        connect_timeout_s: Budget of look-up and connecting together, over all addresses.
        on_stage: Told resolve, connect and tls as each begins.
        allowed_hosts: See `hosts_allowed`.

    Returns:
        A socket whose timeout the caller sets; TLS 1.2 or newer and verified for tls.

    Raises:
        ServerUnreachableError, UnsafeConnectionError, SettingsError (of tls.ca_file)
    """
    on_stage("resolve")
    is_plain = endpoint.encryption is Encryption.NONE
    if is_plain and not is_loopback(endpoint.host):
        raise connection_error(direction, endpoint, "not_loopback")
    context = None if is_plain else make_tls_context(policy)
    deadline = time.monotonic() + connect_timeout_s
    addresses = _resolve(direction, endpoint, min(_RESOLVE_LIMIT_S, connect_timeout_s))
    _refuse_inner(direction, endpoint, addresses, allowed_hosts)
    on_stage("connect")
    sock = _connect(direction, endpoint, addresses, deadline)
    if is_plain:
        _require_loopback(sock, direction, endpoint)
    if endpoint.encryption is Encryption.TLS and context is not None:
        on_stage("tls")
        return _shake(sock, context, direction, endpoint, policy, connect_timeout_s)
    return sock


def protect(
    sock: socket.socket,
    direction: Direction,
    endpoint: Endpoint,
    policy: TlsPolicy,
    timeout_s: float,
) -> ssl.SSLSocket:
    """Shake hands on a plain socket after the server agreed to STARTTLS; verify, check the pin.

    The plain socket is closed where that fails: there is no way back to plain text.

    Raises:
        ServerUnreachableError, UnsafeConnectionError: see the symptom.
        SettingsError: tls.ca_file cannot be used.
    """
    try:
        context = make_tls_context(policy)
    except Exception:
        sock.close()
        raise
    return _shake(sock, context, direction, endpoint, policy, timeout_s)


def _resolve(direction: Direction, endpoint: Endpoint, limit_s: float) -> list[_Address]:
    """Look the host up on a thread of its own: getaddrinfo has no timeout."""
    found: list[_Address] = []
    failed: list[str] = []

    def look_up() -> None:
        try:
            found.extend(socket.getaddrinfo(endpoint.host, endpoint.port, type=socket.SOCK_STREAM))
        except socket.gaierror as error:
            known = error.errno in (socket.EAI_NONAME, getattr(socket, "EAI_NODATA", -5))
            failed.append("name_unknown" if known else "name_server_failed")
        except (OSError, UnicodeError):
            failed.append("name_unknown")

    thread = threading.Thread(target=look_up, name="mailcrm-resolve", daemon=True)
    thread.start()
    thread.join(limit_s)
    if thread.is_alive():
        raise connection_error(direction, endpoint, "name_timeout")
    if failed or not found:
        raise connection_error(direction, endpoint, failed[0] if failed else "name_unknown")
    return found


def _require_loopback(sock: socket.socket, direction: Direction, endpoint: Endpoint) -> None:
    if not peer_is_loopback(sock):
        sock.close()
        raise connection_error(direction, endpoint, "not_loopback")


def _refuse_inner(
    direction: Direction,
    endpoint: Endpoint,
    addresses: list[_Address],
    allowed_hosts: frozenset[str] | None,
) -> None:
    """Judge the very addresses that are connected to next; no second look-up can change them."""
    if allowed_hosts is None:
        return
    found = [str(address[4][0]) for address in addresses]
    if not choose_safe_addresses(endpoint.host, endpoint.port, found, allowed_hosts):
        raise connection_error(direction, endpoint, "host_not_allowed")


def _connect(
    direction: Direction, endpoint: Endpoint, addresses: list[_Address], deadline: float
) -> socket.socket:
    """Try each address inside one budget, so that a black-holed IPv6 leaves time for IPv4."""
    symptom = "timeout"
    for index, (family, kind, proto, _name, address) in enumerate(addresses):
        remaining = deadline - time.monotonic()
        if remaining <= 0:
            break
        is_last = index == len(addresses) - 1
        sock = socket.socket(family, kind, proto)
        sock.settimeout(remaining if is_last else min(_ONE_ADDRESS_LIMIT_S, remaining / 2))
        try:
            sock.connect(address)
        except OSError as error:
            sock.close()
            timed_out = isinstance(error, TimeoutError)
            symptom = "timeout" if timed_out else _ERRNO_SYMPTOMS.get(error.errno or 0, "broken")
            continue
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        return sock
    raise connection_error(direction, endpoint, symptom)


def _shake(
    sock: socket.socket,
    context: ssl.SSLContext,
    direction: Direction,
    endpoint: Endpoint,
    policy: TlsPolicy,
    timeout_s: float,
) -> ssl.SSLSocket:
    sock.settimeout(min(_HANDSHAKE_LIMIT_S, timeout_s))
    try:
        protected = context.wrap_socket(sock, server_hostname=endpoint.host.strip("[]"))
    except (OSError, ValueError) as error:
        sock.close()
        raise connection_error(direction, endpoint, tls_symptom(error)) from None
    try:
        check_pin(protected, policy)
    except ssl.SSLError as error:
        protected.close()
        raise connection_error(direction, endpoint, tls_symptom(error)) from None
    return protected
