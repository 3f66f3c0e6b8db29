"""The DAG of a mailbox: its shape, its form, and how it is parsed."""

import pytest

from dags.conftest import Parse, entry
from mailcrm_dags.schedules import shift_cron

FLOW = {
    "verify_imap": [],
    "verify_smtp": [],
    "approve": ["verify_imap"],
    "plan": ["approve", "verify_imap"],
    "fetch": ["plan"],
    "match": ["fetch"],
    "check": ["match"],
    "publish": ["check"],
}


@pytest.fixture(scope="module")
def parsed(parse: Parse):
    return parse([entry("sales"), entry("support", schedule=None)])


@pytest.fixture(scope="module")
def dag(parsed):
    return parsed["dags"]["mailbox__sales"]


def test_parse_two_mailboxes_gives_one_dag_each_without_errors(parsed):
    assert parsed["import_errors"] == {}
    assert sorted(parsed["dags"]) == ["mailbox__sales", "mailbox__support"]


@pytest.mark.row("R205")
def test_parse_reaches_no_network_database_or_program(parsed):
    assert parsed["attempts"] == []


def test_parse_leaves_heavy_libraries_alone(parsed):
    assert parsed["heavy"] == []


def test_dag_edges_follow_the_design(dag):
    assert {name: task["upstream"] for name, task in dag["tasks"].items()} == FLOW


def test_dag_smtp_verification_stands_alone(dag):
    assert all("verify_smtp" not in task["upstream"] for task in dag["tasks"].values())


def test_dag_fetch_is_mapped_by_slice(dag):
    assert [name for name, task in dag["tasks"].items() if task["is_mapped"]] == ["fetch"]


def test_dag_publish_alone_updates_the_mailbox_asset(dag):
    outlets = {name: task["outlets"] for name, task in dag["tasks"].items() if task["outlets"]}
    assert outlets == {"publish": {"mailcrm_sales": "mailcrm://crm/messages/sales"}}


def test_dag_match_runs_when_one_slice_came_through(dag):
    rules = {name: task["trigger_rule"] for name, task in dag["tasks"].items()}
    assert rules.pop("match") == "all_done_min_one_success"
    assert rules.pop("plan") == "none_failed_min_one_success"
    assert set(rules.values()) == {"all_success"}


@pytest.mark.row("R210")
def test_dag_every_task_has_timeout_retries_policy_owner_and_docs(dag):
    for name, task in dag["tasks"].items():
        assert 0 < task["timeout_s"] <= 7200, name
        assert task["retries"] > 0, name
        assert task["policy"], name
        assert task["owner"] == "mailcrm", name
        assert task["doc"], name


def test_dag_params_are_the_window_the_folders_and_the_round_trip(dag):
    assert list(dag["params"]) == ["since", "until", "folders", "round_trip"]
    assert dag["params"]["since"]["format"] == "date"
    assert dag["params"]["since"]["type"] == ["null", "string"]
    assert dag["params"]["folders"]["type"] == ["null", "array"]


@pytest.mark.row("R211", "R212")
def test_dag_runs_one_at_a_time_and_never_catches_up(dag):
    assert (dag["max_active_runs"], dag["catchup"]) == (1, False)


def test_dag_docs_name_the_mailbox_and_its_folders(dag):
    assert "sales@acme.example" in dag["doc"]
    assert "`Sent`" in dag["doc"]


def test_dag_schedule_is_the_registrys(parsed):
    schedules = {name: dag["schedule"] for name, dag in parsed["dags"].items()}
    every = shift_cron("*/15 * * * *", "sales")
    assert schedules == {"mailbox__sales": every, "mailbox__support": None}


def test_dag_paused_mailbox_keeps_its_dag_without_a_schedule(parse: Parse):
    found = parse([entry("sales", state="paused")])["dags"]["mailbox__sales"]
    assert found["schedule"] is None
    assert "paused" in found["tags"]
    assert "Paused" in found["doc"]


def test_dag_of_a_mailbox_with_a_freshness_has_a_deadline(parse: Parse):
    found = parse([entry("sales", freshness_s=21600)])["dags"]["mailbox__sales"]
    callback = "mailcrm_dags.callbacks.tell_stale"
    assert found["deadlines"] == [[21600.0, callback, {"mailbox_id": "sales"}]]


def test_dag_of_a_mailbox_without_a_freshness_has_no_deadline(dag):
    assert dag["deadlines"] == []


def test_dag_tasks_that_talk_to_the_server_share_the_providers_pool(dag):
    pools = {name: task["pool"] for name, task in dag["tasks"].items()}
    own = {"match", "check", "publish"}
    assert {pools[name] for name in own} == {"default_pool"}
    assert {pool for name, pool in pools.items() if name not in own} == {"imap_gmail"}


def test_dag_tasks_lead_to_mailbox_report_and_certificate(dag):
    links = {name: task["links"] for name, task in dag["tasks"].items() if task["links"]}
    report = ["Run report", "Certificate"]
    assert links == {
        "verify_imap": ["Mailbox"],
        "verify_smtp": ["Mailbox"],
        "plan": report,
        "publish": report,
    }


def test_dag_tasks_inherit_no_params(dag):
    assert {task["params"] for task in dag["tasks"].values()} == {0}


def test_dag_tags_and_owner_link_name_state_provider_and_team(parse: Parse):
    found = parse([entry("sales", team="Sales")])["dags"]["mailbox__sales"]
    assert found["tags"] == ["active", "mailbox", "mailcrm", "provider:gmail", "team:Sales"]
    assert found["owner_links"] == {"Sales": "https://airflow.acme.example/mailcrm/mailboxes/sales"}


def test_parse_serializes_within_twenty_kilobytes(parsed):
    assert max(parsed["serialized_bytes"].values()) < 20_000
