"""The sign-offs of windows."""

from sqlalchemy import CheckConstraint, Column, Index, String, Table, Text

from mailcrm.adapters.crm_database.schema.base import JSON, Time, metadata

__all__ = ["sync_approvals"]

sync_approvals = Table(
    "sync_approvals",
    metadata,
    Column("run_id", Text, primary_key=True),
    Column("mailbox_id", String(40), nullable=False),
    Column("window_since", Time, nullable=False),
    Column("window_until", Time, comment="none was asked for"),
    Column("folders", JSON, comment="only these were asked for"),
    Column("reasons", JSON, nullable=False, comment="why a person was asked"),
    Column("preview", JSON, comment="what the window held"),
    Column("audit", JSON, comment="how matching did until then"),
    Column("state", String(12), nullable=False),
    Column("way", String(16), comment="who decided: a person, the policy, the command line"),
    Column("decided_by", Text),
    Column("decided_at", Time),
    Column("created_at", Time, nullable=False),
    CheckConstraint("state IN ('waiting','approved','rejected','timed_out')", name="state"),
)
Index("ix_sync_approvals_mailbox", sync_approvals.c.mailbox_id, sync_approvals.c.created_at)
