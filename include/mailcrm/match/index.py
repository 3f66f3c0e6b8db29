"""The contacts that a batch's messages can concern, by key."""

from collections.abc import Hashable, Iterable, Sequence

from mailcrm.match.canonical import CANONICAL_RULES
from mailcrm.records import Contact, ContactKey

__all__ = ["ContactIndex"]


class ContactIndex:
    """Contacts by key, and what was found out about participants so far.

    Every contact under a looked-up key must be in it, or a shared name would pass for unique.
    Work on one participant is remembered, as the same people write again and again; the index is
    therefore for one batch and one thread.
    """

    def __init__(
        self,
        pairs: Iterable[tuple[ContactKey, Contact]],
        canonical_rules: frozenset[str] = frozenset(CANONICAL_RULES),
        companies: frozenset[str] = frozenset(),
    ) -> None:
        """Sort the contacts by key.

        Args:
            pairs: All contacts under the looked-up keys.
            canonical_rules: Names of the address rules that are on.
            companies: Those of `plan_companies` that some contact belongs to.
        """
        self.companies = companies
        self.canonical_rules = canonical_rules
        self.memo: dict[Hashable, object] = {}
        self._by_kind: dict[str, dict[str, list[Contact]]] = {}
        for key, contact in pairs:
            self._by_kind.setdefault(key.kind, {}).setdefault(key.key, []).append(contact)
        self._nothing: dict[str, list[Contact]] = {}

    def find(self, kind: str, text: str) -> Sequence[Contact]:
        """The contacts under a key, by contact_id; none under an empty text."""
        found = self._by_kind.get(kind, self._nothing).get(text, ())
        if len(found) < 2:
            return found
        distinct = {contact.contact_id: contact for contact in found}
        return [distinct[contact_id] for contact_id in sorted(distinct)]
