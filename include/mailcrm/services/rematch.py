"""`rematch`: decides again on what is stored, and tells which links that changes."""

import logging
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from mailcrm.match import RULE_VERSION, ContactIndex, decide_message, plan_companies, plan_lookups
from mailcrm.records import Decision, MailboxState, MessageContext
from mailcrm.records.review import ContactLink, LinkChanges
from mailcrm.services.review_wiring import ReviewServices

__all__ = ["RematchReport", "decide_again", "decide_stored", "run_rematch"]

logger = logging.getLogger(__name__)

_ROUNDS = 5
_CHUNK = 5_000


@dataclass(slots=True)
class RematchReport:
    """Links gained, lost and kept by the messages that were decided on again.

    `protected` counts participants on whom a person's verdict stood.
    """

    mailboxes: list[str]
    messages: set[str] = field(default_factory=set)
    gained: dict[tuple[str, str], ContactLink] = field(default_factory=dict)
    lost: dict[tuple[str, str], ContactLink] = field(default_factory=dict)
    kept: set[tuple[str, str]] = field(default_factory=set)
    protected: int = 0
    seconds: float = 0.0

    def add(self, changes: LinkChanges) -> None:
        """Note changes; what was lost and comes back in a later round is no change."""
        for link in changes.lost:
            pair = (link.message_key, link.contact_id)
            if self.gained.pop(pair, None) is None:
                self.lost[pair] = link
        for link in changes.gained:
            pair = (link.message_key, link.contact_id)
            if self.lost.pop(pair, None) is None:
                self.gained[pair] = link
        self.kept.update(changes.kept)
        self.kept -= self.gained.keys() | self.lost.keys()

    def as_document(self) -> dict[str, object]:
        """The JSON document of `mailcrm rematch`."""
        return {
            "mailboxes": self.mailboxes,
            "rule_version": RULE_VERSION,
            "messages": len(self.messages),
            "gained": [_link(self.gained[pair]) for pair in sorted(self.gained)],
            "lost": [_link(self.lost[pair]) for pair in sorted(self.lost)],
            "kept": len(self.kept),
            "protected": self.protected,
            "seconds": round(self.seconds, 3),
        }


def run_rematch(services: ReviewServices, mailbox_id: str | None = None) -> RematchReport:
    """Decide again on every stored message that new rules or changed contacts can touch.

    Args:
        services: The stored messages and contacts.
        mailbox_id: Only messages that this mailbox published; None takes all mailboxes.

    Raises:
        UnknownMailboxError, SettingsError, StoreBusyError
    """
    started = services.clock.monotonic()
    now = services.clock.now()
    services.contacts.refresh_contacts(now)
    contacts_at = services.contacts.read_clock()  # before any of them is read
    if mailbox_id is not None:
        mailboxes = [services.registry.read_mailbox(mailbox_id)]
    else:
        found = services.registry.list_mailboxes()
        mailboxes = [one for one in found if one.state is not MailboxState.REMOVED]
    report = RematchReport([mailbox.id for mailbox in mailboxes])
    for mailbox in mailboxes:
        touched = services.rematch.find_touched(mailbox.id)
        _decide_until_stable(services, report, touched, mailbox.all_own_addresses())
        services.rematch.write_mark(mailbox.id, contacts_at)
    report.seconds = services.clock.monotonic() - started
    logger.info(
        "rematch.done messages=%d gained=%d lost=%d kept=%d elapsed_s=%.3f",
        len(report.messages),
        len(report.gained),
        len(report.lost),
        len(report.kept),
        report.seconds,
    )
    return report


def _decide_until_stable(
    services: ReviewServices,
    report: RematchReport,
    touched: Collection[str],
    own: frozenset[str],
) -> None:
    """Decide on the messages, then on their conversations where links changed, and so on."""
    waiting = set(touched)
    for _ in range(_ROUNDS):
        changed: set[str] = set()
        keys = sorted(waiting)
        for start in range(0, len(keys), _CHUNK):
            chunk = keys[start : start + _CHUNK]
            changes = decide_again(services, chunk, own)
            report.add(changes)
            changed.update(link.message_key for link in (*changes.gained, *changes.lost))
        report.messages |= waiting
        if not changed:
            break
        waiting = set(services.rematch.find_neighbours(changed))
    report.protected = services.rematch.count_verdicts(report.messages)


def decide_again(services: ReviewServices, keys: list[str], own: frozenset[str]) -> LinkChanges:
    """Replace what the rules say of these messages; `own` are the mailbox's own addresses."""
    rows = decide_stored(services, keys, own)
    return services.rematch.write_decisions(rows, services.clock.now())


def decide_stored(
    services: ReviewServices, keys: list[str], own: frozenset[str]
) -> list[tuple[MessageContext, Sequence[Decision]]]:
    """What the rules say of stored messages now; changes nothing."""
    contexts = services.rematch.read_contexts(keys)
    index = ContactIndex(
        services.contacts.find_contacts(plan_lookups(contexts, own)),
        companies=services.contacts.find_companies(plan_companies(contexts, own)),
    )
    return [(context, decide_message(context, index, own)) for context in contexts]


def _link(link: ContactLink) -> dict[str, object]:
    return {
        "message_key": link.message_key,
        "contact_id": link.contact_id,
        "roles": link.roles,
        "rule": link.rule,
        "score": link.score,
    }
