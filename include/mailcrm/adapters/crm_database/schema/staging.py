"""Staging: rows of open batches, emptied by publish."""

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Float,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
    false,
)

from mailcrm.adapters.crm_database.schema.base import JSON, OUTCOMES, ROLES, Time, metadata

MESSAGE_COLUMNS: tuple[tuple[str, Any, bool], ...] = (
    # name, type, nullable: shared by staging and the CRM table
    ("message_id", Text, True),
    ("subject", Text, False),
    ("sent_at", Time, False),
    ("sent_at_source", String(12), False),
    ("received_at", Time, False),
    ("direction", String(8), False),
    ("from_address", Text, True),
    ("from_name", Text, False),
    ("body_text", Text, False),
    ("snippet", Text, False),
    ("size_bytes", BigInteger, False),
    ("attachment_count", Integer, False),
    ("conversation_key", String(64), True),
    ("kind", String(10), False),
    ("auth_result", Text, True),
    ("is_conflict", Boolean, False),
)


def message_columns() -> list[Column[Any]]:
    """Fresh columns of a message, for one table."""
    return [Column(name, kind, nullable=nullable) for name, kind, nullable in MESSAGE_COLUMNS]


staged_messages = Table(
    "staged_messages",
    metadata,
    Column("generation_id", BigInteger, primary_key=True, autoincrement=False),
    Column("uid", BigInteger, primary_key=True, autoincrement=False),
    Column("batch_id", String(64), nullable=False),
    Column("mailbox_id", String(40), nullable=False),
    Column("internaldate", Time),
    Column("flags", Text, nullable=False),
    Column("disposition", String(12), nullable=False),
    Column("reason", Text),
    Column("message_key", String(64)),
    Column("message_id_hash", String(64)),
    Column("fingerprint", String(64), nullable=False),
    Column("relink_digest", String(64), nullable=False),
    Column("sender", Text, nullable=False, comment="after undoing list rewriting, lower-case"),
    Column("text_sketch", Text, nullable=False, comment="enough of the text to compare copies"),
    Column("reference_hashes", JSON, nullable=False),
    Column("subject_hash", String(64), comment="empty where the subject joins nothing"),
    Column("subject_asks", Boolean, nullable=False, server_default=false()),
    Column("list_id", Text),
    Column("bounces", JSON, nullable=False, comment="failed recipients of a delivery report"),
    Column("defects", JSON, nullable=False),
    Column("partial", Boolean, nullable=False),
    Column("raw", LargeBinary, comment="kept only where quarantine may need it"),
    *message_columns(),
    CheckConstraint(
        "disposition IN ('publish','duplicate','excluded','quarantined')", name="disposition"
    ),
)
Index("ix_staged_messages_batch", staged_messages.c.batch_id, staged_messages.c.message_key)

staged_participants = Table(
    "staged_participants",
    metadata,
    Column("generation_id", BigInteger, primary_key=True, autoincrement=False),
    Column("uid", BigInteger, primary_key=True, autoincrement=False),
    Column("role", String(8), primary_key=True),
    Column("position", Integer, primary_key=True, autoincrement=False),
    Column("address", Text, nullable=False),
    Column("display_name", Text, nullable=False),
    CheckConstraint(ROLES, name="role"),
)

staged_attachments = Table(
    "staged_attachments",
    metadata,
    Column("generation_id", BigInteger, primary_key=True, autoincrement=False),
    Column("uid", BigInteger, primary_key=True, autoincrement=False),
    Column("part", Text, primary_key=True),
    Column("filename", Text, nullable=False),
    Column("content_type", Text, nullable=False),
    Column("size_bytes", BigInteger, nullable=False),
)

staged_decisions = Table(
    "staged_decisions",
    metadata,
    Column("generation_id", BigInteger, primary_key=True, autoincrement=False),
    Column("uid", BigInteger, primary_key=True, autoincrement=False),
    Column("role", String(8), primary_key=True),
    Column("position", Integer, primary_key=True, autoincrement=False),
    Column("outcome", String(10), nullable=False),
    Column("contact_id", Text),
    Column("candidates", JSON, nullable=False),
    Column("rule", Text, nullable=False),
    Column("rule_version", Text, nullable=False),
    Column("score", Float, nullable=False),
    Column("company_domain", Text),
    CheckConstraint(OUTCOMES, name="outcome"),
)

staged_conversation_merges = Table(
    "staged_conversation_merges",
    metadata,
    Column("batch_id", String(64), primary_key=True),
    Column("old_key", String(64), primary_key=True),
    Column("new_key", String(64), nullable=False),
)
