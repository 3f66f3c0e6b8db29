"""Fetches Mozilla's autoconfig files over HTTPS, when a person asks for it."""

import logging
import urllib.request
from collections.abc import Iterator, Sequence
from typing import Final
from urllib.error import URLError
from urllib.parse import quote

__all__ = ["autoconfig_urls", "read_autoconfig"]

logger = logging.getLogger(__name__)
_TIMEOUT_S: Final = 10.0
_MAX_BYTES: Final = 256 * 1024


def autoconfig_urls(address: str) -> tuple[str, ...]:
    """Where a domain's settings may be published, the domain's own pages first.

    Only Mozilla's database is told the domain and nothing else.
    Source: https://wiki.mozilla.org/Thunderbird:Autoconfiguration
    """
    domain = address.rpartition("@")[2].lower().encode("idna").decode("ascii")
    query = f"?emailaddress={quote(address, safe='@')}"
    return (
        f"https://autoconfig.{domain}/mail/config-v1.1.xml{query}",
        f"https://{domain}/.well-known/autoconfig/mail/config-v1.1.xml",
        f"https://autoconfig.thunderbird.net/v1.1/{domain}",
    )


def read_autoconfig(urls: Sequence[str]) -> Iterator[tuple[str, bytes]]:
    """Each file that is there, with its address (without the query); others are passed over."""
    for url in urls:
        shown = url.partition("?")[0]
        try:
            with urllib.request.urlopen(url, timeout=_TIMEOUT_S) as answer:  # noqa: S310
                yield shown, answer.read(_MAX_BYTES)
        except (URLError, OSError, ValueError) as error:
            logger.info("credentials.autoconfig_absent error=%s", type(error).__name__)
