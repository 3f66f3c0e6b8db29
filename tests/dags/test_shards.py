"""The shards of the registry: broken entries harm only themselves."""

import pytest

from dags.conftest import Parse, entry

PLACEHOLDERS = {
    "an_error_of_the_registry": (
        entry("broken", error="imap.port: must be a number"),
        "imap.port: must be a number",
    ),
    "a_schedule_that_is_none": (entry("broken", schedule="now and then"), "columns"),
    "folders_that_are_no_list": (entry("broken", folders=7), "folders must be a list"),
}


def test_shard_empty_list_gives_no_dags_and_no_error(parse: Parse):
    found = parse([])
    assert (found["dags"], found["import_errors"]) == ({}, {})


@pytest.mark.row("R200", "R213")
@pytest.mark.parametrize("case", PLACEHOLDERS)
def test_shard_broken_entry_becomes_a_placeholder_that_says_why(parse: Parse, case: str):
    broken, problem = PLACEHOLDERS[case]
    found = parse([broken, entry("sales")])
    assert found["import_errors"] == {}
    assert sorted(found["dags"]) == ["mailbox__broken", "mailbox__sales"]
    assert list(found["dags"]["mailbox__broken"]["tasks"]) == ["explain_problem"]
    assert problem in found["dags"]["mailbox__broken"]["doc"]
    assert "plan" in found["dags"]["mailbox__sales"]["tasks"]


def test_shard_entries_without_a_usable_id_are_numbered_placeholders(parse: Parse):
    found = parse([7, entry("Not An Id"), entry("sales"), entry("sales")])
    assert found["import_errors"] == {}
    assert sorted(found["dags"]) == [
        "mailbox__broken_entry_1",
        "mailbox__broken_entry_2",
        "mailbox__broken_entry_4",
        "mailbox__sales",
    ]


def test_shard_that_is_no_json_is_an_import_error_naming_the_file(parse: Parse):
    found = parse("[{")
    assert "mailboxes_000.json" in str(found["import_errors"])


def test_parse_inside_a_task_builds_only_its_own_dag(parse: Parse):
    found = parse(
        [entry(f"box{number}") for number in range(30)],
        _AIRFLOW_PARSING_CONTEXT_DAG_ID="mailbox__box7",
        _AIRFLOW_PARSING_CONTEXT_TASK_ID="plan",
    )
    assert list(found["dags"]) == ["mailbox__box7"]
