"""The contacts that a batch's messages can concern, by key."""

from collections.abc import Hashable, Iterable

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
    ) -> None:
        """Sort the contacts by key; `canonical_rules` names the address rules that are on."""
        self.canonical_rules = canonical_rules
        self.memo: dict[Hashable, object] = {}
        self._contacts: dict[ContactKey, dict[str, Contact]] = {}
        for key, contact in pairs:
            self._contacts.setdefault(key, {})[contact.contact_id] = contact

    def find(self, key: ContactKey) -> tuple[Contact, ...]:
        """The contacts under a key, by contact_id."""
        found = self._contacts.get(key)
        if not found:
            return ()
        return tuple(found[contact_id] for contact_id in sorted(found))
