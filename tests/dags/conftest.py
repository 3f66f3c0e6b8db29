"""Parsing of the real DAG files, each time in a fresh process."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
PROBE = Path(__file__).with_name("parse_probe.py")

Parse = Callable[..., dict[str, Any]]


@pytest.fixture(scope="session")
def parse(tmp_path_factory: pytest.TempPathFactory) -> Parse:
    """parse(snapshot, **environment): what the DAG files make of a registry snapshot.

    `snapshot` is a list of entries, a text written as it is, or None for no file at all.
    """
    airflow_home = tmp_path_factory.mktemp("airflow")

    def run(snapshot: list[Any] | str | None, **environment: str) -> dict[str, Any]:
        home = tmp_path_factory.mktemp("home")
        if snapshot is not None:
            text = snapshot if isinstance(snapshot, str) else json.dumps(snapshot)
            (home / "registry.json").write_text(text)
        env = {
            **{k: v for k, v in os.environ.items() if not k.startswith("AIRFLOW")},
            "AIRFLOW_HOME": str(airflow_home),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "MAILCRM_HOME": str(home),
            # Airflow puts the DAG folder on the path of its processes.
            "PYTHONPATH": os.pathsep.join([str(ROOT / "include"), str(ROOT / "dags")]),
            **environment,
        }
        done = subprocess.run(
            [sys.executable, str(PROBE), str(ROOT / "dags")],
            env=env,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stderr[-3000:]
        return json.loads(done.stdout.rpartition("\n@@")[2])

    return run


def entry(mailbox_id: str, **changes: object) -> dict[str, object]:
    """One entry of the snapshot, as the registry writes it."""
    return {
        "id": mailbox_id,
        "address": f"{mailbox_id}@acme.example",
        "display_name": mailbox_id.title(),
        "schedule": "*/15 * * * *",
        "folders": ["INBOX", "Sent"],
        "state": "active",
        **changes,
    }
