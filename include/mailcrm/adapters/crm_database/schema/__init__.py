"""The tables: what the CRM reads (`crm_*`, `match_*`, `sync_runs`, `sync_quarantine`) and what we
keep for ourselves (registry, ledger, staging).

Times are timestamptz in UTC, uids and sizes BIGINT, JSON is JSONB on PostgreSQL. SQLite has no
zones: `UtcDateTime` stores UTC there and gives aware values back.
"""

from mailcrm.adapters.crm_database.schema.approvals import sync_approvals
from mailcrm.adapters.crm_database.schema.base import (
    JSON,
    LEDGER_STATES,
    OUTCOMES,
    ROLES,
    BigKey,
    Time,
    UtcDateTime,
    metadata,
)
from mailcrm.adapters.crm_database.schema.crm import (
    V_CONTACT_TIMELINE,
    V_MESSAGE_LINEAGE,
    contact_keys,
    crm_attachments,
    crm_contact_addresses,
    crm_contacts,
    crm_conversations,
    crm_delivery_failures,
    crm_message_contacts,
    crm_message_participants,
    crm_message_sightings,
    crm_messages,
    crm_tickets,
    failed_send_notices,
    match_decisions,
    match_reviews,
    taught_addresses,
)
from mailcrm.adapters.crm_database.schema.identity import (
    conversation_members,
    message_identities,
    rematch_marks,
)
from mailcrm.adapters.crm_database.schema.ledger import (
    sync_coverage,
    sync_generations,
    sync_leases,
    sync_ledger,
    sync_quarantine,
    sync_run_folders,
    sync_runs,
)
from mailcrm.adapters.crm_database.schema.registry import (
    mailbox_answers,
    mailbox_health,
    mailbox_notices,
    mailbox_refusals,
    mailbox_round_trips,
    mailboxes,
)
from mailcrm.adapters.crm_database.schema.staging import (
    MESSAGE_COLUMNS,
    message_columns,
    staged_attachments,
    staged_conversation_merges,
    staged_decisions,
    staged_messages,
    staged_participants,
)
from mailcrm.adapters.crm_database.schema.trail import audit_events

__all__ = [
    "JSON",
    "LEDGER_STATES",
    "MESSAGE_COLUMNS",
    "OUTCOMES",
    "ROLES",
    "V_CONTACT_TIMELINE",
    "V_MESSAGE_LINEAGE",
    "BigKey",
    "Time",
    "UtcDateTime",
    "audit_events",
    "contact_keys",
    "conversation_members",
    "crm_attachments",
    "crm_contact_addresses",
    "crm_contacts",
    "crm_conversations",
    "crm_delivery_failures",
    "crm_message_contacts",
    "crm_message_participants",
    "crm_message_sightings",
    "crm_messages",
    "crm_tickets",
    "failed_send_notices",
    "mailbox_answers",
    "mailbox_health",
    "mailbox_notices",
    "mailbox_refusals",
    "mailbox_round_trips",
    "mailboxes",
    "match_decisions",
    "match_reviews",
    "message_columns",
    "message_identities",
    "metadata",
    "rematch_marks",
    "staged_attachments",
    "staged_conversation_merges",
    "staged_decisions",
    "staged_messages",
    "staged_participants",
    "sync_approvals",
    "sync_coverage",
    "sync_generations",
    "sync_leases",
    "sync_ledger",
    "sync_quarantine",
    "sync_run_folders",
    "sync_runs",
    "taught_addresses",
]
