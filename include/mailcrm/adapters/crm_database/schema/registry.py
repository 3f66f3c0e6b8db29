"""The registry: mailboxes, and how their two directions are."""

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Integer,
    String,
    Table,
    Text,
    UniqueConstraint,
)

from mailcrm.adapters.crm_database.schema.base import JSON, BigKey, Time, metadata

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
    Column("health", String(10), nullable=False),
    Column("health_since", Time, nullable=False, comment="when this health began"),
    Column("failures", Integer, nullable=False, comment="in a row, of those that may heal"),
    Column("last_reason", Text, comment="of the latest verification that was not ok"),
    Column("offers_idle", Boolean, comment="the server tells of new mail by itself"),
    CheckConstraint("health IN ('ok','degraded','broken','paused')", name="health"),
)

mailbox_refusals = Table(
    "mailbox_refusals",
    metadata,
    # No reference: settings are tried before the mailbox is stored.
    Column("mailbox_id", String(40), primary_key=True),
    Column("direction", String(4), primary_key=True),
    Column("login_version", String(64), primary_key=True, comment="a keyed digest"),
    Column("refused_at", Time, nullable=False),
    Column("code", Text),
    Column("advice", Text, nullable=False),
)

mailbox_notices = Table(
    "mailbox_notices",
    metadata,
    Column("notice_id", BigKey, primary_key=True, autoincrement=True),
    Column("mailbox_id", String(40), ForeignKey("mailboxes.mailbox_id"), nullable=False),
    Column("direction", String(4), nullable=False),
    Column("event", String(10), nullable=False),
    Column("since", Time, nullable=False),
    Column("reason", Text, nullable=False),
    Column("recipient", Text, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("claimed_at", Time),
    Column("sent_at", Time),
    CheckConstraint("event IN ('broke','recovered')", name="event"),
    UniqueConstraint("mailbox_id", "direction", "event", "since"),
)

mailbox_round_trips = Table(
    "mailbox_round_trips",
    metadata,
    Column("token", String(40), primary_key=True, comment="stands in the test message"),
    Column("mailbox_id", String(40), ForeignKey("mailboxes.mailbox_id"), nullable=False),
    Column("request", Text, nullable=False, comment="who asked: a run, or one command"),
    Column("message_id", Text, nullable=False),
    Column("state", String(30), nullable=False),
    Column("detail", JSON, nullable=False),
    Column("created_at", Time, nullable=False, comment="before anything was sent"),
    Column("finished_at", Time),
    UniqueConstraint("mailbox_id", "request"),
)

mailbox_answers = Table(
    "mailbox_answers",
    metadata,
    Column("mailbox_id", String(40), ForeignKey("mailboxes.mailbox_id"), primary_key=True),
    Column("question", String(40), primary_key=True),
    Column("answer", Text, nullable=False),
    Column("answered_by", Text, nullable=False),
    Column("answered_at", Time, nullable=False),
)
