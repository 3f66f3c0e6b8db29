"""From decisions to the rows that tie a message to its contacts."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from mailcrm.records.review import ContactLink, LinkChanges

__all__ = ["ContactLink", "LinkPlan", "StoredLink", "plan_link_changes", "plan_links"]

RULES, REVIEW = "rules", "review"
_ROLE_ORDER = ("from", "sender", "reply_to", "to", "cc", "bcc")


def plan_links(matched: Iterable[tuple[str, str, str, str, float]]) -> list[ContactLink]:
    """Merge matched decisions into one link per message and contact.

    Args:
        matched: (message_key, contact_id, role, rule, score) of every matched participant.

    Returns:
        Links ordered by message and contact; rule and score are those of a person's verdict, or
        else of the strongest decision (ties: the earlier role).
    """
    grouped: dict[tuple[str, str], list[tuple[int, str, float]]] = {}
    for message_key, contact_id, role, rule, score in matched:
        entry = (_ROLE_ORDER.index(role), rule, score)
        grouped.setdefault((message_key, contact_id), []).append(entry)
    links = []
    for (message_key, contact_id), entries in sorted(grouped.items()):
        _, rule, score = min(entries, key=lambda e: (e[1] != REVIEW, -e[2], e[0], e[1]))
        roles = ",".join(_ROLE_ORDER[i] for i in sorted({e[0] for e in entries}))
        links.append(ContactLink(message_key, contact_id, roles, rule, score))
    return links


@dataclass(frozen=True, slots=True)
class StoredLink:
    """A link as it is stored, and who made it: `rules`, or a person's name."""

    link: ContactLink
    decided_by: str

    @property
    def is_foreign(self) -> bool:
        """Whether a person made it in the table itself, not through a review."""
        return self.decided_by != RULES and self.link.rule != REVIEW


@dataclass(frozen=True, slots=True)
class LinkPlan:
    """Rows to write (new or changed) and to remove, and what that means for people."""

    write: tuple[ContactLink, ...]
    remove: tuple[ContactLink, ...]
    changes: LinkChanges


def plan_link_changes(
    wanted: Iterable[ContactLink],
    stored: Iterable[StoredLink],
    reviewers: Mapping[tuple[str, str], str],
) -> LinkPlan:
    """Compare what decisions ask for with what is stored; links that people made stay.

    Args:
        wanted: By the decisions of some messages, people's verdicts included.
        stored: All links of the same messages.
        reviewers: Who decided, by (message_key, contact_id); all others the rules did.

    Returns:
        What to change. Where a person linked a role in the table by hand, the rules add nothing.
    """
    known = {(one.link.message_key, one.link.contact_id): one for one in stored}
    foreign = {key: one for key, one in known.items() if one.is_foreign}
    by_hand = _roles_by_hand(foreign.values())
    asked = {
        (one.message_key, one.contact_id): one
        for one in wanted
        if (one.message_key, one.contact_id) in reviewers
        or not set(one.roles.split(",")) <= by_hand.get(one.message_key, set())
    }
    write = [
        link
        for key, link in asked.items()
        if key not in foreign and not _is_same(known.get(key), link, reviewers.get(key, RULES))
    ]
    gone = [one.link for key, one in known.items() if key not in asked and key not in foreign]
    changes = LinkChanges(
        gained=tuple(link for key, link in asked.items() if key not in known),
        lost=tuple(gone),
        kept=tuple(key for key in known if key in asked or key in foreign),
    )
    return LinkPlan(tuple(write), tuple(gone), changes)


def _roles_by_hand(foreign: Collection[StoredLink]) -> dict[str, set[str]]:
    roles: dict[str, set[str]] = {}
    for one in foreign:
        roles.setdefault(one.link.message_key, set()).update(one.link.roles.split(","))
    return roles


def _is_same(stored: StoredLink | None, link: ContactLink, decided_by: str) -> bool:
    return stored is not None and stored.link == link and stored.decided_by == decided_by
