"""Conversations of messages of which a share lost what they refer to."""

import dataclasses
import random
from collections.abc import Mapping

from mailcrm.dedupe import (
    conversation_ids,
    conversation_people,
    hash_id,
    list_addresses,
    plan_conversations,
    plan_subject,
)
from mailcrm.records import ConversationLink, ParsedMessage


def join_threads(parsed: Mapping[str, ParsedMessage], share: float) -> Mapping[str, str]:
    """The conversation of each file, where this share of messages lost their references."""
    chance = random.Random(20261103)
    links = []
    for name, one in parsed.items():
        if chance.random() < share:
            one = dataclasses.replace(one, references=(), in_reply_to=())
        subject_hash, asks = plan_subject(one)
        links.append(
            ConversationLink(
                message_key=name,
                id_hash=hash_id(one.message_id or name),
                reference_hashes=conversation_ids(one),
                sent_at=one.sent_at,
                addresses=conversation_people(one.participants, frozenset()),
                subject_hash=subject_hash,
                subject_asks=asks,
                list_addresses=list_addresses(one.participants, one.list_id),
            )
        )
    return plan_conversations(links, {}).of_message
