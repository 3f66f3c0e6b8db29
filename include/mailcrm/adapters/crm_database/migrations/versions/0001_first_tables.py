"""The first tables.

Revision: 0001, after None.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from mailcrm.adapters.crm_database.schema import V_CONTACT_TIMELINE, V_MESSAGE_LINEAGE, UtcDateTime

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "conversation_members",
        sa.Column(
            "id_hash",
            sa.String(length=64),
            nullable=False,
            comment="of a message_id, own or referenced",
        ),
        sa.Column("conversation_key", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("id_hash", name=op.f("pk_conversation_members")),
    )
    with op.batch_alter_table("conversation_members", schema=None) as batch_op:
        batch_op.create_index("ix_conversation_members_key", ["conversation_key"], unique=False)

    op.create_table(
        "crm_contacts",
        sa.Column("contact_id", sa.Text(), nullable=False),
        sa.Column("full_name", sa.Text(), nullable=False),
        sa.Column("company", sa.Text(), nullable=False),
        sa.Column("domain", sa.Text(), nullable=False),
        sa.Column("updated_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("contact_id", name=op.f("pk_crm_contacts")),
    )
    op.create_table(
        "crm_conversations",
        sa.Column("conversation_key", sa.String(length=64), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("first_at", UtcDateTime(), nullable=False),
        sa.Column("last_at", UtcDateTime(), nullable=False),
        sa.Column("message_count", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("conversation_key", name=op.f("pk_crm_conversations")),
    )
    op.create_table(
        "crm_messages",
        sa.Column("message_key", sa.String(length=64), nullable=False),
        sa.Column("message_id", sa.Text(), nullable=True),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("sent_at", UtcDateTime(), nullable=False),
        sa.Column("sent_at_source", sa.String(length=12), nullable=False),
        sa.Column("received_at", UtcDateTime(), nullable=False),
        sa.Column("direction", sa.String(length=8), nullable=False),
        sa.Column("from_address", sa.Text(), nullable=True),
        sa.Column("from_name", sa.Text(), nullable=False),
        sa.Column("body_text", sa.Text(), nullable=False),
        sa.Column("snippet", sa.Text(), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("attachment_count", sa.Integer(), nullable=False),
        sa.Column("conversation_key", sa.String(length=64), nullable=True),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("auth_result", sa.Text(), nullable=True),
        sa.Column("is_conflict", sa.Boolean(), nullable=False),
        sa.Column("batch_id", sa.String(length=64), nullable=False),
        sa.Column("published_at", UtcDateTime(), nullable=False),
        sa.CheckConstraint(
            "direction IN ('inbound','outbound','internal')", name=op.f("ck_crm_messages_direction")
        ),
        sa.CheckConstraint(
            "kind IN ('person','bulk','auto_reply','bounce','list')",
            name=op.f("ck_crm_messages_kind"),
        ),
        sa.PrimaryKeyConstraint("message_key", name=op.f("pk_crm_messages")),
    )
    with op.batch_alter_table("crm_messages", schema=None) as batch_op:
        batch_op.create_index("ix_crm_messages_batch", ["batch_id"], unique=False)
        batch_op.create_index("ix_crm_messages_conversation", ["conversation_key"], unique=False)
        batch_op.create_index("ix_crm_messages_sent_at", ["sent_at"], unique=False)

    op.create_table(
        "crm_tickets",
        sa.Column("ticket_id", sa.String(length=64), nullable=False),
        sa.Column("mailbox_id", sa.String(length=40), nullable=False),
        sa.Column("conversation_key", sa.String(length=64), nullable=False),
        sa.Column("contact_id", sa.Text(), nullable=True),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("opened_at", UtcDateTime(), nullable=False),
        sa.Column("owner_team", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("ticket_id", name=op.f("pk_crm_tickets")),
        sa.UniqueConstraint(
            "mailbox_id",
            "conversation_key",
            name=op.f("uq_crm_tickets_mailbox_id_conversation_key"),
        ),
    )
    op.create_table(
        "mailboxes",
        sa.Column("mailbox_id", sa.String(length=40), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column(
            "entry",
            sa.JSON().with_variant(postgresql.JSONB(), "postgresql"),
            nullable=False,
            comment="the registry file, as checked",
        ),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("connected_at", UtcDateTime(), nullable=False),
        sa.Column("updated_at", UtcDateTime(), nullable=False),
        sa.CheckConstraint(
            "state IN ('active','paused','removed')", name=op.f("ck_mailboxes_state")
        ),
        sa.PrimaryKeyConstraint("mailbox_id", name=op.f("pk_mailboxes")),
    )
    op.create_table(
        "match_reviews",
        sa.Column(
            "review_id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column("message_key", sa.String(length=64), nullable=False),
        sa.Column("role", sa.String(length=8), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("verdict", sa.String(length=10), nullable=False),
        sa.Column("contact_id", sa.Text(), nullable=True),
        sa.Column("reviewer", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("reviewed_at", UtcDateTime(), nullable=False),
        sa.Column("decided_outcome", sa.String(length=10), nullable=False),
        sa.Column("decided_contact_id", sa.Text(), nullable=True),
        sa.Column("decided_rule", sa.Text(), nullable=False),
        sa.Column("decided_score", sa.Float(), nullable=False),
        sa.Column("decided_version", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "verdict IN ('accepted','rejected','assigned')", name=op.f("ck_match_reviews_verdict")
        ),
        sa.PrimaryKeyConstraint("review_id", name=op.f("pk_match_reviews")),
    )
    with op.batch_alter_table("match_reviews", schema=None) as batch_op:
        batch_op.create_index("ix_match_reviews_message", ["message_key"], unique=False)

    op.create_table(
        "message_identities",
        sa.Column("message_key", sa.String(length=64), nullable=False),
        sa.Column("message_id_hash", sa.String(length=64), nullable=True),
        sa.Column("fingerprint", sa.String(length=64), nullable=False),
        sa.Column("sender", sa.Text(), nullable=False),
        sa.Column("text_sketch", sa.Text(), nullable=False),
        sa.Column(
            "list_id", sa.Text(), nullable=True, comment="with defects, for deciding on it again"
        ),
        sa.Column(
            "defects", sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), nullable=False
        ),
        sa.PrimaryKeyConstraint("message_key", name=op.f("pk_message_identities")),
    )
    with op.batch_alter_table("message_identities", schema=None) as batch_op:
        batch_op.create_index("ix_message_identities_fingerprint", ["fingerprint"], unique=False)
        batch_op.create_index("ix_message_identities_id", ["message_id_hash"], unique=False)

    op.create_table(
        "rematch_marks",
        sa.Column("mailbox_id", sa.String(length=40), nullable=False),
        sa.Column(
            "contacts_at",
            UtcDateTime(),
            nullable=False,
            comment="contacts up to then were considered",
        ),
        sa.PrimaryKeyConstraint("mailbox_id", name=op.f("pk_rematch_marks")),
    )
    op.create_table(
        "staged_attachments",
        sa.Column("generation_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("uid", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("part", sa.Text(), nullable=False),
        sa.Column("filename", sa.Text(), nullable=False),
        sa.Column("content_type", sa.Text(), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("generation_id", "uid", "part", name=op.f("pk_staged_attachments")),
    )
    op.create_table(
        "staged_conversation_merges",
        sa.Column("batch_id", sa.String(length=64), nullable=False),
        sa.Column("old_key", sa.String(length=64), nullable=False),
        sa.Column("new_key", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("batch_id", "old_key", name=op.f("pk_staged_conversation_merges")),
    )
    op.create_table(
        "staged_decisions",
        sa.Column("generation_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("uid", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("role", sa.String(length=8), nullable=False),
        sa.Column("position", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("outcome", sa.String(length=10), nullable=False),
        sa.Column("contact_id", sa.Text(), nullable=True),
        sa.Column(
            "candidates", sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), nullable=False
        ),
        sa.Column("rule", sa.Text(), nullable=False),
        sa.Column("rule_version", sa.Text(), nullable=False),
        sa.Column("score", sa.Float(), nullable=False),
        sa.Column("company_domain", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "outcome IN ('matched','possible','ambiguous','unmatched','ignored')",
            name=op.f("ck_staged_decisions_outcome"),
        ),
        sa.PrimaryKeyConstraint(
            "generation_id", "uid", "role", "position", name=op.f("pk_staged_decisions")
        ),
    )
    op.create_table(
        "staged_messages",
        sa.Column("generation_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("uid", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("batch_id", sa.String(length=64), nullable=False),
        sa.Column("mailbox_id", sa.String(length=40), nullable=False),
        sa.Column("internaldate", UtcDateTime(), nullable=True),
        sa.Column("flags", sa.Text(), nullable=False),
        sa.Column("disposition", sa.String(length=12), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("message_key", sa.String(length=64), nullable=True),
        sa.Column("message_id_hash", sa.String(length=64), nullable=True),
        sa.Column("fingerprint", sa.String(length=64), nullable=False),
        sa.Column("relink_digest", sa.String(length=64), nullable=False),
        sa.Column(
            "sender", sa.Text(), nullable=False, comment="after undoing list rewriting, lower-case"
        ),
        sa.Column(
            "text_sketch", sa.Text(), nullable=False, comment="enough of the text to compare copies"
        ),
        sa.Column(
            "reference_hashes",
            sa.JSON().with_variant(postgresql.JSONB(), "postgresql"),
            nullable=False,
        ),
        sa.Column("list_id", sa.Text(), nullable=True),
        sa.Column(
            "bounces",
            sa.JSON().with_variant(postgresql.JSONB(), "postgresql"),
            nullable=False,
            comment="failed recipients of a delivery report",
        ),
        sa.Column(
            "defects", sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), nullable=False
        ),
        sa.Column("partial", sa.Boolean(), nullable=False),
        sa.Column(
            "raw", sa.LargeBinary(), nullable=True, comment="kept only where quarantine may need it"
        ),
        sa.Column("message_id", sa.Text(), nullable=True),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("sent_at", UtcDateTime(), nullable=False),
        sa.Column("sent_at_source", sa.String(length=12), nullable=False),
        sa.Column("received_at", UtcDateTime(), nullable=False),
        sa.Column("direction", sa.String(length=8), nullable=False),
        sa.Column("from_address", sa.Text(), nullable=True),
        sa.Column("from_name", sa.Text(), nullable=False),
        sa.Column("body_text", sa.Text(), nullable=False),
        sa.Column("snippet", sa.Text(), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("attachment_count", sa.Integer(), nullable=False),
        sa.Column("conversation_key", sa.String(length=64), nullable=True),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("auth_result", sa.Text(), nullable=True),
        sa.Column("is_conflict", sa.Boolean(), nullable=False),
        sa.CheckConstraint(
            "disposition IN ('publish','duplicate','excluded','quarantined')",
            name=op.f("ck_staged_messages_disposition"),
        ),
        sa.PrimaryKeyConstraint("generation_id", "uid", name=op.f("pk_staged_messages")),
    )
    with op.batch_alter_table("staged_messages", schema=None) as batch_op:
        batch_op.create_index("ix_staged_messages_batch", ["batch_id", "message_key"], unique=False)

    op.create_table(
        "staged_participants",
        sa.Column("generation_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("uid", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("role", sa.String(length=8), nullable=False),
        sa.Column("position", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("display_name", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "role IN ('from','sender','reply_to','to','cc','bcc')",
            name=op.f("ck_staged_participants_role"),
        ),
        sa.PrimaryKeyConstraint(
            "generation_id", "uid", "role", "position", name=op.f("pk_staged_participants")
        ),
    )
    op.create_table(
        "sync_generations",
        sa.Column(
            "generation_id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column("mailbox_id", sa.String(length=40), nullable=False),
        sa.Column("folder", sa.Text(), nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("uidvalidity", sa.BigInteger(), nullable=False),
        sa.Column("first_seen_at", UtcDateTime(), nullable=False),
        sa.Column("last_seen_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("generation_id", name=op.f("pk_sync_generations")),
        sa.UniqueConstraint(
            "mailbox_id",
            "folder",
            "generation",
            name=op.f("uq_sync_generations_mailbox_id_folder_generation"),
        ),
        sa.UniqueConstraint(
            "mailbox_id",
            "folder",
            "uidvalidity",
            name=op.f("uq_sync_generations_mailbox_id_folder_uidvalidity"),
        ),
    )
    op.create_table(
        "sync_leases",
        sa.Column("mailbox_id", sa.String(length=40), nullable=False),
        sa.Column("token", sa.BigInteger(), nullable=False),
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("taken_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("mailbox_id", name=op.f("pk_sync_leases")),
    )
    op.create_table(
        "sync_quarantine",
        sa.Column(
            "quarantine_id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column("mailbox_id", sa.String(length=40), nullable=False),
        sa.Column("folder", sa.Text(), nullable=False),
        sa.Column("uidvalidity", sa.BigInteger(), nullable=False),
        sa.Column("uid", sa.BigInteger(), nullable=False),
        sa.Column("rule", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("raw", sa.LargeBinary(), nullable=True),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("batch_id", sa.String(length=64), nullable=True),
        sa.Column("internaldate", UtcDateTime(), nullable=True),
        sa.Column("parser_version", sa.Text(), nullable=True, comment="that parsed it last"),
        sa.Column(
            "rules_version", sa.Text(), nullable=True, comment="of the checks that judged it last"
        ),
        sa.Column("discarded_by", sa.Text(), nullable=True),
        sa.Column("discarded_at", UtcDateTime(), nullable=True),
        sa.Column("discard_reason", sa.Text(), nullable=True),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("updated_at", UtcDateTime(), nullable=False),
        sa.CheckConstraint(
            "state IN ('held','replayed','discarded')", name=op.f("ck_sync_quarantine_state")
        ),
        sa.PrimaryKeyConstraint("quarantine_id", name=op.f("pk_sync_quarantine")),
        sa.UniqueConstraint(
            "mailbox_id",
            "folder",
            "uidvalidity",
            "uid",
            name=op.f("uq_sync_quarantine_mailbox_id_folder_uidvalidity_uid"),
        ),
    )
    op.create_table(
        "sync_runs",
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("mailbox_id", sa.String(length=40), nullable=False),
        sa.Column("batch_id", sa.String(length=64), nullable=False),
        sa.Column("token", sa.BigInteger(), nullable=False),
        sa.Column("window_since", UtcDateTime(), nullable=False),
        sa.Column("window_until", UtcDateTime(), nullable=False),
        sa.Column("window_is_open", sa.Boolean(), nullable=False, comment="no end was asked for"),
        sa.Column(
            "certificate", sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), nullable=True
        ),
        sa.Column(
            "decisions", sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), nullable=True
        ),
        sa.Column(
            "checks", sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), nullable=True
        ),
        sa.Column(
            "batch_hash",
            sa.String(length=64),
            nullable=True,
            comment="the rows that the gate passed",
        ),
        sa.Column(
            "known_hash",
            sa.String(length=64),
            nullable=True,
            comment="what was published when it was matched",
        ),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("started_at", UtcDateTime(), nullable=False),
        sa.Column("finished_at", UtcDateTime(), nullable=True),
        sa.Column(
            "release_reason",
            sa.Text(),
            nullable=True,
            comment="why a person published it although it was held",
        ),
        sa.Column("released_by", sa.Text(), nullable=True),
        sa.Column("released_at", UtcDateTime(), nullable=True),
        sa.Column(
            "kind",
            sa.String(length=8),
            server_default="sync",
            nullable=False,
            comment="sync or replay",
        ),
        sa.Column(
            "metrics",
            sa.JSON().with_variant(postgresql.JSONB(), "postgresql"),
            nullable=True,
            comment="what later runs of the mailbox are compared with",
        ),
        sa.Column(
            "versions",
            sa.JSON().with_variant(postgresql.JSONB(), "postgresql"),
            nullable=True,
            comment="of the product and its rules, as the batch was checked",
        ),
        sa.Column(
            "problems",
            sa.JSON().with_variant(postgresql.JSONB(), "postgresql"),
            nullable=True,
            comment="folders that could not be read, and why",
        ),
        sa.Column(
            "notes",
            sa.JSON().with_variant(postgresql.JSONB(), "postgresql"),
            nullable=True,
            comment="what is odd about the server, and harmed nothing",
        ),
        sa.CheckConstraint(
            "state IN ('running','published','nothing_new','held','incomplete','failed','superseded')",
            name=op.f("ck_sync_runs_state"),
        ),
        sa.PrimaryKeyConstraint("run_id", name=op.f("pk_sync_runs")),
    )
    with op.batch_alter_table("sync_runs", schema=None) as batch_op:
        batch_op.create_index("ix_sync_runs_batch", ["batch_id"], unique=False)
        batch_op.create_index("ix_sync_runs_mailbox", ["mailbox_id", "started_at"], unique=False)

    op.create_table(
        "taught_addresses",
        sa.Column(
            "contact_id", sa.Text(), nullable=False, comment="kept while imports come and go"
        ),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("reviewer", sa.Text(), nullable=False),
        sa.Column("taught_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("contact_id", "address", name=op.f("pk_taught_addresses")),
    )
    op.create_table(
        "contact_keys",
        sa.Column(
            "kind",
            sa.String(length=10),
            nullable=False,
            comment="address, canonical, name or domain",
        ),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("contact_id", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["contact_id"], ["crm_contacts.contact_id"], name=op.f("fk_contact_keys_contact_id")
        ),
        sa.PrimaryKeyConstraint("kind", "key", "contact_id", name=op.f("pk_contact_keys")),
    )
    with op.batch_alter_table("contact_keys", schema=None) as batch_op:
        batch_op.create_index("ix_contact_keys_contact", ["contact_id"], unique=False)

    op.create_table(
        "crm_attachments",
        sa.Column("message_key", sa.String(length=64), nullable=False),
        sa.Column("part", sa.Text(), nullable=False),
        sa.Column("filename", sa.Text(), nullable=False),
        sa.Column("content_type", sa.Text(), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["message_key"],
            ["crm_messages.message_key"],
            name=op.f("fk_crm_attachments_message_key"),
        ),
        sa.PrimaryKeyConstraint("message_key", "part", name=op.f("pk_crm_attachments")),
    )
    op.create_table(
        "crm_contact_addresses",
        sa.Column("contact_id", sa.Text(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("is_primary", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["contact_id"],
            ["crm_contacts.contact_id"],
            name=op.f("fk_crm_contact_addresses_contact_id"),
        ),
        sa.PrimaryKeyConstraint("contact_id", "address", name=op.f("pk_crm_contact_addresses")),
    )
    with op.batch_alter_table("crm_contact_addresses", schema=None) as batch_op:
        batch_op.create_index("ix_crm_contact_addresses_address", ["address"], unique=False)

    op.create_table(
        "crm_delivery_failures",
        sa.Column("message_key", sa.String(length=64), nullable=False),
        sa.Column("recipient", sa.Text(), nullable=False),
        sa.Column("original_message_id", sa.Text(), nullable=True),
        sa.Column("status", sa.Text(), nullable=True),
        sa.Column("diagnostic", sa.Text(), nullable=False),
        sa.Column("class", sa.String(length=8), nullable=False),
        sa.Column("contact_id", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["message_key"],
            ["crm_messages.message_key"],
            name=op.f("fk_crm_delivery_failures_message_key"),
        ),
        sa.PrimaryKeyConstraint("message_key", "recipient", name=op.f("pk_crm_delivery_failures")),
    )
    op.create_table(
        "crm_message_contacts",
        sa.Column("message_key", sa.String(length=64), nullable=False),
        sa.Column("contact_id", sa.Text(), nullable=False),
        sa.Column("roles", sa.Text(), nullable=False, comment="comma-separated, such as from,cc"),
        sa.Column("rule", sa.Text(), nullable=False),
        sa.Column("score", sa.Float(), nullable=False),
        sa.Column("decided_by", sa.Text(), nullable=False, comment="rules, or the reviewer's name"),
        sa.Column("decided_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["message_key"],
            ["crm_messages.message_key"],
            name=op.f("fk_crm_message_contacts_message_key"),
        ),
        sa.PrimaryKeyConstraint("message_key", "contact_id", name=op.f("pk_crm_message_contacts")),
    )
    with op.batch_alter_table("crm_message_contacts", schema=None) as batch_op:
        batch_op.create_index("ix_crm_message_contacts_contact", ["contact_id"], unique=False)

    op.create_table(
        "crm_message_participants",
        sa.Column("message_key", sa.String(length=64), nullable=False),
        sa.Column("role", sa.String(length=8), nullable=False),
        sa.Column("position", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("display_name", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "role IN ('from','sender','reply_to','to','cc','bcc')",
            name=op.f("ck_crm_message_participants_role"),
        ),
        sa.ForeignKeyConstraint(
            ["message_key"],
            ["crm_messages.message_key"],
            name=op.f("fk_crm_message_participants_message_key"),
        ),
        sa.PrimaryKeyConstraint(
            "message_key", "role", "position", name=op.f("pk_crm_message_participants")
        ),
    )
    with op.batch_alter_table("crm_message_participants", schema=None) as batch_op:
        batch_op.create_index("ix_crm_message_participants_address", ["address"], unique=False)

    op.create_table(
        "crm_message_sightings",
        sa.Column("mailbox_id", sa.String(length=40), nullable=False),
        sa.Column("folder", sa.Text(), nullable=False),
        sa.Column("uidvalidity", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("uid", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("message_key", sa.String(length=64), nullable=False),
        sa.Column("internaldate", UtcDateTime(), nullable=True),
        sa.Column("flags", sa.Text(), nullable=False, comment="space-separated, as seen when read"),
        sa.ForeignKeyConstraint(
            ["message_key"],
            ["crm_messages.message_key"],
            name=op.f("fk_crm_message_sightings_message_key"),
        ),
        sa.PrimaryKeyConstraint(
            "mailbox_id", "folder", "uidvalidity", "uid", name=op.f("pk_crm_message_sightings")
        ),
    )
    with op.batch_alter_table("crm_message_sightings", schema=None) as batch_op:
        batch_op.create_index("ix_crm_message_sightings_key", ["message_key"], unique=False)

    op.create_table(
        "failed_send_notices",
        sa.Column("message_key", sa.String(length=64), nullable=False),
        sa.Column("recipient", sa.Text(), nullable=False),
        sa.Column("monitor", sa.Text(), nullable=False, comment="who watches failed sends"),
        sa.Column("mailbox_id", sa.String(length=40), nullable=False),
        sa.Column("batch_id", sa.String(length=64), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("notified_at", UtcDateTime(), nullable=True, comment="empty: not told yet"),
        sa.ForeignKeyConstraint(
            ["message_key"],
            ["crm_messages.message_key"],
            name=op.f("fk_failed_send_notices_message_key"),
        ),
        sa.PrimaryKeyConstraint(
            "message_key", "recipient", "monitor", name=op.f("pk_failed_send_notices")
        ),
    )
    with op.batch_alter_table("failed_send_notices", schema=None) as batch_op:
        batch_op.create_index("ix_failed_send_notices_mailbox", ["mailbox_id"], unique=False)

    op.create_table(
        "mailbox_answers",
        sa.Column("mailbox_id", sa.String(length=40), nullable=False),
        sa.Column("question", sa.String(length=40), nullable=False),
        sa.Column("answer", sa.Text(), nullable=False),
        sa.Column("answered_by", sa.Text(), nullable=False),
        sa.Column("answered_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["mailbox_id"], ["mailboxes.mailbox_id"], name=op.f("fk_mailbox_answers_mailbox_id")
        ),
        sa.PrimaryKeyConstraint("mailbox_id", "question", name=op.f("pk_mailbox_answers")),
    )
    op.create_table(
        "mailbox_health",
        sa.Column("mailbox_id", sa.String(length=40), nullable=False),
        sa.Column("direction", sa.String(length=4), nullable=False),
        sa.Column("state", sa.String(length=15), nullable=False),
        sa.Column("stage", sa.String(length=20), nullable=False),
        sa.Column("code", sa.Text(), nullable=True),
        sa.Column("server_text", sa.Text(), nullable=True),
        sa.Column("advice", sa.Text(), nullable=True),
        sa.Column("since", UtcDateTime(), nullable=False, comment="when this state began"),
        sa.Column("checked_at", UtcDateTime(), nullable=False),
        sa.Column("last_ok_at", UtcDateTime(), nullable=True),
        sa.Column("health", sa.String(length=10), nullable=False),
        sa.Column("health_since", UtcDateTime(), nullable=False, comment="when this health began"),
        sa.Column(
            "failures", sa.Integer(), nullable=False, comment="in a row, of those that may heal"
        ),
        sa.Column(
            "last_reason",
            sa.Text(),
            nullable=True,
            comment="of the latest verification that was not ok",
        ),
        sa.CheckConstraint(
            "health IN ('ok','degraded','broken','paused')", name=op.f("ck_mailbox_health_health")
        ),
        sa.ForeignKeyConstraint(
            ["mailbox_id"], ["mailboxes.mailbox_id"], name=op.f("fk_mailbox_health_mailbox_id")
        ),
        sa.PrimaryKeyConstraint("mailbox_id", "direction", name=op.f("pk_mailbox_health")),
    )
    op.create_table(
        "mailbox_notices",
        sa.Column(
            "notice_id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column("mailbox_id", sa.String(length=40), nullable=False),
        sa.Column("direction", sa.String(length=4), nullable=False),
        sa.Column("event", sa.String(length=10), nullable=False),
        sa.Column("since", UtcDateTime(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("recipient", sa.Text(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("claimed_at", UtcDateTime(), nullable=True),
        sa.Column("sent_at", UtcDateTime(), nullable=True),
        sa.CheckConstraint("event IN ('broke','recovered')", name=op.f("ck_mailbox_notices_event")),
        sa.ForeignKeyConstraint(
            ["mailbox_id"], ["mailboxes.mailbox_id"], name=op.f("fk_mailbox_notices_mailbox_id")
        ),
        sa.PrimaryKeyConstraint("notice_id", name=op.f("pk_mailbox_notices")),
        sa.UniqueConstraint(
            "mailbox_id",
            "direction",
            "event",
            "since",
            name=op.f("uq_mailbox_notices_mailbox_id_direction_event_since"),
        ),
    )
    op.create_table(
        "mailbox_refusals",
        sa.Column("mailbox_id", sa.String(length=40), nullable=False),
        sa.Column("direction", sa.String(length=4), nullable=False),
        sa.Column("login_version", sa.String(length=64), nullable=False, comment="a keyed digest"),
        sa.Column("refused_at", UtcDateTime(), nullable=False),
        sa.Column("code", sa.Text(), nullable=True),
        sa.Column("advice", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["mailbox_id"], ["mailboxes.mailbox_id"], name=op.f("fk_mailbox_refusals_mailbox_id")
        ),
        sa.PrimaryKeyConstraint(
            "mailbox_id", "direction", "login_version", name=op.f("pk_mailbox_refusals")
        ),
    )
    op.create_table(
        "mailbox_round_trips",
        sa.Column(
            "token", sa.String(length=40), nullable=False, comment="stands in the test message"
        ),
        sa.Column("mailbox_id", sa.String(length=40), nullable=False),
        sa.Column("request", sa.Text(), nullable=False, comment="who asked: a run, or one command"),
        sa.Column("message_id", sa.Text(), nullable=False),
        sa.Column("state", sa.String(length=30), nullable=False),
        sa.Column(
            "detail", sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), nullable=False
        ),
        sa.Column("created_at", UtcDateTime(), nullable=False, comment="before anything was sent"),
        sa.Column("finished_at", UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["mailbox_id"], ["mailboxes.mailbox_id"], name=op.f("fk_mailbox_round_trips_mailbox_id")
        ),
        sa.PrimaryKeyConstraint("token", name=op.f("pk_mailbox_round_trips")),
        sa.UniqueConstraint(
            "mailbox_id", "request", name=op.f("uq_mailbox_round_trips_mailbox_id_request")
        ),
    )
    op.create_table(
        "match_decisions",
        sa.Column("message_key", sa.String(length=64), nullable=False),
        sa.Column("role", sa.String(length=8), nullable=False),
        sa.Column("position", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("outcome", sa.String(length=10), nullable=False),
        sa.Column("contact_id", sa.Text(), nullable=True),
        sa.Column(
            "candidates", sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), nullable=False
        ),
        sa.Column("rule", sa.Text(), nullable=False),
        sa.Column("rule_version", sa.Text(), nullable=False),
        sa.Column("score", sa.Float(), nullable=False),
        sa.Column(
            "company_domain",
            sa.Text(),
            nullable=True,
            comment="the company of somebody who is no contact",
        ),
        sa.CheckConstraint(
            "outcome IN ('matched','possible','ambiguous','unmatched','ignored')",
            name=op.f("ck_match_decisions_outcome"),
        ),
        sa.ForeignKeyConstraint(
            ["message_key"],
            ["crm_messages.message_key"],
            name=op.f("fk_match_decisions_message_key"),
        ),
        sa.PrimaryKeyConstraint("message_key", "role", "position", name=op.f("pk_match_decisions")),
    )
    with op.batch_alter_table("match_decisions", schema=None) as batch_op:
        batch_op.create_index("ix_match_decisions_contact", ["contact_id"], unique=False)
        batch_op.create_index("ix_match_decisions_outcome", ["outcome"], unique=False)

    op.create_table(
        "sync_coverage",
        sa.Column("generation_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("since", UtcDateTime(), nullable=False),
        sa.Column("until", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["generation_id"],
            ["sync_generations.generation_id"],
            name=op.f("fk_sync_coverage_generation_id"),
        ),
        sa.PrimaryKeyConstraint("generation_id", "since", name=op.f("pk_sync_coverage")),
    )
    op.create_table(
        "sync_ledger",
        sa.Column("generation_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("uid", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("internaldate", UtcDateTime(), nullable=True),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("message_key", sa.String(length=64), nullable=True),
        sa.Column(
            "relink_digest",
            sa.String(length=64),
            nullable=True,
            comment="recognises it under another uidvalidity",
        ),
        sa.Column(
            "batch_id",
            sa.String(length=64),
            nullable=True,
            comment="the batch that holds or ended it",
        ),
        sa.Column(
            "reason",
            sa.Text(),
            nullable=True,
            comment="the server's words, or the rule, for the odd ends",
        ),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("updated_at", UtcDateTime(), nullable=False),
        sa.CheckConstraint(
            "state IN ('outside','listed','staged','unavailable','published','duplicate','excluded','quarantined','vanished')",
            name=op.f("ck_sync_ledger_state"),
        ),
        sa.CheckConstraint("uid BETWEEN 1 AND 4294967295", name=op.f("ck_sync_ledger_uid")),
        sa.ForeignKeyConstraint(
            ["generation_id"],
            ["sync_generations.generation_id"],
            name=op.f("fk_sync_ledger_generation_id"),
        ),
        sa.PrimaryKeyConstraint("generation_id", "uid", name=op.f("pk_sync_ledger")),
        sqlite_with_rowid=False,
    )
    with op.batch_alter_table("sync_ledger", schema=None) as batch_op:
        batch_op.create_index("ix_sync_ledger_batch", ["batch_id", "state"], unique=False)
        batch_op.create_index("ix_sync_ledger_relink", ["relink_digest"], unique=False)
        batch_op.create_index(
            "ix_sync_ledger_window", ["generation_id", "internaldate"], unique=False
        )

    op.create_table(
        "sync_run_folders",
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("generation_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("listed", sa.BigInteger(), nullable=False),
        sa.Column("already_covered", sa.BigInteger(), nullable=False),
        sa.Column(
            "missing", sa.BigInteger(), nullable=False, comment="published before, not listed now"
        ),
        sa.ForeignKeyConstraint(
            ["run_id"], ["sync_runs.run_id"], name=op.f("fk_sync_run_folders_run_id")
        ),
        sa.PrimaryKeyConstraint("run_id", "generation_id", name=op.f("pk_sync_run_folders")),
    )
    op.execute(V_CONTACT_TIMELINE)
    op.execute(V_MESSAGE_LINEAGE)


def downgrade() -> None:
    op.execute("DROP VIEW v_message_lineage")
    op.execute("DROP VIEW v_contact_timeline")
    op.drop_table("sync_run_folders")
    with op.batch_alter_table("sync_ledger", schema=None) as batch_op:
        batch_op.drop_index("ix_sync_ledger_window")
        batch_op.drop_index("ix_sync_ledger_relink")
        batch_op.drop_index("ix_sync_ledger_batch")

    op.drop_table("sync_ledger")
    op.drop_table("sync_coverage")
    with op.batch_alter_table("match_decisions", schema=None) as batch_op:
        batch_op.drop_index("ix_match_decisions_outcome")
        batch_op.drop_index("ix_match_decisions_contact")

    op.drop_table("match_decisions")
    op.drop_table("mailbox_round_trips")
    op.drop_table("mailbox_refusals")
    op.drop_table("mailbox_notices")
    op.drop_table("mailbox_health")
    op.drop_table("mailbox_answers")
    with op.batch_alter_table("failed_send_notices", schema=None) as batch_op:
        batch_op.drop_index("ix_failed_send_notices_mailbox")

    op.drop_table("failed_send_notices")
    with op.batch_alter_table("crm_message_sightings", schema=None) as batch_op:
        batch_op.drop_index("ix_crm_message_sightings_key")

    op.drop_table("crm_message_sightings")
    with op.batch_alter_table("crm_message_participants", schema=None) as batch_op:
        batch_op.drop_index("ix_crm_message_participants_address")

    op.drop_table("crm_message_participants")
    with op.batch_alter_table("crm_message_contacts", schema=None) as batch_op:
        batch_op.drop_index("ix_crm_message_contacts_contact")

    op.drop_table("crm_message_contacts")
    op.drop_table("crm_delivery_failures")
    with op.batch_alter_table("crm_contact_addresses", schema=None) as batch_op:
        batch_op.drop_index("ix_crm_contact_addresses_address")

    op.drop_table("crm_contact_addresses")
    op.drop_table("crm_attachments")
    with op.batch_alter_table("contact_keys", schema=None) as batch_op:
        batch_op.drop_index("ix_contact_keys_contact")

    op.drop_table("contact_keys")
    op.drop_table("taught_addresses")
    with op.batch_alter_table("sync_runs", schema=None) as batch_op:
        batch_op.drop_index("ix_sync_runs_mailbox")
        batch_op.drop_index("ix_sync_runs_batch")

    op.drop_table("sync_runs")
    op.drop_table("sync_quarantine")
    op.drop_table("sync_leases")
    op.drop_table("sync_generations")
    op.drop_table("staged_participants")
    with op.batch_alter_table("staged_messages", schema=None) as batch_op:
        batch_op.drop_index("ix_staged_messages_batch")

    op.drop_table("staged_messages")
    op.drop_table("staged_decisions")
    op.drop_table("staged_conversation_merges")
    op.drop_table("staged_attachments")
    op.drop_table("rematch_marks")
    with op.batch_alter_table("message_identities", schema=None) as batch_op:
        batch_op.drop_index("ix_message_identities_id")
        batch_op.drop_index("ix_message_identities_fingerprint")

    op.drop_table("message_identities")
    with op.batch_alter_table("match_reviews", schema=None) as batch_op:
        batch_op.drop_index("ix_match_reviews_message")

    op.drop_table("match_reviews")
    op.drop_table("mailboxes")
    op.drop_table("crm_tickets")
    with op.batch_alter_table("crm_messages", schema=None) as batch_op:
        batch_op.drop_index("ix_crm_messages_sent_at")
        batch_op.drop_index("ix_crm_messages_conversation")
        batch_op.drop_index("ix_crm_messages_batch")

    op.drop_table("crm_messages")
    op.drop_table("crm_conversations")
    op.drop_table("crm_contacts")
    with op.batch_alter_table("conversation_members", schema=None) as batch_op:
        batch_op.drop_index("ix_conversation_members_key")

    op.drop_table("conversation_members")
