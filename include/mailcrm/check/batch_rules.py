"""Rules about what our own stages made of a batch: one broken rule holds all of it.

A message cannot cause these by what it says; where one fails, a stage lost, doubled or changed
rows. Warnings are shown and hold nothing.
"""

from mailcrm.check.reference_rules import REFERENCE_RULES
from mailcrm.check.rule import PUBLISHED, SIGHTED, Rule, batch_rule

__all__ = ["BATCH_RULES"]

_SCHEMA = (
    batch_rule(
        "schema",
        "messages",
        "kind_known",
        "person, bulk, auto_reply, bounce or list",
        "m.kind NOT IN ('person', 'bulk', 'auto_reply', 'bounce', 'list')",
    ),
    batch_rule(
        "schema",
        "messages",
        "direction_known",
        "inbound, outbound or internal",
        "m.direction NOT IN ('inbound', 'outbound', 'internal')",
    ),
    batch_rule(
        "schema",
        "messages",
        "sent_at_source_known",
        "date, received or internaldate",
        "m.sent_at_source NOT IN ('date', 'received', 'internaldate')",
    ),
    batch_rule(
        "schema",
        "messages",
        "auth_result_known",
        "pass, fail or none given",
        "m.auth_result NOT IN ('pass', 'fail')",
    ),
    batch_rule(
        "schema",
        "messages",
        "identity_well_formed",
        "message_key, conversation_key and fingerprint have 64 characters",
        f"LENGTH(m.fingerprint) <> 64 OR LENGTH(m.message_id_hash) <> 64 OR ({SIGHTED} AND"
        " COALESCE(LENGTH(m.message_key), 0) <> 64)",
    ),
)

_UNIQUENESS = (
    batch_rule(
        "uniqueness",
        "keys",
        "message_key_unique",
        "one message to publish for each message_key",
        "g.copies > 1",
    ),
    batch_rule(
        "uniqueness",
        "identities",
        "identity_unique",
        "one message for each Message-ID, or fingerprint where it has none; others are conflicts",
        "g.copies - g.conflicts > 1",
    ),
    batch_rule(
        "uniqueness",
        "messages",
        "sighting_unique",
        "no place in a mailbox shows two messages",
        f"{SIGHTED} AND EXISTS (SELECT 1 FROM crm_message_sightings AS s JOIN sync_generations"
        " AS g ON g.mailbox_id = s.mailbox_id AND g.folder = s.folder"
        " AND g.uidvalidity = s.uidvalidity WHERE g.generation_id = m.generation_id"
        " AND s.uid = m.uid AND s.message_key <> m.message_key)",
    ),
    batch_rule(
        "uniqueness",
        "messages",
        "message_new",
        "messages to publish are not in the CRM yet",
        f"{PUBLISHED} AND EXISTS (SELECT 1 FROM crm_messages AS k"
        " WHERE k.message_key = m.message_key)",
        "warning",
    ),
)

_RANGES = (
    batch_rule(
        "ranges",
        "attachments",
        "attachment_size_in_range",
        "0 bytes or more",
        "a.size_bytes < 0",
    ),
    batch_rule(
        "ranges",
        "participants",
        "score_in_range",
        "a finite number",
        "d.score NOT BETWEEN -1000000 AND 1000000",
    ),
    batch_rule(
        "ranges",
        "messages",
        "internaldate_readable",
        "the server dates every message",
        "m.internaldate IS NULL",
        "warning",
    ),
    batch_rule(
        "ranges",
        "ledger",
        "internaldate_steady",
        "the server dates a message as it did when listing it",
        "l.internaldate <> m.internaldate",
        "warning",
    ),
)

_DECISIONS = (
    batch_rule(
        "decisions",
        "participants",
        "participant_decided",
        "a decision on every participant of a message to publish",
        f"{PUBLISHED} AND d.uid IS NULL",
    ),
    batch_rule(
        "decisions",
        "participants",
        "matched_has_contact",
        "a contact if matched, none otherwise",
        "(d.outcome = 'matched') <> (COALESCE(d.contact_id, '') <> '')",
    ),
    batch_rule(
        "decisions",
        "participants",
        "matched_has_evidence",
        "matched: its contact is among the candidates, with evidence",
        "d.outcome = 'matched' AND NOT EXISTS (SELECT 1 FROM {json_elements}(d.candidates) AS c"
        " WHERE c.value ->> 'contact_id' = d.contact_id AND"
        " COALESCE({json_length}(c.value -> 'evidence'), 0) > 0)",
    ),
    batch_rule(
        "decisions",
        "participants",
        "review_has_candidates",
        "possible: a candidate; ambiguous: two or more",
        "(d.outcome = 'possible' AND {json_length}(d.candidates) < 1)"
        " OR (d.outcome = 'ambiguous' AND {json_length}(d.candidates) < 2)",
    ),
    batch_rule(
        "decisions",
        "participants",
        "failing_sender_unmatched",
        "no matched sender where authentication failed",
        "d.outcome = 'matched' AND m.auth_result = 'fail'"
        " AND d.role IN ('from', 'sender', 'reply_to')",
    ),
    batch_rule(
        "decisions",
        "participants",
        "decision_named",
        "every decision names its rule and the rules' version",
        "d.rule = '' OR d.rule_version = ''",
    ),
)

_BALANCE = (
    Rule(
        name="run_known",
        group="balance",
        severity="batch",
        limit="the run is recorded with this batch and mailbox",
        expectation="ExpectColumnMinToBeBetween",
        kwargs={"column": "runs_rows", "min_value": 1, "max_value": 1},
    ),
    Rule(
        name="batch_not_empty",
        group="balance",
        severity="batch",
        limit="the ledger holds messages of this batch",
        expectation="ExpectColumnMinToBeBetween",
        kwargs={"column": "ledger_rows", "min_value": 1},
    ),
    batch_rule(
        "balance",
        "ledger",
        "staged_as_listed",
        "every message that the ledger calls staged is staged",
        "l.state = 'staged' AND m.uid IS NULL",
    ),
    batch_rule(
        "balance",
        "messages",
        "staged_in_ledger",
        "every staged message is in the ledger under this batch",
        "l.uid IS NULL OR l.batch_id IS NULL OR l.batch_id <> m.batch_id OR l.state <> 'staged'",
    ),
    batch_rule(
        "balance",
        "folders",
        "folder_balances",
        "listed = already covered + this batch's ledger rows, in every folder",
        "f.listed <> f.already_covered + (SELECT COUNT(*) FROM sync_ledger AS l"
        " WHERE l.generation_id = f.generation_id AND l.batch_id = {batch}"
        " AND l.state <> 'outside')",
    ),
    batch_rule(
        "balance",
        "ledger",
        "ledger_in_folders",
        "every ledger row of the batch lies in a folder that the run listed",
        "NOT EXISTS (SELECT 1 FROM sync_run_folders AS f WHERE f.run_id = {run}"
        " AND f.generation_id = l.generation_id)",
    ),
    batch_rule(
        "balance",
        "messages",
        "quarantine_kept",
        "every quarantined message is kept in quarantine, or was discarded by a person",
        "m.disposition = 'quarantined' AND NOT EXISTS (SELECT 1 FROM sync_quarantine AS q"
        " JOIN sync_generations AS g ON g.mailbox_id = q.mailbox_id AND g.folder = q.folder"
        " AND g.uidvalidity = q.uidvalidity WHERE g.generation_id = m.generation_id"
        " AND q.uid = m.uid AND q.state IN ('held', 'discarded'))",
    ),
    batch_rule(
        "balance",
        "ledger",
        "nothing_pending",
        "every listed message was read",
        "l.state = 'listed'",
        "warning",
    ),
)

BATCH_RULES: tuple[Rule, ...] = (
    *_SCHEMA,
    *_UNIQUENESS,
    *REFERENCE_RULES,
    *_RANGES,
    *_DECISIONS,
    *_BALANCE,
)
