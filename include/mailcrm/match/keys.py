"""The keys under which contacts are stored and looked up."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from mailcrm.match.canonical import canonical_address
from mailcrm.match.domains import company_domain
from mailcrm.match.names import name_keys, name_of_local_part
from mailcrm.records import Contact, ContactKey, MessageContext
from mailcrm.records.addresses import normalise_address

__all__ = [
    "PersonKeys",
    "contact_companies",
    "person_keys",
    "plan_companies",
    "plan_contact_keys",
    "plan_lookups",
    "plan_participant_keys",
]

_LOOSE = "~"
_MAX_CHARS = 300


@dataclass(frozen=True, slots=True)
class PersonKeys:
    """The texts of an address's and a name's keys; "" where there is none."""

    address: str
    canonical: str
    full_name: str
    loose_name: str

    def contact_keys(self) -> tuple[ContactKey, ...]:
        """Those that there are, as keys of a contact."""
        keys = self.lookups()
        return (ContactKey("address", self.address), *keys) if self.address else keys

    def lookups(self) -> tuple[ContactKey, ...]:
        """Those under which everybody is found who can matter: one inbox has one canonical key."""
        keys = []
        if self.canonical:
            keys.append(ContactKey("canonical", self.canonical))
        if self.full_name:
            keys.append(ContactKey("name", self.full_name))
            if self.loose_name:
                keys.append(ContactKey("name", self.loose_name))
        return tuple(keys)


@lru_cache(maxsize=65536)
def person_keys(address: str, name: str) -> PersonKeys:
    """The keys of an address and a name, each at most 300 characters long."""
    plain, canonical = normalise_address(address), ""
    if "@" in plain:
        canonical = _bounded(canonical_address(address).address)
        plain = _bounded(plain)
    else:
        plain = ""
    names = name_keys(name)
    loose = _LOOSE + names.loose if names.loose else ""
    return PersonKeys(plain, canonical, names.full, loose)


def plan_contact_keys(contact: Contact) -> frozenset[ContactKey]:
    """All keys of a contact.

    Returns:
        address: each normalised address; canonical: the inboxes behind them; name: the full form
        and, led by `~`, the loose form; domain: the company's registrable domains, none of them
        shared by strangers. Every key has at most 300 characters.
    """
    keys = set(person_keys("", contact.full_name).contact_keys())
    for one in contact.addresses:
        keys.update(person_keys(one.address, "").contact_keys())
    keys.update(ContactKey("domain", _bounded(one)) for one in contact_companies(contact))
    return frozenset(keys)


def plan_lookups(
    contexts: Iterable[MessageContext], own: frozenset[str] = frozenset()
) -> frozenset[ContactKey]:
    """The keys of all contacts that can matter for these messages, without those of our own.

    Company domains are not looked up: a domain says nothing about a person by itself, and whoever
    matches by name brings his domain along.
    """
    keys: set[ContactKey] = set()
    people = {(p.address, p.display_name) for one in contexts for p in one.participants}
    for address, name in people:
        if normalise_address(address) not in own:
            keys.update(_spoken_keys(address, name).lookups())
    return frozenset(keys)


def plan_participant_keys(address: str, name: str) -> tuple[str, str, str, str]:
    """Under which keys a participant finds contacts: canonical address, full and loose name, and
    the company's domain; "" where there is none.
    """
    keys = _spoken_keys(address, name)
    company = company_domain(normalise_address(address).rpartition("@")[2])
    return keys.canonical, keys.full_name, keys.loose_name, _bounded(company)


def _spoken_keys(address: str, name: str) -> PersonKeys:
    return person_keys(address, name if name_keys(name).full else name_of_local_part(address))


def plan_companies(
    contexts: Iterable[MessageContext], own: frozenset[str] = frozenset()
) -> frozenset[str]:
    """The companies' domains that the messages' participants write from, without our own."""
    addresses = {normalise_address(p.address) for one in contexts for p in one.participants}
    domains = {address.rpartition("@")[2] for address in addresses - own}
    ours = {company_domain(address.rpartition("@")[2]) for address in own}
    return frozenset(filter(None, map(company_domain, domains))) - ours


def contact_companies(contact: Contact) -> frozenset[str]:
    """The registrable domains of the contact's company, by its entry and its addresses."""
    domains = {contact.domain.strip().lower()}
    domains |= {normalise_address(one.address).rpartition("@")[2] for one in contact.addresses}
    return frozenset(filter(None, (company_domain(domain) for domain in domains)))


def _bounded(text: str) -> str:
    if len(text) > _MAX_CHARS:
        return "sha256:" + hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()
    return text
