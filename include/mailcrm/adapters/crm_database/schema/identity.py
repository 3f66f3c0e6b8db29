"""Identity: what later batches are compared with."""

from sqlalchemy import (
    Column,
    Index,
    String,
    Table,
    Text,
)

from mailcrm.adapters.crm_database.schema.base import JSON, Time, metadata

message_identities = Table(
    "message_identities",
    metadata,
    Column("message_key", String(64), primary_key=True),
    Column("message_id_hash", String(64)),
    Column("fingerprint", String(64), nullable=False),
    Column("sender", Text, nullable=False),
    Column("text_sketch", Text, nullable=False),
    Column("list_id", Text, comment="with defects, for deciding on it again"),
    Column("defects", JSON, nullable=False),
)
Index("ix_message_identities_id", message_identities.c.message_id_hash)
Index("ix_message_identities_fingerprint", message_identities.c.fingerprint)

conversation_members = Table(
    "conversation_members",
    metadata,
    Column("id_hash", String(64), primary_key=True, comment="of a message_id, own or referenced"),
    Column("conversation_key", String(64), nullable=False),
)
Index("ix_conversation_members_key", conversation_members.c.conversation_key)

rematch_marks = Table(
    "rematch_marks",
    metadata,
    Column("mailbox_id", String(40), primary_key=True),
    Column("contacts_at", Time, nullable=False, comment="contacts up to then were considered"),
)
