"""Identity: what later batches are compared with."""

from sqlalchemy import (
    Boolean,
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
    Column("rule_version", Text, comment="by which the participants' keys were made"),
)

conversation_subjects = Table(
    "conversation_subjects",
    metadata,
    Column("subject_hash", String(64), primary_key=True),
    Column("conversation_key", String(64), primary_key=True),
    Column("first_at", Time, nullable=False),
    Column("last_at", Time, nullable=False),
    Column("asks", Boolean, nullable=False, comment="an answer in it names no message"),
)
Index("ix_conversation_subjects_key", conversation_subjects.c.conversation_key)

participant_keys = Table(
    "participant_keys",
    metadata,
    Column("person_hash", String(64), primary_key=True, comment="of address and display name"),
    Column("address", Text, nullable=False),
    Column("display_name", Text, nullable=False),
    Column("rule_version", Text, nullable=False),
    Column("canonical", Text, nullable=False, comment="as in contact_keys; empty where none"),
    Column("full_name", Text, nullable=False),
    Column("loose_name", Text, nullable=False),
    Column("company", Text, nullable=False),
)
for _name in ("canonical", "full_name", "loose_name", "company"):
    Index(f"ix_participant_keys_{_name}", participant_keys.c[_name])

contact_key_removals = Table(
    "contact_key_removals",
    metadata,
    Column("kind", String(10), primary_key=True, comment="as in contact_keys"),
    Column("key", Text, primary_key=True),
    Column("removed_at", Time, nullable=False),
)
Index("ix_contact_key_removals_at", contact_key_removals.c.removed_at)
