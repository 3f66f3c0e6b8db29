"""Conversations by subject, and what a changed contact can touch."""

import datetime as dt

import sqlalchemy as sa
from alembic import op

from mailcrm.adapters.crm_database.schema import UtcDateTime

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_MARGIN = dt.timedelta(hours=1)
_KEYS = ("canonical", "full_name", "loose_name", "company")


def upgrade() -> None:
    """Make tables, columns and indexes; marks go back by the hour that was added to them before."""
    op.add_column("staged_messages", sa.Column("subject_hash", sa.String(length=64), nullable=True))
    op.add_column(
        "staged_messages",
        sa.Column("subject_asks", sa.Boolean(), nullable=False, server_default=sa.false()),
    )
    op.add_column("rematch_marks", sa.Column("rule_version", sa.Text(), nullable=True))
    _make_subjects()
    _make_participant_keys()
    op.create_table(
        "contact_key_removals",
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("removed_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("kind", "key", name=op.f("pk_contact_key_removals")),
    )
    op.create_index("ix_contact_key_removals_at", "contact_key_removals", ["removed_at"])
    op.create_index("ix_crm_contacts_updated_at", "crm_contacts", ["updated_at"])
    op.create_index("ix_match_decisions_rules", "match_decisions", ["rule_version"])
    _move_marks(op.get_bind())


def _make_subjects() -> None:
    op.create_table(
        "conversation_subjects",
        sa.Column("subject_hash", sa.String(length=64), nullable=False),
        sa.Column("conversation_key", sa.String(length=64), nullable=False),
        sa.Column("first_at", UtcDateTime(), nullable=False),
        sa.Column("last_at", UtcDateTime(), nullable=False),
        sa.Column("asks", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint(
            "subject_hash", "conversation_key", name=op.f("pk_conversation_subjects")
        ),
    )
    op.create_index("ix_conversation_subjects_key", "conversation_subjects", ["conversation_key"])


def _make_participant_keys() -> None:
    op.create_table(
        "participant_keys",
        sa.Column("person_hash", sa.String(length=64), nullable=False),
        *(
            sa.Column(name, sa.Text(), nullable=False)
            for name in ("address", "display_name", "rule_version", *_KEYS)
        ),
        sa.PrimaryKeyConstraint("person_hash", name=op.f("pk_participant_keys")),
    )
    for name in _KEYS:
        op.create_index(f"ix_participant_keys_{name}", "participant_keys", [name])


def _move_marks(bind: sa.Connection) -> None:
    """Every mailbox with runs gets a mark, by which its participants' keys are still to be made."""
    marks = sa.table(
        "rematch_marks",
        sa.column("mailbox_id", sa.String()),
        sa.column("contacts_at", UtcDateTime()),
    )
    runs = sa.table(
        "sync_runs", sa.column("mailbox_id", sa.String()), sa.column("started_at", UtcDateTime())
    )
    known = {row.mailbox_id: row.contacts_at for row in bind.execute(sa.select(marks))}
    first = sa.select(runs.c.mailbox_id, sa.func.min(runs.c.started_at)).group_by(runs.c.mailbox_id)
    for mailbox_id, started_at in bind.execute(first).all():
        if mailbox_id not in known and started_at is not None:
            moment = started_at - _MARGIN
            bind.execute(marks.insert().values(mailbox_id=mailbox_id, contacts_at=moment))
    for mailbox_id, contacts_at in known.items():
        bind.execute(
            marks.update()
            .where(marks.c.mailbox_id == mailbox_id)
            .values(contacts_at=contacts_at - _MARGIN)
        )


def downgrade() -> None:
    """Drop them."""
    op.drop_index("ix_match_decisions_rules", "match_decisions")
    op.drop_index("ix_crm_contacts_updated_at", "crm_contacts")
    for table in ("contact_key_removals", "participant_keys", "conversation_subjects"):
        op.drop_table(table)
    with op.batch_alter_table("rematch_marks") as batch_op:
        batch_op.drop_column("rule_version")
    with op.batch_alter_table("staged_messages") as batch_op:
        batch_op.drop_column("subject_asks")
        batch_op.drop_column("subject_hash")
