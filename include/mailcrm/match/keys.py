"""The keys under which contacts are stored and looked up."""

import hashlib
from collections.abc import Iterable
from functools import lru_cache

from mailcrm.match.canonical import canonical_address
from mailcrm.match.domains import company_domain
from mailcrm.match.names import name_keys, name_of_local_part
from mailcrm.records import Contact, ContactKey, MessageContext
from mailcrm.records.addresses import normalise_address

__all__ = [
    "address_key",
    "canonical_key",
    "contact_companies",
    "full_name_key",
    "loose_name_key",
    "plan_contact_keys",
    "plan_lookups",
]

_LOOSE = "~"
_MAX_CHARS = 300


def plan_contact_keys(contact: Contact) -> frozenset[ContactKey]:
    """All keys of a contact.

    Returns:
        address: each normalised address; canonical: the inboxes behind them; name: the full form
        and, led by `~`, the loose form; domain: the company's registrable domains, none of them
        shared by strangers. Every key has at most 300 characters.
    """
    keys = {key for one in contact.addresses for key in _address_keys(one.address)}
    keys |= _name_keys(contact.full_name)
    keys |= {_key("domain", domain) for domain in contact_companies(contact)}
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
            keys |= _address_keys(address)
            keys |= _name_keys(name if name_keys(name).full else name_of_local_part(address))
    return frozenset(keys)


def contact_companies(contact: Contact) -> frozenset[str]:
    """The registrable domains of the contact's company, by its entry and its addresses."""
    domains = {contact.domain.strip().lower()}
    domains |= {normalise_address(one.address).rpartition("@")[2] for one in contact.addresses}
    return frozenset(filter(None, (company_domain(domain) for domain in domains)))


def address_key(address: str) -> ContactKey | None:
    """The key of an address itself; None where it has no `@`."""
    plain = normalise_address(address)
    return _key("address", plain) if "@" in plain else None


def canonical_key(address: str) -> ContactKey | None:
    """The key of the inbox behind an address; None where it has no `@`."""
    plain = canonical_address(address).address
    return _key("canonical", plain) if "@" in plain else None


def full_name_key(name: str) -> ContactKey | None:
    """The key of all parts of a name; None where it is no name."""
    full = name_keys(name).full
    return _key("name", full) if full else None


def loose_name_key(name: str) -> ContactKey | None:
    """The key of first and last name; None where it is no name."""
    loose = name_keys(name).loose
    return _key("name", _LOOSE + loose) if loose else None


@lru_cache(maxsize=65536)
def _address_keys(address: str) -> frozenset[ContactKey]:
    return frozenset(filter(None, (address_key(address), canonical_key(address))))


@lru_cache(maxsize=65536)
def _name_keys(name: str) -> frozenset[ContactKey]:
    return frozenset(filter(None, (full_name_key(name), loose_name_key(name))))


def _key(kind: str, text: str) -> ContactKey:
    if len(text) > _MAX_CHARS:
        text = "sha256:" + hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()
    return ContactKey(kind, text)
