"""A home with a migrated CRM, and DAG runs in a process of their own."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from mailcrm.adapters.local_airflow import FIXED_SETTINGS

ROOT = Path(__file__).parents[2]
RUNNER = Path(__file__).with_name("run_dag.py")
BUNDLES = FIXED_SETTINGS["AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST"]
CLEAN = {
    name: value
    for name, value in os.environ.items()
    if not name.startswith(("AIRFLOW", "MAILCRM_")) and name != "PYTHONDONTWRITEBYTECODE"
}


@dataclass
class Home:
    """One MAILCRM_HOME with its own Airflow metadata."""

    path: Path
    airflow_home: Path
    connections: dict[str, str] = field(default_factory=dict)

    @property
    def database(self) -> Path:
        """The CRM's SQLite file."""
        return self.path / "mailcrm.db"

    def environment(self) -> dict[str, str]:
        """What every process of this home gets."""
        return {
            **CLEAN,
            "MAILCRM_HOME": str(self.path),
            "AIRFLOW_HOME": str(self.airflow_home),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "dags"),
            "AIRFLOW__CORE__PLUGINS_FOLDER": str(ROOT / "plugins"),
            "AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_STORAGE_PATH": str(self.path / "bundles"),
            "AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST": BUNDLES,
            "AIRFLOW__API_AUTH__JWT_SECRET": "for-tests-only-" * 6,
            "AIRFLOW__WORKERS__EXECUTION_API_TIMEOUT": "30",
            "PYTHONPATH": os.pathsep.join([str(ROOT / "include"), str(ROOT / "dags")]),
            **self.connections,
        }

    def set_credential(self, mailbox_id: str, direction: str, login: str, password: str) -> None:
        """Give one direction a connection."""
        name = f"AIRFLOW_CONN_MAILBOX_{mailbox_id}_{direction}".upper()
        self.connections[name] = json.dumps(
            {"conn_type": direction, "login": login, "password": password}
        )

    def mailcrm(self, *arguments: str) -> dict[str, Any]:
        """Run a command with --json; the document, whatever the exit code."""
        command = [sys.executable, "-m", "mailcrm.cli", *arguments, "--json"]
        done = self._run(command, None)
        assert done.stdout, done.stderr
        return json.loads(done.stdout)

    def run_dags(self, runs: Sequence[tuple[str, Mapping[str, object]]]) -> list[dict[str, Any]]:
        """Run DAGs of mailboxes, one after the other: (mailbox id, params) each."""
        return self.run_dag_ids([(f"mailbox__{name}", conf) for name, conf in runs])

    def run_dag_ids(self, runs: Sequence[tuple[str, Mapping[str, object]]]) -> list[dict[str, Any]]:
        """Run any DAGs, one after the other: (DAG id, params) each."""
        wanted = [{"dag_id": dag_id, "conf": dict(conf)} for dag_id, conf in runs]
        done = self._run([sys.executable, str(RUNNER)], json.dumps(wanted))
        self.log = done.stdout + done.stderr
        (self.path / "dag.log").write_text(self.log)  # pytest keeps the folders of failed tests
        assert done.returncode == 0, done.stderr[-3000:]
        return json.loads(done.stdout.rpartition("\n@@")[2])

    def run_python(self, program: str) -> None:
        """Run a program as a component of Airflow that reads its database, such as a server."""
        done = self._run(
            [sys.executable, "-c", program], None, {"_AIRFLOW_PROCESS_CONTEXT": "server"}
        )
        assert done.returncode == 0, done.stderr[-3000:]

    def add_airflow_connection(self, name: str, fields: Mapping[str, object]) -> None:
        """Keep a connection in Airflow's own database, and nowhere else."""
        text = json.dumps(fields)
        command = ["connections", "add", name, "--conn-json", text]
        self._run([sys.executable, "-m", "airflow", "connections", "delete", name], None)
        done = self._run([sys.executable, "-m", "airflow", *command], None)
        assert done.returncode == 0, done.stderr[-3000:]

    def _run(
        self, command: list[str], stdin: str | None, more: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command,
            env={**self.environment(), **(more or {})},
            cwd=self.path,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )


@pytest.fixture(scope="session")
def airflow_metadata(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An AIRFLOW_HOME with a migrated database, for the whole session."""
    folder = tmp_path_factory.mktemp("airflow")
    env = {**CLEAN, "AIRFLOW_HOME": str(folder), "AIRFLOW__CORE__LOAD_EXAMPLES": "False"}
    subprocess.run(
        [sys.executable, "-m", "airflow", "db", "migrate"],
        env=env,
        check=True,
        capture_output=True,
        timeout=120,
    )
    return folder


@pytest.fixture
def home(tmp_path: Path, airflow_metadata: Path) -> Home:
    """An empty home with migrated CRM tables."""
    found = Home(tmp_path, airflow_metadata)
    assert "error" not in found.mailcrm("db", "upgrade")
    return found
