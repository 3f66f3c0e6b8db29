"""The CRM tables: what analysts query."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    String,
    Table,
    Text,
    UniqueConstraint,
)

from mailcrm.adapters.crm_database.schema.base import JSON, OUTCOMES, ROLES, BigKey, Time, metadata
from mailcrm.adapters.crm_database.schema.staging import message_columns

crm_contacts = Table(
    "crm_contacts",
    metadata,
    Column("contact_id", Text, primary_key=True),
    Column("full_name", Text, nullable=False),
    Column("company", Text, nullable=False),
    Column("domain", Text, nullable=False),
    Column("updated_at", Time, nullable=False),
)
Index("ix_crm_contacts_updated_at", crm_contacts.c.updated_at)

crm_contact_addresses = Table(
    "crm_contact_addresses",
    metadata,
    Column("contact_id", Text, ForeignKey("crm_contacts.contact_id"), primary_key=True),
    Column("address", Text, primary_key=True),
    Column("is_primary", Boolean, nullable=False),
)
Index("ix_crm_contact_addresses_address", crm_contact_addresses.c.address)

taught_addresses = Table(
    "taught_addresses",
    metadata,
    Column("contact_id", Text, primary_key=True, comment="kept while imports come and go"),
    Column("address", Text, primary_key=True),
    Column("reviewer", Text, nullable=False),
    Column("taught_at", Time, nullable=False),
)

contact_keys = Table(
    "contact_keys",
    metadata,
    Column("kind", String(10), primary_key=True, comment="address, canonical, name or domain"),
    Column("key", Text, primary_key=True),
    Column("contact_id", Text, ForeignKey("crm_contacts.contact_id"), primary_key=True),
)
Index("ix_contact_keys_contact", contact_keys.c.contact_id)

crm_conversations = Table(
    "crm_conversations",
    metadata,
    Column("conversation_key", String(64), primary_key=True),
    Column("subject", Text, nullable=False),
    Column("first_at", Time, nullable=False),
    Column("last_at", Time, nullable=False),
    Column("message_count", Integer, nullable=False),
)

crm_messages = Table(
    "crm_messages",
    metadata,
    Column("message_key", String(64), primary_key=True),
    *message_columns(),
    Column("batch_id", String(64), nullable=False),
    Column("published_at", Time, nullable=False),
    CheckConstraint("direction IN ('inbound','outbound','internal')", name="direction"),
    CheckConstraint("kind IN ('person','bulk','auto_reply','bounce','list')", name="kind"),
)
Index("ix_crm_messages_conversation", crm_messages.c.conversation_key)
Index("ix_crm_messages_sent_at", crm_messages.c.sent_at)
Index("ix_crm_messages_batch", crm_messages.c.batch_id)

crm_message_participants = Table(
    "crm_message_participants",
    metadata,
    Column("message_key", String(64), ForeignKey("crm_messages.message_key"), primary_key=True),
    Column("role", String(8), primary_key=True),
    Column("position", Integer, primary_key=True, autoincrement=False),
    Column("address", Text, nullable=False),
    Column("display_name", Text, nullable=False),
    CheckConstraint(ROLES, name="role"),
)
Index("ix_crm_message_participants_address", crm_message_participants.c.address)

crm_message_contacts = Table(
    "crm_message_contacts",
    metadata,
    Column("message_key", String(64), ForeignKey("crm_messages.message_key"), primary_key=True),
    Column("contact_id", Text, primary_key=True),
    Column("roles", Text, nullable=False, comment="comma-separated, such as from,cc"),
    Column("rule", Text, nullable=False),
    Column("score", Float, nullable=False),
    Column("decided_by", Text, nullable=False, comment="rules, or the reviewer's name"),
    Column("decided_at", Time, nullable=False),
)
Index("ix_crm_message_contacts_contact", crm_message_contacts.c.contact_id)

crm_message_sightings = Table(
    "crm_message_sightings",
    metadata,
    Column("mailbox_id", String(40), primary_key=True),
    Column("folder", Text, primary_key=True),
    Column("uidvalidity", BigInteger, primary_key=True, autoincrement=False),
    Column("uid", BigInteger, primary_key=True, autoincrement=False),
    Column("message_key", String(64), ForeignKey("crm_messages.message_key"), nullable=False),
    Column("internaldate", Time),
    Column("flags", Text, nullable=False, comment="space-separated, as seen when read"),
)
Index("ix_crm_message_sightings_key", crm_message_sightings.c.message_key)

crm_attachments = Table(
    "crm_attachments",
    metadata,
    Column("message_key", String(64), ForeignKey("crm_messages.message_key"), primary_key=True),
    Column("part", Text, primary_key=True),
    Column("filename", Text, nullable=False),
    Column("content_type", Text, nullable=False),
    Column("size_bytes", BigInteger, nullable=False),
)

match_decisions = Table(
    "match_decisions",
    metadata,
    Column("message_key", String(64), ForeignKey("crm_messages.message_key"), primary_key=True),
    Column("role", String(8), primary_key=True),
    Column("position", Integer, primary_key=True, autoincrement=False),
    Column("outcome", String(10), nullable=False),
    Column("contact_id", Text),
    Column("candidates", JSON, nullable=False),
    Column("rule", Text, nullable=False),
    Column("rule_version", Text, nullable=False),
    Column("score", Float, nullable=False),
    Column("company_domain", Text, comment="the company of somebody who is no contact"),
    CheckConstraint(OUTCOMES, name="outcome"),
)
Index("ix_match_decisions_outcome", match_decisions.c.outcome)
_IS_OPEN = match_decisions.c.outcome.in_(["possible", "ambiguous"])
Index(
    "ix_match_decisions_open",
    match_decisions.c.message_key,
    sqlite_where=_IS_OPEN,
    postgresql_where=_IS_OPEN,
)
Index("ix_match_decisions_contact", match_decisions.c.contact_id)
Index("ix_match_decisions_rules", match_decisions.c.rule_version)

match_reviews = Table(
    "match_reviews",
    metadata,
    Column("review_id", BigKey, primary_key=True, autoincrement=True),
    Column("message_key", String(64), nullable=False),
    Column("role", String(8), nullable=False),
    Column("position", Integer, nullable=False),
    Column("verdict", String(10), nullable=False),
    Column("contact_id", Text),
    Column("reviewer", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("reviewed_at", Time, nullable=False),
    # What the rules had said then; the contact is the one they linked, or put first.
    Column("decided_outcome", String(10), nullable=False),
    Column("decided_contact_id", Text),
    Column("decided_rule", Text, nullable=False),
    Column("decided_score", Float, nullable=False),
    Column("decided_version", Text, nullable=False),
    CheckConstraint("verdict IN ('accepted','rejected','assigned')", name="verdict"),
)
Index("ix_match_reviews_message", match_reviews.c.message_key)

crm_tickets = Table(
    "crm_tickets",
    metadata,
    Column("ticket_id", String(64), primary_key=True),
    Column("mailbox_id", String(40), nullable=False),
    Column("conversation_key", String(64), nullable=False),
    Column("contact_id", Text),
    Column("subject", Text, nullable=False),
    Column("state", String(10), nullable=False),
    Column("opened_at", Time, nullable=False),
    Column("owner_team", Text, nullable=False),
    UniqueConstraint("mailbox_id", "conversation_key"),
)

crm_delivery_failures = Table(
    "crm_delivery_failures",
    metadata,
    Column("message_key", String(64), ForeignKey("crm_messages.message_key"), primary_key=True),
    Column("recipient", Text, primary_key=True),
    Column("original_message_id", Text),
    Column("status", Text),
    Column("diagnostic", Text, nullable=False),
    Column("class", String(8), nullable=False),
    Column("contact_id", Text),
)

failed_send_notices = Table(
    "failed_send_notices",
    metadata,
    Column("message_key", String(64), ForeignKey("crm_messages.message_key"), primary_key=True),
    Column("recipient", Text, primary_key=True),
    Column("monitor", Text, primary_key=True, comment="who watches failed sends"),
    Column("mailbox_id", String(40), nullable=False),
    Column("batch_id", String(64), nullable=False),
    Column("created_at", Time, nullable=False),
    Column("notified_at", Time, comment="empty: not told yet"),
)
Index("ix_failed_send_notices_mailbox", failed_send_notices.c.mailbox_id)

V_CONTACT_TIMELINE = """
CREATE VIEW v_contact_timeline AS
SELECT c.contact_id, m.message_key, m.conversation_key, m.direction, m.sent_at, m.subject,
       m.snippet, c.rule, c.score
FROM crm_message_contacts AS c JOIN crm_messages AS m ON m.message_key = c.message_key
"""

V_MESSAGE_LINEAGE = """
CREATE VIEW v_message_lineage AS
SELECT m.message_key, m.batch_id, m.published_at, r.run_id, r.mailbox_id, r.kind AS run_kind,
       r.batch_hash, r.versions, r.release_reason, r.started_at
FROM crm_messages AS m JOIN sync_runs AS r ON r.batch_id = m.batch_id
"""
