"""From decisions to the rows that tie a message to its contacts."""

from collections.abc import Iterable
from dataclasses import dataclass

_ROLE_ORDER = ("from", "sender", "reply_to", "to", "cc", "bcc")


@dataclass(frozen=True, slots=True)
class ContactLink:
    """One row of crm_message_contacts; `roles` are comma-separated in header order."""

    message_key: str
    contact_id: str
    roles: str
    rule: str
    score: float


def plan_links(matched: Iterable[tuple[str, str, str, str, float]]) -> list[ContactLink]:
    """Merge matched decisions into one link per message and contact.

    Args:
        matched: (message_key, contact_id, role, rule, score) of every matched participant.

    Returns:
        Links ordered by message and contact; rule and score are those of the strongest decision
        (ties: the earlier role).
    """
    grouped: dict[tuple[str, str], list[tuple[int, str, float]]] = {}
    for message_key, contact_id, role, rule, score in matched:
        entry = (_ROLE_ORDER.index(role), rule, score)
        grouped.setdefault((message_key, contact_id), []).append(entry)
    links = []
    for (message_key, contact_id), entries in sorted(grouped.items()):
        _, rule, score = min(entries, key=lambda e: (-e[2], e[0], e[1]))
        roles = ",".join(_ROLE_ORDER[i] for i in sorted({e[0] for e in entries}))
        links.append(ContactLink(message_key, contact_id, roles, rule, score))
    return links
