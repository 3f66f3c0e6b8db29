"""What the conditions of a suite are asked of: named sets of rows of one batch.

Each is the FROM and WHERE of a query, in words that SQLite and PostgreSQL share. The adapter
fills `{batch}`, `{run}` and `{mailbox}` with literals.
"""

from collections.abc import Mapping
from types import MappingProxyType

__all__ = ["COUNTS", "SCOPES", "SUBJECTS"]

_RUN_GENERATIONS = "(SELECT r.generation_id FROM sync_run_folders AS r WHERE r.run_id = {run})"


def _with_message(table: str, alias: str) -> str:
    """Rows of a table together with their message, which may be missing."""
    return (
        f"{table} AS {alias} LEFT JOIN staged_messages AS m"
        f" ON m.generation_id = {alias}.generation_id AND m.uid = {alias}.uid"
    )


def _groups(key: str, where: str) -> str:
    """Published messages of the batch, grouped: `copies` rows, `conflicts` of them marked."""
    return (
        f"(SELECT COUNT(*) AS copies, COUNT(CASE WHEN m.is_conflict THEN 1 END)"
        " AS conflicts FROM staged_messages AS m WHERE m.batch_id = {batch}"
        f" AND m.disposition = 'publish' AND {where} GROUP BY {key}) AS g"
    )


SUBJECTS: Mapping[str, str] = MappingProxyType(
    {
        "messages": (
            "staged_messages AS m LEFT JOIN sync_ledger AS l ON l.generation_id = m.generation_id"
            " AND l.uid = m.uid WHERE m.batch_id = {batch}"
        ),
        "participants": (
            _with_message("staged_participants", "p")
            + " LEFT JOIN staged_decisions AS d ON d.generation_id = p.generation_id"
            " AND d.uid = p.uid AND d.role = p.role AND d.position = p.position"
            f" WHERE p.generation_id IN {_RUN_GENERATIONS}"
        ),
        "decisions": f"staged_decisions AS d WHERE d.generation_id IN {_RUN_GENERATIONS}",
        "attachments": (
            _with_message("staged_attachments", "a")
            + f" WHERE a.generation_id IN {_RUN_GENERATIONS}"
        ),
        "merges": "staged_conversation_merges AS c WHERE c.batch_id = {batch}",
        "keys": _groups("m.message_key", "m.message_key IS NOT NULL"),
        "identities": _groups(
            "COALESCE(m.message_id_hash, m.fingerprint)", "m.fingerprint IS NOT NULL"
        ),
        "ledger": (
            "sync_ledger AS l LEFT JOIN staged_messages AS m ON m.generation_id = l.generation_id"
            " AND m.uid = l.uid AND m.batch_id = l.batch_id WHERE l.batch_id = {batch}"
        ),
        "folders": "sync_run_folders AS f WHERE f.run_id = {run}",
        "runs": (
            "sync_runs AS r WHERE r.run_id = {run} AND r.batch_id = {batch}"
            " AND r.mailbox_id = {mailbox}"
        ),
    }
)

# Rows that hang on a message are looked up by folder, so that those whose message is gone can be
# counted; rules judge only the batch's own.
SCOPES: Mapping[str, str] = MappingProxyType(
    dict.fromkeys(("participants", "attachments"), "m.batch_id = {batch}")
)
COUNTS: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        "participants": {
            "participants_decided": "d.uid",
            "participants_orphaned": "CASE WHEN m.uid IS NULL THEN 1 END",
        },
        "attachments": {"attachments_orphaned": "CASE WHEN m.uid IS NULL THEN 1 END"},
    }
)
