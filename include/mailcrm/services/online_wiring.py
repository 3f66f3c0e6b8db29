"""Builds what asks the web, apart from the pipeline's wiring: only `propose --online` uses it."""

from collections.abc import Iterator

from mailcrm.adapters.autoconfig import autoconfig_urls, read_autoconfig
from mailcrm.errors import SettingsError

__all__ = ["autoconfig_files"]


def autoconfig_files(address: str) -> Iterator[tuple[str, bytes]]:
    """The autoconfig files of an address' domain, with their sources.

    Raises:
        SettingsError: the domain cannot be a host name.
    """
    try:
        urls = autoconfig_urls(address)
    except UnicodeError:
        raise SettingsError(where="ADDRESS", problem="its domain is no host name") from None
    yield from read_autoconfig(urls)
