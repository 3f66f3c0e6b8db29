"""docker-compose.yaml and the Dockerfile agree with the pins and the code.

There is no Docker engine in CI: Debian's `docker-compose config` reads the file as production does.
"""

import importlib.util
import json
import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from architecture.project import CODE_FOLDERS, ROOT, read_pins, tracked_files
from mailcrm.settings import Settings

COMPOSE = shutil.which("docker-compose")
COMPOSE_TEXT = (ROOT / "docker-compose.yaml").read_text()
REQUIRED = sorted(set(re.findall(r"\$\{([A-Z_]+):\?", COMPOSE_TEXT)))
OPTIONAL = sorted(set(re.findall(r"\$\{([A-Z_]+):-", COMPOSE_TEXT)))
CODE_PREFIXES = tuple(f"{folder}/" for folder in CODE_FOLDERS)
COMPONENTS = {
    "airflow-apiserver": "api-server",
    "airflow-scheduler": "scheduler",
    "airflow-dag-processor": "dag-processor",
    "airflow-triggerer": "triggerer",
    "airflow-worker": "celery worker",
}
needs_compose = [
    pytest.mark.needs_compose,
    pytest.mark.skipif(COMPOSE is None, reason="not installed: docker-compose"),
]


def filled() -> dict[str, str]:
    """A value for every variable that the file requires."""
    return {name: f"value-of-{name.lower()}" for name in REQUIRED}


def run_config(folder: Path, variables: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """`docker-compose config` with exactly these variables, whatever .env the checkout has."""
    env_file = folder / "env"
    env_file.write_text("".join(f"{name}={value}\n" for name, value in variables.items()))
    assert COMPOSE
    return subprocess.run(
        [COMPOSE, "--file", "docker-compose.yaml", "--env-file", str(env_file), "config"],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "HOME": str(folder)},
        capture_output=True,
        text=True,
    )


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The whole configuration, as compose understands it."""
    done = run_config(tmp_path_factory.mktemp("compose"), filled())
    assert done.returncode == 0, done.stderr
    loaded: dict[str, Any] = yaml.safe_load(done.stdout)
    return loaded


class TestConfig:
    """What compose itself makes of the file."""

    pytestmark = needs_compose

    @pytest.mark.parametrize("name", REQUIRED)
    def test_config_without_a_required_variable_fails_and_names_it(
        self, name: str, tmp_path: Path
    ) -> None:
        variables = filled()
        del variables[name]
        done = run_config(tmp_path, variables)
        assert done.returncode != 0
        assert f"set {name} in .env" in done.stderr

    def test_config_with_an_empty_secret_fails(self, tmp_path: Path) -> None:
        assert run_config(tmp_path, filled() | {"CRM_DB_PASSWORD": ""}).returncode != 0

    def test_services_every_component_waits_for_the_databases(self, config: dict[str, Any]) -> None:
        services = config["services"]
        for name, command in COMPONENTS.items():
            assert services[name]["command"] == command
            waits = services[name]["depends_on"]
            assert waits["airflow-init"]["condition"] == "service_completed_successfully"
        init = services["airflow-init"]["depends_on"]
        assert {name: wait["condition"] for name, wait in init.items()} == {
            "metadata-db": "service_healthy",
            "crm-db": "service_healthy",
            "redis": "service_healthy",
        }

    def test_services_all_but_one_off_commands_have_health_checks(
        self, config: dict[str, Any]
    ) -> None:
        lasting = set(config["services"]) - {"airflow-init", "mailcrm", "statsd-exporter"}
        assert lasting == {*COMPONENTS, "metadata-db", "crm-db", "redis"}
        assert not [name for name in lasting if "healthcheck" not in config["services"][name]]

    def test_ports_only_the_api_server_and_on_loopback(self, config: dict[str, Any]) -> None:
        ports = {n: s["ports"] for n, s in config["services"].items() if "ports" in s}
        assert ports == {"airflow-apiserver": ["127.0.0.1:8080:8080/tcp"]}

    def test_secrets_never_stand_in_a_command(self, config: dict[str, Any]) -> None:
        secrets = {value for name, value in filled().items() if not name.endswith("USERNAME")}
        for service in config["services"].values():
            shown = str([service.get("command"), service.get("entrypoint"), service["image"]])
            assert not [secret for secret in secrets if secret in shown]

    def test_environment_names_executor_and_two_databases(self, config: dict[str, Any]) -> None:
        environment = config["services"]["airflow-worker"]["environment"]
        assert environment["AIRFLOW__CORE__EXECUTOR"] == "CeleryExecutor"
        assert environment["AIRFLOW__CORE__AUTH_MANAGER"].endswith(".FabAuthManager")
        assert "@metadata-db/" in environment["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"]
        assert "@crm-db/" in environment["MAILCRM_DATABASE_URL"]

    def test_environment_mailcrm_names_are_real_settings(self, config: dict[str, Any]) -> None:
        names = {
            name.removeprefix("MAILCRM_").lower()
            for service in config["services"].values()
            for name in service.get("environment", {})
            if name.startswith("MAILCRM_")
        }
        assert names
        assert names <= set(Settings.model_fields)

    def test_environment_bundles_are_importable_classes(self, config: dict[str, Any]) -> None:
        environment = config["services"]["airflow-dag-processor"]["environment"]
        bundles = json.loads(environment["AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST"])
        assert [bundle["name"] for bundle in bundles] == ["mailboxes", "dags-folder"]
        for bundle in bundles:
            module = importlib.util.find_spec(bundle["classpath"].rpartition(".")[0])
            assert module is not None, bundle

    def test_environment_airflow_names_are_real_options(self, config: dict[str, Any]) -> None:
        import airflow.config_templates
        from airflow.providers.celery.get_provider_info import get_provider_info

        folder = Path(next(iter(airflow.config_templates.__path__)))
        known = yaml.safe_load((folder / "config.yml").read_text())
        known |= get_provider_info()["config"]
        for name in config["services"]["airflow-worker"]["environment"]:
            if name.startswith("AIRFLOW__"):
                _, section, option = name.lower().split("__")
                assert option in known[section]["options"], name


def test_dockerfile_base_image_agrees_with_the_pins() -> None:
    found = re.search(r"^FROM apache/airflow:slim-(.+)-python(.+)$", _dockerfile(), re.MULTILINE)
    assert found
    pins = read_pins("requirements.txt")
    assert pins["apache-airflow"] == {found[1]}
    assert f"mailcrm:airflow-{found[1]}" in COMPOSE_TEXT
    assert tuple(int(part) for part in found[2].split(".")) >= (3, 11)


@pytest.mark.parametrize(
    "package",
    ["apache-airflow-providers-celery", "apache-airflow-providers-fab", "redis", "psycopg"],
)
def test_dockerfile_what_compose_relies_on_is_pinned(package: str) -> None:
    assert package in read_pins("requirements.txt")


def test_dockerfile_copied_paths_exist_and_reach_the_builder() -> None:
    ignored = (ROOT / ".dockerignore").read_text().split()
    copied = re.findall(r"^COPY (?:--\S+ )*(\S+) ", _dockerfile(), re.MULTILINE)
    tracked = [path.relative_to(ROOT).as_posix() for path in tracked_files()]
    needed = {f"{path.split('/')[0]}/" for path in tracked if path.startswith(CODE_PREFIXES)}
    assert set(copied) == {"requirements.txt"} | needed
    assert not [source for source in copied if f"!{source}" not in ignored]


def test_dockerfile_python_path_is_where_the_package_is_copied_to() -> None:
    assert "include/ /opt/airflow/include/" in _dockerfile()
    assert "PYTHONPATH=/opt/airflow/include:/opt/airflow/dags " in _dockerfile()
    assert "PYTHONPATH: /opt/airflow/include:/opt/airflow/dags\n" in COMPOSE_TEXT
    assert (ROOT / "include" / "mailcrm" / "__init__.py").is_file()


def test_env_example_names_every_variable_and_holds_no_secret() -> None:
    text = (ROOT / ".env.example").read_text()
    assert sorted(re.findall(r"^([A-Z_]+)=(.*)$", text, re.MULTILINE)) == [
        (name, "") for name in REQUIRED
    ]
    assert sorted(re.findall(r"^# ([A-Z_]+)=", text, re.MULTILINE)) == OPTIONAL


def _dockerfile() -> str:
    return (ROOT / "Dockerfile").read_text()
