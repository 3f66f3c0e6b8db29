"""Held messages and open decisions page by page."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the indexes that lists of what waits for people use."""
    op.create_index(
        "ix_sync_quarantine_held", "sync_quarantine", ["state", "mailbox_id", "quarantine_id"]
    )
    is_open = sa.text("outcome IN ('possible', 'ambiguous')")
    op.create_index(
        "ix_match_decisions_open",
        "match_decisions",
        ["message_key"],
        sqlite_where=is_open,
        postgresql_where=is_open,
    )


def downgrade() -> None:
    """Drop them."""
    op.drop_index("ix_match_decisions_open", "match_decisions")
    op.drop_index("ix_sync_quarantine_held", "sync_quarantine")
