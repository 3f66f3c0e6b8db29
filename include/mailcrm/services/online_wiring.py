"""What asks the web and DNS, apart from the pipeline's wiring: only `propose --online` uses it."""

from collections.abc import Iterator, Sequence

from mailcrm.adapters.autoconfig import autoconfig_urls, read_autoconfig
from mailcrm.adapters.mail_dns import look_up_exchanges, look_up_services
from mailcrm.credentials import ServiceRecord
from mailcrm.errors import SettingsError

__all__ = ["autoconfig_files", "mail_exchanges", "service_records"]


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


def service_records(address: str, nameserver: tuple[str, int] | None) -> Sequence[ServiceRecord]:
    """The SRV records of an address' domain; raises SettingsError as `autoconfig_files`."""
    return look_up_services(_domain(address), nameserver)


def mail_exchanges(address: str, nameserver: tuple[str, int] | None) -> Sequence[str]:
    """Its MX records' hosts, the preferred first; raises SettingsError as `autoconfig_files`."""
    return look_up_exchanges(_domain(address), nameserver)


def _domain(address: str) -> str:
    try:
        return address.rpartition("@")[2].lower().encode("idna").decode("ascii")
    except UnicodeError:
        raise SettingsError(where="ADDRESS", problem="its domain is no host name") from None
