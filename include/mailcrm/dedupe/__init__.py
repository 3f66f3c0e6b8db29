"""Stage 4: which message this is, and which conversation it belongs to. Pure functions.

`plan_identity` gathers what tells one message from another while it is at hand;
`decide_identities` names each staged row's message; `plan_conversations` joins messages.
"""

from mailcrm.dedupe.conversations import (
    US,
    conversation_people,
    list_addresses,
    plan_conversations,
)
from mailcrm.dedupe.hashes import canonical_message_id, conversation_ids, hash_id, is_id_owner
from mailcrm.dedupe.identity import decide_identities, plan_identity, renew_sketch
from mailcrm.dedupe.relink import RELINK_FIELDS, plan_relink_digest
from mailcrm.dedupe.sketch import is_outdated
from mailcrm.dedupe.subjects import plan_subject

__all__ = [
    "RELINK_FIELDS",
    "US",
    "canonical_message_id",
    "conversation_ids",
    "conversation_people",
    "decide_identities",
    "hash_id",
    "is_id_owner",
    "is_outdated",
    "list_addresses",
    "plan_conversations",
    "plan_identity",
    "plan_relink_digest",
    "plan_subject",
    "renew_sketch",
]
