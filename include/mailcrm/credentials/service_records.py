"""Settings from a domain's DNS: SRV records name its servers, MX records who takes its mail."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from mailcrm.credentials.providers import (
    Proposal,
    propose_from_provider,
    propose_ownership,
    starttls,
    tls,
)
from mailcrm.records import Encryption, Endpoint

__all__ = ["SERVICES", "ServiceRecord", "propose_from_exchanges", "propose_from_records"]

# RFC 6186 §3 and RFC 8314 §5.1: the service's label, and how it is protected.
SERVICES = {
    "imaps": Encryption.TLS,
    "imap": Encryption.STARTTLS,
    "submissions": Encryption.TLS,
    "submission": Encryption.STARTTLS,
}
_IMAP, _SMTP = ("imaps", "imap"), ("submissions", "submission")
_HOST = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)+")
_UNSIGNED = "DNS answers can be forged: compare them with your provider's help page."

# Ends of mail exchangers -> the provider's name, and its servers where domains of customers have
# others than its own addresses.
_EXCHANGES: tuple[tuple[str, str, Endpoint | None, Endpoint | None], ...] = (
    ("google.com", "Gmail", None, None),
    ("googlemail.com", "Gmail", None, None),
    (
        "mail.protection.outlook.com",
        "Outlook.com",
        tls("outlook.office365.com"),
        starttls("smtp.office365.com"),
    ),
    ("mx.microsoft", "Outlook.com", tls("outlook.office365.com"), starttls("smtp.office365.com")),
    ("zoho.com", "Zoho Mail", tls("imappro.zoho.com"), tls("smtppro.zoho.com", 465)),
    ("zoho.eu", "Zoho Mail", tls("imappro.zoho.eu"), tls("smtppro.zoho.eu", 465)),
    ("zoho.in", "Zoho Mail", tls("imappro.zoho.in"), tls("smtppro.zoho.in", 465)),
    ("mail.icloud.com", "iCloud Mail", None, None),
    ("messagingengine.com", "Fastmail", None, None),
    ("yandex.net", "Yandex Mail", None, None),
    ("yandex.ru", "Yandex Mail", None, None),
    ("mailbox.org", "mailbox.org", None, None),
    ("posteo.de", "Posteo", None, None),
    ("protonmail.ch", "Proton Mail (Bridge)", None, None),
    ("kundenserver.de", "IONOS", tls("imap.ionos.de"), tls("smtp.ionos.de", 465)),
    ("ionos.de", "IONOS", tls("imap.ionos.de"), tls("smtp.ionos.de", 465)),
    ("ionos.com", "IONOS", None, None),
)


@dataclass(frozen=True, slots=True)
class ServiceRecord:
    """One SRV record; `service` is a key of SERVICES, `host` "." where it is not offered."""

    service: str
    priority: int
    weight: int
    host: str
    port: int


def propose_from_records(address: str, records: Sequence[ServiceRecord]) -> Proposal | None:
    """The servers that a domain's SRV records name; None where they name no pair.

    The lowest priority wins, of equals the one with TLS from the first byte (RFC 8314 §3), then
    the heaviest; no dice are thrown, so that the proposal stays the same.

    Args:
        address: Whose settings were asked for.
        records: As they came, in any order; they may be anything.
    Source: RFC 6186 §3, §6 (a server of another domain has to be confirmed by a person).
    """
    domain = address.rpartition("@")[2].lower()
    imap, smtp = _best(records, _IMAP), _best(records, _SMTP)
    if imap is None or smtp is None:
        return None
    others = sorted({e.host for e in (imap, smtp) if not f".{e.host}".endswith(f".{domain}")})
    strange = f"{', '.join(others)} is not of {domain}: make sure that it is your provider's."
    return Proposal(
        address=address,
        name=domain,
        imap=imap,
        smtp=smtp,
        username=address,
        ownership=propose_ownership(address),
        notes=(*([strange] if others else []), _UNSIGNED),
        source=f"SRV records of {domain}",
    )


def propose_from_exchanges(address: str, exchanges: Sequence[str]) -> Proposal | None:
    """The provider that takes a domain's mail, by its MX records; None where none is known.

    Args:
        address: Whose settings were asked for.
        exchanges: Hosts, the preferred first.
    """
    from mailcrm.credentials.provider_rows import PROVIDERS

    for host in (f".{host.rstrip('.').lower()}" for host in exchanges):
        for end, name, imap, smtp in _EXCHANGES:
            row = next((row for row in PROVIDERS if row.name == name), None)
            if row is None or not host.endswith(f".{end}"):
                continue
            domain = address.rpartition("@")[2]
            told = f"The mail of {domain} goes to {name} ({host[1:]}). {_UNSIGNED}"
            found = propose_from_provider(row, address)
            return replace(
                found,
                imap=imap or found.imap,
                smtp=smtp or found.smtp,
                notes=(told, *found.notes),
                source=f"MX records of {domain}, and {found.source}",
            )
    return None


def _best(records: Sequence[ServiceRecord], services: tuple[str, str]) -> Endpoint | None:
    offered = [
        record
        for record in records
        if record.service in services
        and _HOST.fullmatch(record.host.rstrip(".").lower())
        and 0 < record.port < 65536
    ]
    if not offered:
        return None
    best = min(
        offered, key=lambda r: (r.priority, services.index(r.service), -r.weight, r.host, r.port)
    )
    return Endpoint(best.host.rstrip(".").lower(), best.port, SERVICES[best.service])
