"""The audit trail of the pages."""

from sqlalchemy import DDL, CheckConstraint, Column, Index, String, Table, Text, event

from mailcrm.adapters.crm_database.schema.base import JSON, BigKey, Time, metadata

__all__ = ["INSERT_ONLY", "audit_events"]

audit_events = Table(
    "audit_events",
    metadata,
    Column("event_id", BigKey, primary_key=True, autoincrement=True),
    Column("at", Time, nullable=False),
    Column("actor", Text, nullable=False),
    Column("action", String(40), nullable=False),
    Column("mailbox_id", String(40)),
    Column("subject", Text),
    Column("detail", JSON, nullable=False),
    Column("outcome", String(10), nullable=False),
    Column("previous", String(64), nullable=False, unique=True, comment="so there is one chain"),
    Column("digest", String(64), nullable=False, comment="of this entry and the one before it"),
    CheckConstraint("outcome IN ('asked','failed')", name="outcome"),
)
Index("ix_audit_events_mailbox", audit_events.c.mailbox_id, audit_events.c.event_id)

_TEXT = "audit_events is only ever added to"
# Statements by dialect that keep rows from being changed; TRUNCATE is a right of its own.
INSERT_ONLY: dict[str, tuple[str, ...]] = {
    "sqlite": tuple(
        f"CREATE TRIGGER audit_events_no_{verb.lower()} BEFORE {verb} ON audit_events "
        f"BEGIN SELECT RAISE(ABORT, '{_TEXT}'); END"
        for verb in ("UPDATE", "DELETE")
    ),
    "postgresql": (
        "CREATE FUNCTION audit_events_refuse() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN RAISE EXCEPTION '{_TEXT}'; END $$",
        "CREATE TRIGGER audit_events_insert_only BEFORE UPDATE OR DELETE OR TRUNCATE "
        "ON audit_events FOR EACH STATEMENT EXECUTE FUNCTION audit_events_refuse()",
    ),
}
for _dialect, _statements in INSERT_ONLY.items():
    for _statement in _statements:
        event.listen(
            audit_events,
            "after_create",
            DDL(_statement).execute_if(dialect=_dialect),  # type: ignore[no-untyped-call]
        )
