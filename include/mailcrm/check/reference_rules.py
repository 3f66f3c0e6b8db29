"""Rules about what points at what: no row without the rows that it belongs to."""

from mailcrm.check.rule import PUBLISHED, Rule, batch_rule

__all__ = ["REFERENCE_RULES"]

REFERENCE_RULES: tuple[Rule, ...] = (
    batch_rule(
        "references",
        "messages",
        "generation_of_mailbox",
        "every message lies in a folder of its mailbox",
        "m.mailbox_id <> {mailbox} OR NOT EXISTS (SELECT 1 FROM sync_generations AS g"
        " WHERE g.generation_id = m.generation_id AND g.mailbox_id = m.mailbox_id)",
    ),
    batch_rule(
        "references",
        "messages",
        "sender_is_participant",
        "from_address is the first From participant's address",
        "m.from_address <> '' AND NOT EXISTS (SELECT 1 FROM staged_participants AS p"
        " WHERE p.generation_id = m.generation_id AND p.uid = m.uid AND p.role = 'from'"
        " AND p.position = 0 AND p.address = m.from_address)",
    ),
    batch_rule(
        "references",
        "messages",
        "attachments_counted",
        "attachment_count is the number of attachments staged",
        "m.attachment_count <> (SELECT COUNT(*) FROM staged_attachments AS a"
        " WHERE a.generation_id = m.generation_id AND a.uid = m.uid)",
    ),
    batch_rule(
        "references",
        "messages",
        "conversation_known",
        "every message to publish has a conversation_key of 64 characters",
        f"{PUBLISHED} AND COALESCE(LENGTH(m.conversation_key), 0) <> 64",
    ),
    batch_rule(
        "references",
        "messages",
        "duplicate_has_original",
        "every duplicate's message is published, or in this batch to be",
        "m.disposition = 'duplicate' AND NOT EXISTS (SELECT 1 FROM staged_messages AS o"
        " WHERE o.batch_id = m.batch_id AND o.message_key = m.message_key"
        " AND o.disposition = 'publish') AND NOT EXISTS (SELECT 1 FROM crm_messages AS k"
        " WHERE k.message_key = m.message_key)",
    ),
    batch_rule(
        "references",
        "messages",
        "exclusion_named",
        "every excluded message names its rule",
        "m.disposition IN ('excluded', 'quarantined') AND COALESCE(m.reason, '') = ''",
    ),
    Rule(
        name="participant_has_message",
        group="references",
        severity="warning",
        limit="no participant without its message",
        kwargs={"column": "participants_orphaned", "min_value": 0, "max_value": 0},
    ),
    batch_rule(
        "references",
        "participants",
        "sender_recorded",
        "the first From participant's address is from_address",
        "p.role = 'from' AND p.position = 0 AND p.address <> COALESCE(m.from_address, '')",
    ),
    batch_rule(
        "references",
        "participants",
        "participants_complete",
        "positions count from 0 without gaps",
        "p.position <> 0 AND NOT EXISTS (SELECT 1 FROM staged_participants AS q"
        " WHERE q.generation_id = p.generation_id AND q.uid = p.uid AND q.role = p.role"
        " AND q.position = p.position - 1)",
    ),
    Rule(
        name="attachment_has_message",
        group="references",
        severity="warning",
        limit="no attachment without its message",
        kwargs={"column": "attachments_orphaned", "min_value": 0, "max_value": 0},
    ),
    Rule(
        name="decision_has_participant",
        group="references",
        severity="batch",
        limit="as many decisions as participants with one",
        expectation="ExpectColumnPairValuesToBeEqual",
        kwargs={"column_A": "decisions_rows", "column_B": "participants_decided"},
    ),
    batch_rule(
        "references",
        "participants",
        "contact_exists",
        "every matched contact is known",
        "d.contact_id IS NOT NULL AND NOT EXISTS (SELECT 1 FROM crm_contacts AS k"
        " WHERE k.contact_id = d.contact_id)",
    ),
    batch_rule(
        "references",
        "merges",
        "merge_ends",
        "conversations merge into one that stays",
        "c.old_key = c.new_key OR EXISTS (SELECT 1 FROM staged_conversation_merges AS n"
        " WHERE n.batch_id = c.batch_id AND n.old_key = c.new_key)",
    ),
)
