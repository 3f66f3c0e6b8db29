"""What a server offers to watchers of new mail."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; nothing is known until the next verification."""
    op.add_column(
        "mailbox_health",
        sa.Column(
            "offers_idle",
            sa.Boolean(),
            nullable=True,
            comment="the server tells of new mail by itself",
        ),
    )


def downgrade() -> None:
    """Drop it."""
    with op.batch_alter_table("mailbox_health") as batch_op:
        batch_op.drop_column("offers_idle")
