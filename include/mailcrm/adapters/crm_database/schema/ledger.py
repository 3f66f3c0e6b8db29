"""The ledger: leases, generations, one row per uid, coverage, runs and quarantine."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
    UniqueConstraint,
)

from mailcrm.adapters.crm_database.schema.base import JSON, LEDGER_STATES, BigKey, Time, metadata

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
    Column("relink_digest", String(64), comment="recognises it under another uidvalidity"),
    Column("batch_id", String(64), comment="the batch that holds or ended it"),
    Column("reason", Text, comment="the server's words, or the rule, for the odd ends"),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("updated_at", Time, nullable=False),
    CheckConstraint("uid BETWEEN 1 AND 4294967295", name="uid"),
    CheckConstraint(LEDGER_STATES, name="state"),
    sqlite_with_rowid=False,
)
Index("ix_sync_ledger_batch", sync_ledger.c.batch_id, sync_ledger.c.state)
Index("ix_sync_ledger_relink", sync_ledger.c.relink_digest)
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
    Column("known_hash", String(64), comment="what was published when it was matched"),
    Column("state", String(12), nullable=False),
    Column("started_at", Time, nullable=False),
    Column("finished_at", Time),
    Column("release_reason", Text, comment="why a person published it although it was held"),
    Column("released_by", Text),
    Column("released_at", Time),
    Column("kind", String(8), nullable=False, server_default="sync", comment="sync or replay"),
    Column("metrics", JSON, comment="what later runs of the mailbox are compared with"),
    Column("versions", JSON, comment="of the product and its rules, as the batch was checked"),
    Column("problems", JSON, comment="folders that could not be read, and why"),
    Column("notes", JSON, comment="what is odd about the server, and harmed nothing"),
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
    Column("missing", BigInteger, nullable=False, comment="published before, not listed now"),
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
    Column("parser_version", Text, comment="that parsed it last"),
    Column("rules_version", Text, comment="of the checks that judged it last"),
    Column("discarded_by", Text),
    Column("discarded_at", Time),
    Column("discard_reason", Text),
    Column("created_at", Time, nullable=False),
    Column("updated_at", Time, nullable=False),
    UniqueConstraint("mailbox_id", "folder", "uidvalidity", "uid"),
    CheckConstraint("state IN ('held','replayed','discarded')", name="state"),
)
Index(
    "ix_sync_quarantine_held",
    sync_quarantine.c.state,
    sync_quarantine.c.mailbox_id,
    sync_quarantine.c.quarantine_id,
)
