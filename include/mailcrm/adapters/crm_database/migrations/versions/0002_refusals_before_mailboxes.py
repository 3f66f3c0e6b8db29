"""Rejected logins of mailboxes that are tried before they are stored."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_REFERENCE = "fk_mailbox_refusals_mailbox_id"


def upgrade() -> None:
    """Let a refusal stand without a registered mailbox."""
    with op.batch_alter_table("mailbox_refusals") as batch_op:
        batch_op.drop_constraint(_REFERENCE, type_="foreignkey")


def downgrade() -> None:
    """Drop what belongs to no mailbox, and refer again."""
    refusals, mailboxes = (
        sa.table("mailbox_refusals", sa.column("mailbox_id")),
        sa.table("mailboxes", sa.column("mailbox_id")),
    )
    op.execute(
        sa.delete(refusals).where(refusals.c.mailbox_id.not_in(sa.select(mailboxes.c.mailbox_id)))
    )
    with op.batch_alter_table("mailbox_refusals") as batch_op:
        batch_op.create_foreign_key(_REFERENCE, "mailboxes", ["mailbox_id"], ["mailbox_id"])
