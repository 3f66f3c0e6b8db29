"""The audit trail of the pages."""

import sqlalchemy as sa
from alembic import op

from mailcrm.adapters.crm_database.schema import JSON, UtcDateTime

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_TEXT = "audit_events is only ever added to"
_INSERT_ONLY = {
    "sqlite": [
        f"CREATE TRIGGER audit_events_no_{verb.lower()} BEFORE {verb} ON audit_events "
        f"BEGIN SELECT RAISE(ABORT, '{_TEXT}'); END"
        for verb in ("UPDATE", "DELETE")
    ],
    "postgresql": [
        "CREATE FUNCTION audit_events_refuse() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN RAISE EXCEPTION '{_TEXT}'; END $$",
        "CREATE TRIGGER audit_events_insert_only BEFORE UPDATE OR DELETE OR TRUNCATE "
        "ON audit_events FOR EACH STATEMENT EXECUTE FUNCTION audit_events_refuse()",
    ],
}


def upgrade() -> None:
    """Make the table, and keep its rows from being changed."""
    op.create_table(
        "audit_events",
        sa.Column(
            "event_id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("action", sa.String(length=40), nullable=False),
        sa.Column("mailbox_id", sa.String(length=40), nullable=True),
        sa.Column("subject", sa.Text(), nullable=True),
        sa.Column("detail", JSON, nullable=False),
        sa.Column("outcome", sa.String(length=10), nullable=False),
        sa.Column(
            "previous", sa.String(length=64), nullable=False, comment="so there is one chain"
        ),
        sa.Column(
            "digest",
            sa.String(length=64),
            nullable=False,
            comment="of this entry and the one before it",
        ),
        sa.CheckConstraint("outcome IN ('asked','failed')", name=op.f("ck_audit_events_outcome")),
        sa.PrimaryKeyConstraint("event_id", name=op.f("pk_audit_events")),
        sa.UniqueConstraint("previous", name=op.f("uq_audit_events_previous")),
    )
    op.create_index("ix_audit_events_mailbox", "audit_events", ["mailbox_id", "event_id"])
    for statement in _INSERT_ONLY[op.get_bind().dialect.name]:
        op.execute(statement)


def downgrade() -> None:
    """Drop it."""
    op.drop_table("audit_events")
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP FUNCTION audit_events_refuse()")
