"""Conversations: which messages belong together.

Two messages belong together when they share a message id (their own or a referenced one) and a
participant; we ourselves count only where we wrote. An answer that names no message belongs to
those with its subject and one of its people, not far from it in time. Applied until nothing
changes, this gives the same conversations in whatever order mail arrives, and a stranger who names
a foreign message id, or copies a subject, joins nothing.

Source: J. Zawinski, Message threading (1997), without the tree.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from itertools import combinations

from mailcrm.dedupe.hashes import derive_key, is_id_owner
from mailcrm.dedupe.subjects import SUBJECT_GAP
from mailcrm.records import ConversationLink, ConversationPlan, Participant, SubjectSpan
from mailcrm.records.addresses import is_list_address, normalise_address

__all__ = ["US", "conversation_people", "list_addresses", "plan_conversations"]

US = "us"
_CROWD = 100  # a subject that one person uses in more conversations than this joins none of his


@dataclass(slots=True)
class _Group:
    """Messages that belong together so far; `people` None takes everybody.

    `spans` are the subjects that it used, with whom they may join it to: nobody of ours, no list.
    """

    links: list[ConversationLink]
    known: set[str]
    ids: set[str]
    people: set[str] | None
    spans: Sequence[SubjectSpan] = ()
    strangers: Set[str] = frozenset()


def conversation_people(participants: Iterable[Participant], own: frozenset[str]) -> frozenset[str]:
    """The participants by whom two messages can be seen to belong together.

    Args:
        participants: Of one message, or of all messages of a conversation.
        own: Our addresses, lower-case.

    Returns:
        Normalised addresses that are not ours, and "us" where one of ours is in From.
    """
    people = set()
    for participant in participants:
        address = normalise_address(participant.address)
        if address not in own:
            people.add(address)
        elif participant.role == "from":
            people.add(US)
    people.discard("")
    return frozenset(people)


def list_addresses(participants: Iterable[Participant], list_id: str | None) -> frozenset[str]:
    """Normalised addresses of the list that a message came through; none without one."""
    if list_id is None:
        return frozenset()
    return frozenset(
        normalise_address(one.address)
        for one in participants
        if is_list_address(one.address, list_id)
    )


def plan_conversations(
    links: Sequence[ConversationLink],
    known: Mapping[str, str],
    known_people: Mapping[str, frozenset[str]] | None = None,
    known_spans: Sequence[SubjectSpan] = (),
) -> ConversationPlan:
    """Join new messages with each other and with known conversations.

    Args:
        links: The new messages, in any order; their `addresses` are `conversation_people`.
        known: Conversation by id hash, for the hashes that the links name.
        known_people: `conversation_people` by known conversation; one that is missing here takes
            everybody who shares an id with it.
        known_spans: Where known conversations used the links' subjects.

    Returns:
        The conversation of each new message, the conversation of each id that now belongs to
        one, and merges as old -> new key. Of merged conversations the smallest key stays; a new
        one's key comes from its smallest message_key.
    """
    groups = _close(_start_groups(links, known, known_people or {}, known_spans))
    plan = ConversationPlan({}, {}, {})
    for group in groups:
        if group.links:
            _write_group(plan, group, known)
    for link in links:  # whoever owns an id has it, whatever others claimed; a conflict does not
        if is_id_owner(link.message_key, link.id_hash):
            plan.members[link.id_hash] = plan.of_message[link.message_key]
    return plan


def _start_groups(
    links: Sequence[ConversationLink],
    known: Mapping[str, str],
    known_people: Mapping[str, frozenset[str]],
    known_spans: Sequence[SubjectSpan],
) -> list[_Group]:
    asked = {link.subject_hash for link in links if link.subject_asks}
    asked |= {span.subject_hash for span in known_spans if span.asks}
    # Of whom a stored conversation knows, lists included, only those count whom new mail brings.
    strangers = {one for link in links for one in link.addresses - link.list_addresses} - {US}
    ids_of_known: dict[str, set[str]] = defaultdict(set)
    spans_of_known: dict[str, list[SubjectSpan]] = defaultdict(list)
    for id_hash, key in known.items():
        ids_of_known[key].add(id_hash)
    for span in known_spans:
        spans_of_known[span.conversation_key].append(span)
    groups = []
    for key in sorted({*ids_of_known, *spans_of_known}):
        people = known_people.get(key)
        group = _Group([], {key}, ids_of_known[key], None if people is None else set(people))
        group.spans, group.strangers = spans_of_known[key], set(people or ()) & strangers
        groups.append(group)
    for link in sorted(links, key=lambda one: (one.id_hash, one.message_key)):
        group = _Group([link], set(), {link.id_hash, *link.reference_hashes}, set(link.addresses))
        if link.subject_hash in asked:
            when, asks = link.sent_at, link.subject_asks
            group.spans = [SubjectSpan(link.subject_hash or "", "", when, when, asks)]
            group.strangers = set(link.addresses - link.list_addresses) - {US}
        groups.append(group)
    return groups


class _Forest:
    """Groups that are joined step by step (union-find, the larger one takes the smaller)."""

    def __init__(self, groups: list[_Group]) -> None:
        self.groups = groups
        self.parents = list(range(len(groups)))

    def root(self, index: int) -> int:
        while self.parents[index] != index:
            self.parents[index] = self.parents[self.parents[index]]
            index = self.parents[index]
        return index

    def join(self, one: int, two: int) -> bool:
        one, two = self.root(one), self.root(two)
        if one == two:
            return False
        if len(self.groups[one].ids) < len(self.groups[two].ids):
            one, two = two, one
        keep, drop = self.groups[one], self.groups[two]
        self.parents[two] = one
        keep.links += drop.links
        keep.known |= drop.known
        keep.ids |= drop.ids
        keep.spans = [*keep.spans, *drop.spans]
        keep.strangers = keep.strangers | drop.strangers
        keep.people = None if keep.people is None or drop.people is None else keep.people
        if keep.people is not None and drop.people is not None:
            keep.people |= drop.people
        return True

    def join_acquainted(self, indexes: list[int]) -> bool:
        """Join those of the groups that share a person; whether any were."""
        first_with: dict[str, int] = {}
        changed = False
        for index in indexes:
            people = self.groups[self.root(index)].people
            if people is None:
                joined = [self.join(index, other) for other in indexes]
                return any(joined)
            for person in tuple(people):
                changed |= self.join(first_with.setdefault(person, index), index)
        return changed

    def roots(self) -> list[_Group]:
        return [self.groups[i] for i, parent in enumerate(self.parents) if i == parent]


def _close(groups: list[_Group]) -> list[_Group]:
    """Join groups that share an id and a person until none are left to join."""
    forest = _Forest(groups)
    claims: dict[str, list[int]] = defaultdict(list)
    for index, group in enumerate(groups):
        for id_hash in group.ids:
            claims[id_hash].append(index)
    shared = [indexes for indexes in claims.values() if len(indexes) > 1]
    subjects = _asked_subjects(groups)
    changed = True
    while changed:
        changed = False
        for place, indexes in enumerate(shared):
            roots = list({forest.root(i): None for i in indexes})
            if len(roots) > 1:
                changed |= forest.join_acquainted(roots)
                shared[place] = roots
        shared = [indexes for indexes in shared if len(indexes) > 1]
        for subject, indexes in subjects.items():
            roots = list({forest.root(i): None for i in indexes})
            if len(roots) > 1:
                changed |= _join_by_subject(forest, subject, roots)
    return sorted(forest.roots(), key=_group_name)


def _asked_subjects(groups: list[_Group]) -> dict[str, list[int]]:
    """The groups that use each subject that some answer asks for."""
    asked = {span.subject_hash for group in groups for span in group.spans if span.asks}
    found: dict[str, list[int]] = defaultdict(list)
    if asked:
        for index, group in enumerate(groups):
            for subject in {span.subject_hash for span in group.spans} & asked:
                found[subject].append(index)
    return found


def _join_by_subject(forest: _Forest, subject: str, roots: list[int]) -> bool:
    """Join groups of one subject that share a person and are near each other, whether any were."""
    by_person: dict[str, list[int]] = defaultdict(list)
    for index in roots:
        for person in forest.groups[index].strangers:
            by_person[person].append(index)
    changed = False
    for indexes in by_person.values():
        if len(indexes) > _CROWD:
            continue
        for one, two in combinations(indexes, 2):
            if forest.root(one) != forest.root(two) and _are_near(
                forest.groups[one], forest.groups[two], subject
            ):
                changed |= forest.join(one, two)
    return changed


def _are_near(one: _Group, two: _Group, subject: str) -> bool:
    """Whether two groups used a subject at about one time, one of them in an answer that asks."""
    return any(
        (a.asks or b.asks)
        and a.first_at - b.last_at <= SUBJECT_GAP
        and b.first_at - a.last_at <= SUBJECT_GAP
        for a in one.spans
        for b in two.spans
        if a.subject_hash == b.subject_hash == subject
    )


def _group_name(group: _Group) -> str:
    return min(group.known) if group.known else _smallest_key(group)


def _smallest_key(group: _Group) -> str:
    return min((link.message_key for link in group.links), default="")


def _write_group(plan: ConversationPlan, group: _Group, known: Mapping[str, str]) -> None:
    key = min(group.known) if group.known else derive_key("conversation", _smallest_key(group))
    for old in group.known - {key}:
        plan.merges[old] = key
    for link in group.links:
        plan.of_message[link.message_key] = key
        for id_hash in (link.id_hash, *link.reference_hashes):
            holder = known.get(id_hash)
            if holder is None or holder in group.known:
                plan.members.setdefault(id_hash, key)
