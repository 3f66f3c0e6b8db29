"""Looks up a domain's SRV and MX records, when a person asks for it."""

import logging
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final

from mailcrm.credentials import SERVICES, ServiceRecord

if TYPE_CHECKING:
    from dns.resolver import Resolver

__all__ = ["look_up_exchanges", "look_up_services"]

logger = logging.getLogger(__name__)
_TIMEOUT_S: Final = 5.0
_MOST_RECORDS: Final = 50


def look_up_services(
    domain: str, nameserver: tuple[str, int] | None = None
) -> Sequence[ServiceRecord]:
    """The SRV records of reading and sending; empty where there are none or nobody answers.

    Args:
        domain: In ASCII.
        nameserver: Address and port; None asks those of this machine.
    Source: RFC 6186, RFC 8314 §5.1, RFC 2782.
    """
    resolver = _make_resolver(nameserver)
    return [
        ServiceRecord(name, row.priority, row.weight, row.target.to_text(), row.port)
        for name in SERVICES
        for row in _ask(resolver, f"_{name}._tcp.{domain}.", "SRV")
    ]


def look_up_exchanges(domain: str, nameserver: tuple[str, int] | None = None) -> Sequence[str]:
    """The hosts that take a domain's mail, the preferred first."""
    rows = list(_ask(_make_resolver(nameserver), f"{domain}.", "MX"))
    ordered = sorted(rows, key=lambda row: (row.preference, row.exchange.to_text()))
    return [row.exchange.to_text() for row in ordered]


def _make_resolver(nameserver: tuple[str, int] | None) -> "Resolver":
    from dns.resolver import Resolver

    resolver = Resolver(configure=nameserver is None)
    if nameserver is not None:
        resolver.nameservers, resolver.port = [nameserver[0]], nameserver[1]
    resolver.lifetime = _TIMEOUT_S
    return resolver


def _ask(resolver: "Resolver", name: str, kind: str) -> Iterator[Any]:
    from dns.exception import DNSException

    try:
        yield from list(resolver.resolve(name, kind, search=False))[:_MOST_RECORDS]
    except (DNSException, OSError, ValueError) as error:
        logger.info("credentials.records_absent kind=%s error=%s", kind, type(error).__name__)
