"""Ways to lose, double or corrupt a row of a staged batch, and the check that must notice."""

from dataclasses import dataclass

from mailcrm.adapters.crm_database import schema

INBOX = "(SELECT generation_id FROM sync_generations WHERE folder = 'INBOX')"
SENT = "(SELECT generation_id FROM sync_generations WHERE folder = 'Sent')"


@dataclass(frozen=True)
class Mutant:
    name: str
    caught_by: str
    statements: tuple[str, ...]


def _inbox(table: str, change: str, where: str) -> str:
    verb, _, rest = change.partition(" ")
    head = f"DELETE FROM {table}" if verb == "DELETE" else f"UPDATE {table} SET {rest}"
    return f"{head} WHERE generation_id = {INBOX} AND {where}"


def _message(change: str, uid: int = 1) -> str:
    return _inbox("staged_messages", change, f"uid = {uid}")


def _person(change: str, uid: int = 1, role: str = "from") -> str:
    return _inbox("staged_participants", change, f"uid = {uid} AND role = '{role}'")


def _decision(change: str, uid: int = 1, role: str = "from") -> str:
    return _inbox("staged_decisions", change, f"uid = {uid} AND role = '{role}'")


def _ledger(change: str, uid: int = 1) -> str:
    return _inbox("sync_ledger", change, f"uid = {uid}")


def _copy(table: str, columns: dict[str, str], of: str) -> str:
    """INSERT a copy of a row with some columns changed; columns by name, the rest by `*`."""
    return f"INSERT INTO {table} ({', '.join(columns)}) SELECT {', '.join(columns.values())} {of}"


def _double(table: str, changed: dict[str, str], where: str) -> str:
    """Insert a copy of rows of the folder INBOX with some columns changed."""
    columns = {c.name: changed.get(c.name, c.name) for c in schema.metadata.tables[table].columns}
    return _copy(table, columns, f"FROM {table} WHERE generation_id = {INBOX} AND {where}")


def _double_message(new_uid: int, **changed: str) -> str:
    return _double("staged_messages", {"uid": str(new_uid), **changed}, "uid = 1")


def _publish_letter_8(key: str) -> str:
    """Letter 8 in the CRM already, under a key."""
    columns = {c.name: c.name for c in schema.crm_messages.columns}
    columns |= {"message_key": key, "published_at": "sent_at"}
    return _copy("crm_messages", columns, "FROM staged_messages WHERE uid = 8")


def _of(column: str, uid: int) -> str:
    """A column of another message of the same folder."""
    return (
        f"(SELECT k.{column} FROM staged_messages AS k"
        f" WHERE k.generation_id = {INBOX} AND k.uid = {uid})"
    )


def _of_sent(change: str) -> str:
    return _message(change).replace(INBOX, SENT)


_OTHER_KEY = "'" + "9" * 64 + "'"

# name, the check that names it, what is done
_TABLE: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    # lost
    ("message_lost", "staged_as_listed", (_message("DELETE"),)),
    (
        "message_lost_with_children",
        "staged_as_listed",
        (_message("DELETE"), _inbox("staged_participants", "DELETE", "uid = 1")),
    ),
    (
        "duplicate_lost",
        "staged_as_listed",
        (_of_sent("DELETE"),),
    ),
    ("excluded_lost", "staged_as_listed", (_message("DELETE", 10),)),
    ("quarantined_lost", "staged_as_listed", (_message("DELETE", 9),)),
    ("quarantine_entry_lost", "quarantine_kept", ("DELETE FROM sync_quarantine",)),
    (
        "quarantine_entry_closed",
        "quarantine_kept",
        ("UPDATE sync_quarantine SET state = 'replayed'",),
    ),
    ("ledger_row_lost", "folder_balances", (_ledger("DELETE"),)),
    ("message_and_ledger_row_lost", "folder_balances", (_message("DELETE"), _ledger("DELETE"))),
    ("ledger_row_out_of_batch", "folder_balances", (_ledger("SET batch_id = NULL"),)),
    ("ledger_row_called_outside", "folder_balances", (_ledger("SET state = 'outside'"),)),
    ("ledger_row_called_published", "staged_in_ledger", (_ledger("SET state = 'published'"),)),
    ("ledger_row_called_listed", "staged_in_ledger", (_ledger("SET state = 'listed'"),)),
    ("ledger_row_called_vanished", "staged_in_ledger", (_ledger("SET state = 'vanished'"),)),
    ("message_in_another_batch", "staged_as_listed", (_message("SET batch_id = 'other'"),)),
    ("participant_lost", "decision_has_participant", (_person("DELETE", role="to"),)),
    ("sender_lost", "sender_is_participant", (_person("DELETE"), _decision("DELETE"))),
    ("decision_lost", "participant_decided", (_decision("DELETE"),)),
    ("all_decisions_lost", "participant_decided", ("DELETE FROM staged_decisions",)),
    ("attachment_lost", "attachments_counted", ("DELETE FROM staged_attachments",)),
    (
        "folder_lost",
        "ledger_in_folders",
        (f"DELETE FROM sync_run_folders WHERE generation_id = {SENT}",),
    ),
    ("folders_lost", "ledger_in_folders", ("DELETE FROM sync_run_folders",)),
    (
        "contact_lost",
        "contact_exists",
        (
            "DELETE FROM contact_keys",
            "DELETE FROM crm_contact_addresses",
            "DELETE FROM crm_contacts",
        ),
    ),
    (
        "count_of_listed_lowered",
        "folder_balances",
        ("UPDATE sync_run_folders SET listed = listed - 1",),
    ),
    (
        "count_of_listed_raised",
        "folder_balances",
        ("UPDATE sync_run_folders SET listed = listed + 1",),
    ),
    (
        "count_of_covered_raised",
        "folder_balances",
        ("UPDATE sync_run_folders SET already_covered = already_covered + 1",),
    ),
    # doubled
    ("message_doubled", "message_key_unique", (_double_message(50),)),
    (
        "message_doubled_unlisted",
        "staged_in_ledger",
        (_double_message(50, message_key=_OTHER_KEY),),
    ),
    (
        "message_doubled_other_key",
        "identity_unique",
        (_double_message(50, message_key=_OTHER_KEY),),
    ),
    (
        "message_doubled_as_duplicate",
        "staged_in_ledger",
        (_double_message(50, disposition="'duplicate'"),),
    ),
    (
        "ledger_row_doubled",
        "staged_as_listed",
        (_double("sync_ledger", {"uid": "51"}, "uid = 1"),),
    ),
    (
        "participant_doubled",
        "participant_decided",
        (_double("staged_participants", {"role": "'cc'"}, "uid = 1 AND role = 'to'"),),
    ),
    (
        "participant_doubled_with_gap",
        "participants_complete",
        (_double("staged_participants", {"position": "5"}, "uid = 1 AND role = 'to'"),),
    ),
    (
        "decision_doubled",
        "decision_has_participant",
        (_double("staged_decisions", {"role": "'cc'"}, "uid = 1 AND role = 'to'"),),
    ),
    (
        "attachment_doubled",
        "attachments_counted",
        (_double("staged_attachments", {"part": "'3'"}, "uid = 4"),),
    ),
    (
        "duplicate_called_publish",
        "message_key_unique",
        (_of_sent("SET disposition = 'publish'"),),
    ),
    (
        "two_messages_one_key",
        "message_key_unique",
        (
            _message(
                f"SET message_key = {_of('message_key', 2)}",
                3,
            ),
        ),
    ),
    (
        "two_messages_one_fingerprint",
        "identity_unique",
        (
            _message(
                f"SET message_id_hash = NULL, fingerprint = {_of('fingerprint', 7)}",
                3,
            ),
        ),
    ),
    # corrupted: identity and references
    ("key_missing", "identity_well_formed", (_message("SET message_key = NULL"),)),
    ("key_short", "identity_well_formed", (_message("SET message_key = 'abc'"),)),
    ("fingerprint_empty", "identity_well_formed", (_message("SET fingerprint = ''"),)),
    ("conversation_missing", "conversation_known", (_message("SET conversation_key = NULL"),)),
    (
        "original_called_duplicate",
        "duplicate_has_original",
        (_message("SET disposition = 'duplicate'", 2),),
    ),
    (
        "original_called_excluded",
        "duplicate_has_original",
        (_message("SET disposition = 'excluded', reason = 'x'"),),
    ),
    ("excluded_without_rule", "exclusion_named", (_message("SET reason = NULL", 10),)),
    ("quarantined_without_rule", "exclusion_named", (_message("SET reason = ''", 9),)),
    (
        "publish_called_quarantined",
        "quarantine_kept",
        (_message("SET disposition = 'quarantined', reason = 'x'", 2),),
    ),
    ("other_mailbox", "generation_of_mailbox", (_message("SET mailbox_id = 'support'"),)),
    (
        "folder_of_other_mailbox",
        "generation_of_mailbox",
        (f"UPDATE sync_generations SET mailbox_id = 'support' WHERE generation_id = {SENT}",),
    ),
    ("run_of_other_mailbox", "run_known", ("UPDATE sync_runs SET mailbox_id = 'support'",)),
    ("run_of_other_batch", "run_known", ("UPDATE sync_runs SET batch_id = 'other'",)),
    (
        "sender_address_changed",
        "sender_is_participant",
        (_message("SET from_address = 'eve@evil.example'"),),
    ),
    (
        "participant_address_changed",
        "sender_recorded",
        (_person("SET address = 'eve@evil.example'"),),
    ),
    ("attachment_count_raised", "attachments_counted", (_message("SET attachment_count = 1"),)),
    (
        "conversation_merges_in_a_ring",
        "merge_ends",
        (
            "INSERT INTO staged_conversation_merges (batch_id, old_key, new_key)"
            " SELECT batch_id, 'a', 'a' FROM sync_runs WHERE run_id <> 'older'",
        ),
    ),
    (
        "sighting_of_another_message",
        "sighting_unique",
        (
            _publish_letter_8("'k'"),
            "INSERT INTO crm_message_sightings (mailbox_id, folder, uidvalidity, uid, message_key,"
            " flags) VALUES ('sales', 'INBOX', 7, 1, 'k', '')",
        ),
    ),
    # corrupted: values
    ("kind_unknown", "kind_known", (_message("SET kind = 'persn'"),)),
    (
        "direction_unknown",
        "direction_known",
        (_message("SET direction = 'up'"),),
    ),
    ("date_source_unknown", "sent_at_source_known", (_message("SET sent_at_source = 'guess'"),)),
    ("auth_result_unknown", "auth_result_known", (_message("SET auth_result = 'maybe'"),)),
    (
        "arrived_before_window",
        "internaldate_outside_window",
        (_message("SET internaldate = '2026-11-03 11:59:59.999999{utc}'"),),
    ),
    (
        "arrived_at_end_of_window",
        "internaldate_outside_window",
        (_message("SET internaldate = '2026-11-17 12:00:00.000000{utc}'"),),
    ),
    ("size_zero", "size_out_of_range", (_message("SET size_bytes = 0"),)),
    ("size_negative", "size_out_of_range", (_message("SET size_bytes = -1"),)),
    ("size_huge", "size_out_of_range", (_message("SET size_bytes = 4294967296"),)),
    (
        "attachment_size_negative",
        "attachment_size_in_range",
        ("UPDATE staged_attachments SET size_bytes = -1",),
    ),
    ("sender_gone", "sender_missing", (_message("SET from_address = NULL"),)),
    ("sender_blank", "sender_missing", (_message("SET from_address = '  '"),)),
    ("sender_only_words", "sender_missing", (_message("SET from_address = 'Ada Lovelace'"),)),
    (
        "headers_gone",
        "no_headers",
        (
            _message(
                "SET from_address = NULL, subject = '', message_id = NULL,"
                " sent_at_source = 'internaldate'"
            ),
        ),
    ),
    ("address_endless", "address_too_long", (_person(f"SET address = '{'a' * 513}'", role="to"),)),
    ("subject_endless", "text_too_long", (_message(f"SET subject = '{'s' * 100_001}'"),)),
    # corrupted: decisions
    ("matched_without_contact", "matched_has_contact", (_decision("SET contact_id = NULL"),)),
    ("matched_with_empty_contact", "matched_has_contact", (_decision("SET contact_id = ''"),)),
    ("unmatched_with_contact", "matched_has_contact", (_decision("SET contact_id = 'C1'", 8),)),
    ("unmatched_called_matched", "matched_has_contact", (_decision("SET outcome = 'matched'", 8),)),
    ("matched_without_candidates", "matched_has_evidence", (_decision("SET candidates = '[]'"),)),
    (
        "matched_without_evidence",
        "matched_has_evidence",
        (_decision('SET candidates = \'[{"contact_id"\\: "C1", "evidence"\\: []}]\''),),
    ),
    (
        "matched_to_another_than_evidence",
        "matched_has_evidence",
        (_decision("SET contact_id = 'C2'"),),
    ),
    ("matched_to_unknown_contact", "contact_exists", (_decision("SET contact_id = 'C9'"),)),
    (
        "ambiguous_with_one_candidate",
        "review_has_candidates",
        (_decision("SET outcome = 'ambiguous'", 2),),
    ),
    (
        "possible_without_candidate",
        "review_has_candidates",
        (_decision("SET candidates = '[]'", 2),),
    ),
    ("failing_sender_matched", "failing_sender_unmatched", (_message("SET auth_result = 'fail'"),)),
    ("rule_missing", "decision_named", (_decision("SET rule = ''"),)),
    ("rule_version_missing", "decision_named", (_decision("SET rule_version = ''"),)),
    ("score_absurd", "score_in_range", (_decision("SET score = 1e300"),)),
)

MUTANTS = tuple(Mutant(*row) for row in _TABLE)

WARNINGS = tuple(
    Mutant(*row)
    for row in (
        ("undated", "internaldate_readable", (_message("SET internaldate = NULL"),)),
        (
            "dated_otherwise",
            "internaldate_steady",
            (_message("SET internaldate = '2026-11-10 12:00:01.000000{utc}'"),),
        ),
        (
            "published_meanwhile",
            "message_new",
            (_publish_letter_8("message_key"),),
        ),
        (
            "left_unread",
            "nothing_pending",
            (
                _message("DELETE", 8),
                _inbox("staged_participants", "DELETE", "uid = 8"),
                _inbox("staged_decisions", "DELETE", "uid = 8"),
                _ledger("SET state = 'listed'", 8),
            ),
        ),
        (
            "orphaned_participant",
            "participant_has_message",
            (_message("DELETE", 8), _ledger("SET state = 'unavailable'", 8)),
        ),
        (
            "orphaned_attachment",
            "attachment_has_message",
            (_message("DELETE", 4), _ledger("SET state = 'unavailable'", 4)),
        ),
    )
)
