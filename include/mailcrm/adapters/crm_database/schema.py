"""The tables: what the CRM reads (`crm_*`, `match_*`, `sync_runs`, `sync_quarantine`) and what we
keep for ourselves (registry, ledger, staging).

Times are timestamptz in UTC, uids and sizes BIGINT, JSON is JSONB on PostgreSQL. SQLite has no
zones: `UtcDateTime` stores UTC there and gives aware values back.
"""

import datetime as dt
from typing import Any

from sqlalchemy import JSON as PLAIN_JSON
from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    Dialect,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.types import TypeDecorator

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


class UtcDateTime(TypeDecorator[dt.datetime]):
    """An aware UTC moment on every database."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: dt.datetime | None, dialect: Dialect) -> Any:
        """To UTC; naive for SQLite, which stores no zone."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a naive datetime reached the database")
        value = value.astimezone(dt.UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: dt.datetime | None, dialect: Dialect) -> Any:
        """Back to aware UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=dt.UTC) if value.tzinfo is None else value.astimezone(dt.UTC)


JSON = PLAIN_JSON().with_variant(JSONB(), "postgresql")
Time = UtcDateTime()
# SQLite autoincrements only INTEGER keys.
BigKey = BigInteger().with_variant(Integer(), "sqlite")
ROLES = "role IN ('from','sender','reply_to','to','cc','bcc')"
OUTCOMES = "outcome IN ('matched','possible','ambiguous','unmatched','ignored')"
LEDGER_STATES = (
    "state IN ('outside','listed','staged','unavailable','published','duplicate','excluded',"
    "'quarantined','vanished')"
)

# --- the registry -------------------------------------------------------------------------------

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

# --- the ledger ---------------------------------------------------------------------------------

sync_leases = Table(
    "sync_leases",
    metadata,
    Column("mailbox_id", String(40), primary_key=True),
    Column("token", BigInteger, nullable=False),
    Column("run_id", Text, nullable=False),
    Column("taken_at", Time, nullable=False),
)

sync_generations = Table(
    "sync_generations",
    metadata,
    Column("generation_id", BigKey, primary_key=True, autoincrement=True),
    Column("mailbox_id", String(40), nullable=False),
    Column("folder", Text, nullable=False),
    Column("generation", Integer, nullable=False),
    Column("uidvalidity", BigInteger, nullable=False),
    Column("first_seen_at", Time, nullable=False),
    Column("last_seen_at", Time, nullable=False),
    UniqueConstraint("mailbox_id", "folder", "generation"),
    UniqueConstraint("mailbox_id", "folder", "uidvalidity"),
)

sync_ledger = Table(
    "sync_ledger",
    metadata,
    Column(
        "generation_id",
        BigInteger,
        ForeignKey("sync_generations.generation_id"),
        primary_key=True,
        autoincrement=False,
    ),
    Column("uid", BigInteger, primary_key=True, autoincrement=False),
    Column("state", String(12), nullable=False),
    Column("internaldate", Time),
    Column("size_bytes", BigInteger, nullable=False),
    Column("message_key", String(64)),
    Column("batch_id", String(64), comment="the batch that holds or ended it"),
    Column("reason", Text, comment="the server's words, or the rule, for the odd ends"),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("updated_at", Time, nullable=False),
    CheckConstraint("uid BETWEEN 1 AND 4294967295", name="uid"),
    CheckConstraint(LEDGER_STATES, name="state"),
    sqlite_with_rowid=False,
)
Index("ix_sync_ledger_batch", sync_ledger.c.batch_id, sync_ledger.c.state)
Index("ix_sync_ledger_window", sync_ledger.c.generation_id, sync_ledger.c.internaldate)

sync_coverage = Table(
    "sync_coverage",
    metadata,
    Column(
        "generation_id",
        BigInteger,
        ForeignKey("sync_generations.generation_id"),
        primary_key=True,
        autoincrement=False,
    ),
    Column("since", Time, primary_key=True),
    Column("until", Time, nullable=False),
)

sync_runs = Table(
    "sync_runs",
    metadata,
    Column("run_id", Text, primary_key=True),
    Column("mailbox_id", String(40), nullable=False),
    Column("batch_id", String(64), nullable=False),
    Column("token", BigInteger, nullable=False),
    Column("window_since", Time, nullable=False),
    Column("window_until", Time, nullable=False),
    Column("window_is_open", Boolean, nullable=False, comment="no end was asked for"),
    Column("certificate", JSON),
    Column("decisions", JSON),
    Column("checks", JSON),
    Column("batch_hash", String(64), comment="the rows that the gate passed"),
    Column("state", String(12), nullable=False),
    Column("started_at", Time, nullable=False),
    Column("finished_at", Time),
    Column("release_reason", Text),
    Column("problems", JSON, comment="folders that could not be read, and why"),
    CheckConstraint(
        "state IN ('running','published','nothing_new','held','incomplete','failed','superseded')",
        name="state",
    ),
)
Index("ix_sync_runs_mailbox", sync_runs.c.mailbox_id, sync_runs.c.started_at)
Index("ix_sync_runs_batch", sync_runs.c.batch_id)

sync_run_folders = Table(
    "sync_run_folders",
    metadata,
    Column("run_id", Text, ForeignKey("sync_runs.run_id"), primary_key=True),
    Column("generation_id", BigInteger, primary_key=True, autoincrement=False),
    Column("listed", BigInteger, nullable=False),
    Column("already_covered", BigInteger, nullable=False),
)

sync_quarantine = Table(
    "sync_quarantine",
    metadata,
    Column("quarantine_id", BigKey, primary_key=True, autoincrement=True),
    Column("mailbox_id", String(40), nullable=False),
    Column("folder", Text, nullable=False),
    Column("uidvalidity", BigInteger, nullable=False),
    Column("uid", BigInteger, nullable=False),
    Column("rule", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("raw", LargeBinary),
    Column("state", String(12), nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("batch_id", String(64)),
    Column("internaldate", Time),
    Column("created_at", Time, nullable=False),
    Column("updated_at", Time, nullable=False),
    UniqueConstraint("mailbox_id", "folder", "uidvalidity", "uid"),
    CheckConstraint("state IN ('held','replayed','discarded')", name="state"),
)

# --- staging: rows of open batches, emptied by publish ------------------------------------------

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
    Column("sender", Text, nullable=False, comment="after undoing list rewriting, lower-case"),
    Column("text_sketch", Text, nullable=False, comment="enough of the text to compare copies"),
    Column("reference_hashes", JSON, nullable=False),
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
    CheckConstraint(OUTCOMES, name="outcome"),
)

staged_conversation_merges = Table(
    "staged_conversation_merges",
    metadata,
    Column("batch_id", String(64), primary_key=True),
    Column("old_key", String(64), primary_key=True),
    Column("new_key", String(64), nullable=False),
)

# --- identity: what later batches are compared with ---------------------------------------------

message_identities = Table(
    "message_identities",
    metadata,
    Column("message_key", String(64), primary_key=True),
    Column("message_id_hash", String(64)),
    Column("fingerprint", String(64), nullable=False),
    Column("sender", Text, nullable=False),
    Column("text_sketch", Text, nullable=False),
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

# --- the CRM tables ------------------------------------------------------------------------------

crm_contacts = Table(
    "crm_contacts",
    metadata,
    Column("contact_id", Text, primary_key=True),
    Column("full_name", Text, nullable=False),
    Column("company", Text, nullable=False),
    Column("domain", Text, nullable=False),
    Column("updated_at", Time, nullable=False),
)

crm_contact_addresses = Table(
    "crm_contact_addresses",
    metadata,
    Column("contact_id", Text, ForeignKey("crm_contacts.contact_id"), primary_key=True),
    Column("address", Text, primary_key=True),
    Column("is_primary", Boolean, nullable=False),
)
Index("ix_crm_contact_addresses_address", crm_contact_addresses.c.address)

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
    CheckConstraint(OUTCOMES, name="outcome"),
)
Index("ix_match_decisions_outcome", match_decisions.c.outcome)
Index("ix_match_decisions_contact", match_decisions.c.contact_id)

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

V_CONTACT_TIMELINE = """
CREATE VIEW v_contact_timeline AS
SELECT c.contact_id, m.message_key, m.conversation_key, m.direction, m.sent_at, m.subject,
       m.snippet, c.rule, c.score
FROM crm_message_contacts AS c JOIN crm_messages AS m ON m.message_key = c.message_key
"""
