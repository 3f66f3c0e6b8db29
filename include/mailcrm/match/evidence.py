"""What ties contacts to one address and display name: evidence, before any decision."""

from collections.abc import Iterable
from functools import lru_cache
from itertools import chain

from mailcrm.match.canonical import canonical_address
from mailcrm.match.domains import company_domain, is_disposable, is_lookalike
from mailcrm.match.index import ContactIndex
from mailcrm.match.keys import PersonKeys, contact_companies, person_keys
from mailcrm.match.names import held_addresses, name_keys, name_of_local_part
from mailcrm.match.weights import ADDRESS_EVIDENCE, WEIGHTS
from mailcrm.records import Candidate, Contact, Evidence
from mailcrm.records.addresses import normalise_address

__all__ = [
    "add_evidence",
    "gather_candidates",
    "has_address",
    "holds_address",
    "make_evidence",
    "merge_candidates",
]

_MAX_CANDIDATES = 20


@lru_cache(maxsize=4096)
def make_evidence(name: str, detail: str = "") -> Evidence:
    """One piece of evidence with the weight of the table."""
    return Evidence(name, WEIGHTS[name], detail)


def has_address(candidate: Candidate) -> bool:
    """Whether an address ties the contact, not only a name."""
    return any(one.name in ADDRESS_EVIDENCE for one in candidate.evidence)


def holds_address(candidate: Candidate) -> bool:
    """Whether the contact has this very address, not only one of the same inbox."""
    return any(one.name in ("exact_address", "secondary_address") for one in candidate.evidence)


def add_evidence(candidate: Candidate, *more: Evidence) -> Candidate:
    """The candidate with more evidence, its score summed anew."""
    return _make_candidate(candidate.contact_id, (*candidate.evidence, *more))


def merge_candidates(*groups: Iterable[Candidate]) -> tuple[Candidate, ...]:
    """Each contact once, with its best score; best first, at most 20."""
    best: dict[str, Candidate] = {}
    for candidate in chain.from_iterable(groups):
        other = best.get(candidate.contact_id)
        if other is None or candidate.score > other.score:
            best[candidate.contact_id] = candidate
    if len(best) < 2:
        return tuple(best.values())
    ranked = sorted(best.values(), key=lambda one: (-one.score, one.contact_id))
    return tuple(ranked[:_MAX_CANDIDATES])


_Found = dict[str, tuple[Contact, list[Evidence]]]


def gather_candidates(address: str, name: str, index: ContactIndex) -> tuple[Candidate, ...]:
    """All contacts that an address and a display name suggest, best first, at most 20."""
    is_written = bool(name_keys(name).full)
    keys = person_keys(address, name if is_written else name_of_local_part(address))
    found: _Found = {}
    _gather_by_address(found, keys, address, index)
    _gather_by_name(found, keys, is_written, index)
    if not found:
        return ()
    warnings = _warn_of(keys.address, name)
    return merge_candidates(
        _make_candidate(contact_id, (*evidence, *warnings))
        for contact_id, (_, evidence) in found.items()
    )


def _make_candidate(contact_id: str, evidence: tuple[Evidence, ...]) -> Candidate:
    return Candidate(contact_id, evidence, round(sum([one.weight for one in evidence]), 3))


def _gather_by_address(found: _Found, keys: PersonKeys, address: str, index: ContactIndex) -> None:
    plain = normalise_address(address)
    for contact in index.find("canonical", keys.canonical):
        held = [one for one in contact.addresses if normalise_address(one.address) == plain]
        if held:
            is_primary = any(one.is_primary for one in held)
            evidence = make_evidence("exact_address" if is_primary else "secondary_address")
            found[contact.contact_id] = (contact, [evidence])
        elif (alike := _compare_inboxes(address, contact, index.canonical_rules)) is not None:
            found[contact.contact_id] = (contact, [alike])


def _compare_inboxes(address: str, contact: Contact, enabled: frozenset[str]) -> Evidence | None:
    """The evidence that one of the contact's addresses leads to the same inbox."""
    inbox = canonical_address(address)
    best: Evidence | None = None
    for one in contact.addresses:
        other = canonical_address(one.address)
        rules = inbox.rules | other.rules
        if other.address != inbox.address or not rules <= enabled:
            continue
        if "any_plus" not in rules:
            return make_evidence("canonical_address", "+".join(sorted(rules)))
        if "any_plus" not in inbox.rules & other.rules:  # two tags may well be two people
            best = make_evidence("subaddress", "+".join(sorted(rules)))
    return best


def _gather_by_name(found: _Found, keys: PersonKeys, is_written: bool, index: ContactIndex) -> None:
    full = index.find("name", keys.full_name)
    is_alone = len(full) == 1
    kind = "unique_name" if is_alone else "shared_name"
    for contact in full:
        _add_name(
            found, keys.address, contact, kind if is_written else "name_of_local_part", is_alone
        )
    if not is_written:
        return
    known = {contact.contact_id for contact in full}
    for contact in index.find("name", keys.loose_name):
        if contact.contact_id not in known:
            _add_name(found, keys.address, contact, "name_variant", is_alone=True)


def _add_name(
    found: _Found,
    address: str,
    contact: Contact,
    kind: str,
    is_alone: bool,
) -> None:
    _, evidence = found.setdefault(contact.contact_id, (contact, []))
    known = {one.name for one in evidence}
    if known & ADDRESS_EVIDENCE:
        evidence.append(make_evidence("name_agrees"))
        if "canonical_address" in known and not is_alone:
            evidence.append(make_evidence("namesake"))
        return
    evidence.append(make_evidence(kind))
    if "subaddress" not in known:  # which has the company's domain in it already
        evidence += _support_name(address, contact)


def _support_name(address: str, contact: Contact) -> list[Evidence]:
    """What else speaks for, or against, a contact whose name agrees."""
    local, _, domain = address.rpartition("@")
    companies = contact_companies(contact)
    company = company_domain(domain)
    support = []
    if company and company in companies:
        support.append(make_evidence("company_domain", company))
    elif company and any(is_lookalike(company, other) for other in companies):
        support.append(make_evidence("lookalike_domain", company))
    locals_ = {normalise_address(one.address).rpartition("@")[0] for one in contact.addresses}
    if len(local) > 2 and local in locals_:
        support.append(make_evidence("same_local_part"))
    return support


def _warn_of(address: str, name: str) -> list[Evidence]:
    """What is odd about the participant, whoever it is."""
    domain = address.rpartition("@")[2]
    warnings = []
    for held in held_addresses(name):
        if canonical_address(held).address != canonical_address(address).address:
            warnings.append(make_evidence("name_holds_other_address"))
            break
    if is_disposable(domain):
        warnings.append(make_evidence("disposable_domain", domain))
    return warnings
