"""The registry: mailboxes, and how their two directions are."""

from sqlalchemy import (
    CheckConstraint,
    Column,
    ForeignKey,
    String,
    Table,
    Text,
)

from mailcrm.adapters.crm_database.schema.base import JSON, Time, metadata

mailboxes = Table(
    "mailboxes",
    metadata,
    Column("mailbox_id", String(40), primary_key=True),
    Column("address", Text, nullable=False),
    Column("entry", JSON, nullable=False, comment="the registry file, as checked"),
    Column("state", String(10), nullable=False),
    Column("connected_at", Time, nullable=False),
    Column("updated_at", Time, nullable=False),
    CheckConstraint("state IN ('active','paused','removed')", name="state"),
)

mailbox_health = Table(
    "mailbox_health",
    metadata,
    Column("mailbox_id", String(40), ForeignKey("mailboxes.mailbox_id"), primary_key=True),
    Column("direction", String(4), primary_key=True),
    Column("state", String(15), nullable=False),
    Column("stage", String(20), nullable=False),
    Column("code", Text),
    Column("server_text", Text),
    Column("advice", Text),
    Column("since", Time, nullable=False, comment="when this state began"),
    Column("checked_at", Time, nullable=False),
    Column("last_ok_at", Time),
)
