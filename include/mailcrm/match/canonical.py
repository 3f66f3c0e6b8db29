"""Addresses that lead to one inbox, by named rules of the provider that serves it."""

from dataclasses import dataclass
from functools import lru_cache

from mailcrm.records.addresses import normalise_address

__all__ = ["CANONICAL_RULES", "CanonicalAddress", "canonical_address"]

CANONICAL_RULES: dict[str, str] = {
    "google_domain": "googlemail.com is gmail.com (Gmail Help, 'Your @googlemail.com address')",
    "google_dots": "Gmail ignores dots before the @ (Gmail Help, 'Dots don't matter')",
    "google_plus": "Gmail delivers name+tag to name (Gmail Help, 'Create task-specific addresses')",
    "apple_domain": "me.com and mac.com are icloud.com for one account (Apple Support)",
    "proton_domain": "pm.me, protonmail.com and proton.me are one account's (Proton Support)",
    "yandex_domain": "ya.ru and yandex's country domains are one account's (Yandex Help)",
    "documented_plus": "providers that document name+tag: Microsoft, Apple, Proton, Fastmail, ...",
    "any_plus": "name+tag anywhere else (RFC 5233): likely, not proof; asks for a second sign",
}
_DOMAINS = {
    "googlemail.com": ("gmail.com", "google_domain"),
    "me.com": ("icloud.com", "apple_domain"),
    "mac.com": ("icloud.com", "apple_domain"),
    "pm.me": ("proton.me", "proton_domain"),
    "protonmail.com": ("proton.me", "proton_domain"),
    "protonmail.ch": ("proton.me", "proton_domain"),
    "ya.ru": ("yandex.ru", "yandex_domain"),
    "yandex.com": ("yandex.ru", "yandex_domain"),
    "yandex.by": ("yandex.ru", "yandex_domain"),
    "yandex.kz": ("yandex.ru", "yandex_domain"),
}
_DOCUMENTED_PLUS = frozenset(
    {
        "fastmail.com",
        "fastmail.fm",
        "hotmail.com",
        "icloud.com",
        "live.com",
        "mailbox.org",
        "msn.com",
        "outlook.com",
        "posteo.de",
        "proton.me",
        "yandex.ru",
    }
)
_ALIKE = frozenset(_DOMAINS) | {"gmail.com"}
_NO_RULES: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class CanonicalAddress:
    """The inbox behind an address, and the names of the rules that led there."""

    address: str
    rules: frozenset[str]


@lru_cache(maxsize=65536)
def canonical_address(address: str) -> CanonicalAddress:
    """Follow the provider's rules to the inbox; without any, the normalised address itself."""
    plain = normalise_address(address)
    local, at, domain = plain.rpartition("@")
    if not at or local.startswith('"') or ("+" not in local and domain not in _ALIKE):
        return CanonicalAddress(plain, _NO_RULES)
    rules: set[str] = set()
    if domain in _DOMAINS:
        domain, rule = _DOMAINS[domain]
        rules.add(rule)
    bare, plus, _ = local.partition("+")
    if plus and bare:
        local = bare
        rules.add(_plus_rule(domain))
    if domain == "gmail.com" and "." in local:
        local = local.replace(".", "")
        rules.add("google_dots")
    return CanonicalAddress(f"{local}@{domain}", frozenset(rules))


def _plus_rule(domain: str) -> str:
    if domain == "gmail.com":
        return "google_plus"
    return "documented_plus" if domain in _DOCUMENTED_PLUS else "any_plus"
