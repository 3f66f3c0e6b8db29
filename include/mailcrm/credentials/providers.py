"""What is known of mail providers, and what follows for one address or one host."""

from dataclasses import dataclass

from mailcrm.records import Encryption, Endpoint, Ownership

__all__ = [
    "Proposal",
    "Provider",
    "find_provider",
    "find_provider_of_host",
    "propose_from_provider",
    "propose_ownership",
    "propose_settings",
]


@dataclass(frozen=True, slots=True)
class Provider:
    """One provider's servers and quirks, each as its own pages say.

    `domains` are those of its addresses, `hosts` ends of its servers' names. `username` is
    address or local (the part before the @). `max_connections` is per mailbox over IMAP, None
    where the provider states none. `hides_mail` says which mail IMAP does not show, "" for none
    known. `needs_id` servers give no folder to a client that does not name itself (RFC 2971).
    `limits` is what it throttles. `sources` are addresses of pages.
    """

    name: str
    domains: tuple[str, ...]
    hosts: tuple[str, ...]
    imap: Endpoint
    smtp: Endpoint
    password: str
    sources: tuple[str, ...]
    username: str = "address"
    oauth: str = ""
    max_connections: int | None = None
    needs_id: bool = False
    hides_mail: str = ""
    limits: str = ""


@dataclass(frozen=True, slots=True)
class Proposal:
    """Settings proposed for one address; `source` says where they are from.

    `notes` are what a person has to do or to know first, in order of weight.
    """

    address: str
    name: str
    imap: Endpoint
    smtp: Endpoint
    username: str
    ownership: Ownership
    notes: tuple[str, ...]
    source: str


# RFC 2142, and what teams use besides: several people read these.
_ROLES = frozenset(
    """abuse accounting accounts admin admissions bestellung billing bookings buchhaltung care
    careers contact customerservice enquiries events feedback finance hello help helpdesk hi hr
    info inquiries invoices it jobs kontakt legal mail marketing media noc office orders
    partners payments postmaster press privacy purchasing rechnung reception returns sales
    security service shop staff support team tickets vertrieb webmaster welcome""".split()  # noqa: SIM905
)
_XOAUTH2_OFFER = (
    "mailcrm logs in with a token where the registry file says auth: xoauth2, and renews it where "
    "the connection's extra has token_url, client_id and refresh_token."
)


def find_provider(address: str) -> Provider | None:
    """The provider of an address' domain, None where the table has none."""
    from mailcrm.credentials.provider_rows import PROVIDERS

    domain = address.rpartition("@")[2].lower()
    return next((row for row in PROVIDERS if domain in row.domains), None)


def find_provider_of_host(host: str) -> Provider | None:
    """The provider that runs a server, by the end of its name; None where the table has none."""
    from mailcrm.credentials.provider_rows import PROVIDERS

    name = "." + host.rstrip(".").lower()
    return next(
        (row for row in PROVIDERS if any(name.endswith(f".{end}") for end in row.hosts)), None
    )


def propose_ownership(address: str) -> Ownership:
    """Role addresses (support@, billing@, sales@, …) are shared, all others personal."""
    local = address.rpartition("@")[0].lower().split("+")[0]
    words = local.replace(".", "-").replace("_", "-").split("-")
    is_role = local in _ROLES or any(word in _ROLES for word in words if len(words) == 2)
    return Ownership.SHARED if is_role else Ownership.PERSONAL


def propose_settings(address: str) -> Proposal | None:
    """Settings from the table; None for a domain that is not in it: nothing is guessed.

    Args:
        address: One address, `local@domain`.
    """
    row = find_provider(address)
    return None if row is None else propose_from_provider(row, address)


def propose_from_provider(row: Provider, address: str) -> Proposal:
    """One provider's settings for one address."""
    notes = [row.password]
    if row.oauth:
        notes += [row.oauth, _XOAUTH2_OFFER]
    notes += [text for text in (row.hides_mail, row.limits) if text]
    if row.max_connections is not None:
        notes.append(f"At most {row.max_connections} connections to one mailbox at a time.")
    is_local = row.username == "local"
    return Proposal(
        address=address,
        name=row.name,
        imap=row.imap,
        smtp=row.smtp,
        username=address.rpartition("@")[0] if is_local else address,
        ownership=propose_ownership(address),
        notes=tuple(notes),
        source=row.sources[0],
    )


def tls(host: str, port: int = 993) -> Endpoint:
    """A server that speaks TLS from the first byte."""
    return Endpoint(host, port, Encryption.TLS)


def starttls(host: str, port: int = 587) -> Endpoint:
    """A server that begins plain and upgrades."""
    return Endpoint(host, port, Encryption.STARTTLS)
