"""`mailbox propose`: settings for an address, before anything is connected."""

from mailcrm.credentials import (
    Proposal,
    parse_autoconfig,
    propose_from_exchanges,
    propose_from_records,
    propose_settings,
)
from mailcrm.errors import SettingsError
from mailcrm.services.online_wiring import autoconfig_files, mail_exchanges, service_records

__all__ = ["Proposal", "propose_from_dns", "run_propose"]


def propose_from_dns(address: str, nameserver: tuple[str, int] | None = None) -> Proposal | None:
    """What the domain's SRV records say; else which known provider takes its mail (MX).

    Args:
        address: One address.
        nameserver: Address and port; None asks those of this machine.

    Raises:
        SettingsError: the domain cannot be a host name.
    """
    found = propose_from_records(address, service_records(address, nameserver))
    return found or propose_from_exchanges(address, mail_exchanges(address, nameserver))


def run_propose(address: str, online: bool = False) -> Proposal:
    """Propose from the table of providers; else, when asked to, from the domain's pages and DNS.

    Raises:
        SettingsError: it is no address, or nothing is known of its domain: nothing is guessed.
    """
    address = address.strip()
    local, at, domain = address.rpartition("@")
    fits = address.isprintable() and not any(c.isspace() for c in address)
    if not (at and local and "." in domain.strip(".") and fits and len(address) <= 254):
        raise SettingsError(where="ADDRESS", problem=f"{address[:60]!r} is no address")
    found = propose_settings(address)
    if found is None and online:
        files = autoconfig_files(address)
        readings = (parse_autoconfig(raw, address, source) for source, raw in files)
        found = next((reading for reading in readings if reading is not None), None)
        found = found or propose_from_dns(address)
    if found is None:
        hint = "" if online else "; --online asks the domain itself"
        problem = f"no settings are known for {domain[:60]}: take them from its help pages{hint}"
        raise SettingsError(where="ADDRESS", problem=problem)
    return found
