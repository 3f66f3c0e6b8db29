"""Which addresses a host that somebody typed on a web page may lead to."""

import ipaddress
from collections.abc import Sequence

__all__ = ["MAIL_PORTS", "TOKEN_HOSTS", "choose_safe_addresses", "is_loopback"]

MAIL_PORTS = frozenset({25, 143, 465, 587, 993, 2525})
# Token endpoints of the providers that take XOAUTH2, as their OAuth pages name them.
TOKEN_HOSTS = frozenset(
    {
        "accounts.google.com",
        "api.login.aol.com",
        "api.login.yahoo.com",
        "login.microsoftonline.com",
        "oauth.yandex.com",
        "oauth2.googleapis.com",
    }
)


def choose_safe_addresses(
    host: str, port: int, addresses: Sequence[str], allowed_hosts: frozenset[str] = frozenset()
) -> tuple[str, ...]:
    """The addresses that may be connected to, in their order; empty: none may.

    The caller looks the host up once and connects to what comes back, so that a second answer of
    the name server changes nothing. One address inside a network spoils the whole answer. The
    same for every reason, so that an error tells nothing about what is behind it.

    Args:
        host: As typed.
        port: Only those of mail, unless an operator vouches for `host:port`.
        addresses: What the name server said, IPv4 or IPv6 as text, a zone allowed.
        allowed_hosts: Lower-case names whose inner addresses an operator vouches for, each on the
            ports of mail, or as `host:port` on that port alone.
    Source: RFC 6890 (special-purpose addresses), RFC 4291 §2.5.5, RFC 6052, RFC 3056.
    """
    name = host.rstrip(".").lower()
    if f"{name}:{port}" in allowed_hosts:
        return tuple(addresses)
    if port not in MAIL_PORTS or not addresses:
        return ()
    if name in allowed_hosts:
        return tuple(addresses)
    return tuple(addresses) if all(_is_global(one) for one in addresses) else ()


def is_loopback(host: str) -> bool:
    """Whether the registry may send a password there without TLS: localhost, 127/8 or ::1.

    No name is resolved; who connects has to check where the connection really went.
    """
    if host.rstrip(".").lower() == "localhost":
        return True
    try:
        address = ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return bool((mapped or address).is_loopback)


def _is_global(text: str) -> bool:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return False
    if isinstance(address, ipaddress.IPv4Address):
        return address.is_global and not address.is_multicast
    inner = address.ipv4_mapped or address.sixtofour
    teredo = address.teredo
    if inner is None and teredo is not None:
        return False
    if inner is None and address in ipaddress.ip_network("64:ff9b::/96"):
        inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    if inner is not None:
        return inner.is_global and not inner.is_multicast
    is_site = address in ipaddress.ip_network("fec0::/10")
    return address.is_global and not address.is_multicast and not is_site
