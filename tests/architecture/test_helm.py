"""deploy/helm/values.yaml says what docker-compose.yaml says; no cluster and no chart needed."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from architecture.project import ROOT
from mailcrm.settings import Settings, load_settings

VALUES: dict[str, Any] = yaml.safe_load((ROOT / "deploy" / "helm" / "values.yaml").read_text())
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yaml").read_text())
GIVEN = {row["name"]: row["value"] for row in VALUES["env"]}
SECRET = {row["envName"] for row in VALUES["secret"]}
# What the chart sets by itself, from its own values or from the secrets that are named for it.
CHART = {
    "AIRFLOW__CORE__EXECUTOR",
    "AIRFLOW__CORE__FERNET_KEY",
    "AIRFLOW__CORE__EXECUTION_API_SERVER_URL",
    "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN",
    "AIRFLOW__CELERY__RESULT_BACKEND",
    "AIRFLOW__CELERY__BROKER_URL",
    "AIRFLOW__CELERY__WORKER_CONCURRENCY",
    "AIRFLOW__API__SECRET_KEY",
    "AIRFLOW__API_AUTH__JWT_SECRET",
    "AIRFLOW__METRICS__STATSD_ON",
    "AIRFLOW__METRICS__STATSD_HOST",
    "AIRFLOW__METRICS__STATSD_PORT",
}
# What only a cluster needs.
CLUSTER = {
    "AIRFLOW__LOGGING__REMOTE_LOGGING",
    "AIRFLOW__LOGGING__REMOTE_BASE_LOG_FOLDER",
    "AIRFLOW__LOGGING__REMOTE_LOG_CONN_ID",
}
# Top-level keys and those below them; docs/production.md says which were compared with the chart's
# values.schema.json.
KEYS = {
    "airflowVersion": None,
    "images": {"airflow"},
    "executor": None,
    "data": {"metadataSecretName"},
    "fernetKeySecretName": None,
    "apiSecretKeySecretName": None,
    "jwtSecretName": None,
    "secret": None,
    "env": None,
    "migrateDatabaseJob": {"args"},
    "apiServer": {"replicas", "defaultUser", "resources"},
    "scheduler": {"replicas", "resources"},
    "dagProcessor": {"enabled", "replicas", "resources"},
    "triggerer": {"enabled", "replicas", "persistence", "resources"},
    "workers": {"resources", "replicas", "persistence", "keda", "terminationGracePeriodSeconds"},
    "redis": {"enabled", "passwordSecretName"},
    "postgresql": {"enabled"},
    "pgbouncer": {"enabled", "configSecretName", "maxClientConn"},
    "statsd": {"enabled", "extraMappings"},
    "dags": {"persistence", "gitSync"},
    "logs": {"persistence"},
}


def environment() -> dict[str, str]:
    """What docker-compose.yaml gives to every component, its defaults filled in."""
    given: dict[str, str] = COMPOSE["x-airflow-environment"]
    return {name: re.sub(r"\$\{\w+:-(.*?)\}", r"\1", str(value)) for name, value in given.items()}


def test_values_set_exactly_what_compose_sets() -> None:
    assert set(GIVEN) | SECRET | CHART == set(environment()) | CLUSTER
    assert not set(GIVEN) & (SECRET | CHART)


def test_values_are_those_of_compose_but_for_addresses_and_sizes() -> None:
    chosen = {
        "AIRFLOW__API__BASE_URL",
        "AIRFLOW__CORE__PARALLELISM",
        "AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST",
        "MAILCRM_FILES_URL",
    }
    compose = environment()
    same = set(GIVEN) - CLUSTER - chosen
    assert {name: GIVEN[name] for name in same} == {name: compose[name] for name in same}


def test_values_bundles_are_those_of_compose_with_more_shards() -> None:
    name = "AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST"
    ours, theirs = json.loads(GIVEN[name]), json.loads(environment()[name])
    assert ours[0]["kwargs"].pop("shards") > 16
    assert ours == theirs


def test_values_hold_no_secret_and_every_value_is_text() -> None:
    for name, value in GIVEN.items():
        assert isinstance(value, str), name
        assert not re.search(r"PASSWORD|SECRET|KEY$|_CONN$", name), name
    assert {row["secretName"] for row in VALUES["secret"]} == {"mailcrm"}


def test_values_airflow_names_are_real_options_and_ours_are_settings() -> None:
    import airflow.config_templates

    folder = Path(next(iter(airflow.config_templates.__path__)))
    known = yaml.safe_load((folder / "config.yml").read_text())
    for name in set(GIVEN) | SECRET:
        if name.startswith("AIRFLOW__"):
            _, section, option = name.lower().split("__")
            assert option in known[section]["options"], name
        elif name.startswith("MAILCRM_"):
            assert name.removeprefix("MAILCRM_").lower() in Settings.model_fields


def test_settings_that_are_passed_on_empty_are_unset(monkeypatch: pytest.MonkeyPatch) -> None:
    empty = [n for n, v in environment().items() if n.startswith("MAILCRM_") and not v]
    for name in empty:
        monkeypatch.setenv(name, "")
    settings = load_settings()
    fields = {name.removeprefix("MAILCRM_").lower() for name in empty}
    assert fields >= {"notify_webhook", "notify_smtp_connection", "allowed_hosts", "files_url"}
    assert {name: getattr(settings, name) for name in fields} == dict.fromkeys(fields)


def test_values_keys_are_those_that_the_chart_knows() -> None:
    assert set(VALUES) == set(KEYS)
    for key, below in KEYS.items():
        assert below is None or set(VALUES[key]) <= below, key


def test_values_image_airflow_and_mapping_agree_with_the_rest() -> None:
    image = COMPOSE["x-airflow"]["image"]
    assert VALUES["images"]["airflow"]["tag"] == image.partition(":")[2]
    assert image.endswith(VALUES["airflowVersion"])
    mapping = yaml.safe_load((ROOT / "deploy" / "statsd-exporter.yaml").read_text())
    assert VALUES["statsd"]["extraMappings"] == mapping["mappings"]


@pytest.mark.row("R216")
def test_connection_test_button_is_off_wherever_airflow_is_deployed() -> None:
    name = "AIRFLOW__CORE__TEST_CONNECTION"
    assert {GIVEN[name], environment()[name]} == {"Disabled"}
