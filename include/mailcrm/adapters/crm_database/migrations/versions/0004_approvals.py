"""The sign-offs of windows."""

import sqlalchemy as sa
from alembic import op

from mailcrm.adapters.crm_database.schema import JSON, UtcDateTime

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "sync_approvals",
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("mailbox_id", sa.String(length=40), nullable=False),
        sa.Column("window_since", UtcDateTime(), nullable=False),
        sa.Column("window_until", UtcDateTime(), nullable=True, comment="none was asked for"),
        sa.Column("folders", JSON, nullable=True, comment="only these were asked for"),
        sa.Column("reasons", JSON, nullable=False, comment="why a person was asked"),
        sa.Column("preview", JSON, nullable=True, comment="what the window held"),
        sa.Column("audit", JSON, nullable=True, comment="how matching did until then"),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column(
            "way",
            sa.String(length=16),
            nullable=True,
            comment="who decided: a person, the policy, the command line",
        ),
        sa.Column("decided_by", sa.Text(), nullable=True),
        sa.Column("decided_at", UtcDateTime(), nullable=True),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.CheckConstraint(
            "state IN ('waiting','approved','rejected','timed_out')",
            name=op.f("ck_sync_approvals_state"),
        ),
        sa.PrimaryKeyConstraint("run_id", name=op.f("pk_sync_approvals")),
    )
    op.create_index("ix_sync_approvals_mailbox", "sync_approvals", ["mailbox_id", "created_at"])


def downgrade() -> None:
    """Drop it."""
    op.drop_table("sync_approvals")
