"""Parsing of the real DAG files, each time in a fresh process."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

os.environ.setdefault("AIRFLOW_HOME", tempfile.mkdtemp(prefix="mailcrm-airflow-"))

from mailcrm_dags.shards import STUB

ROOT = Path(__file__).parents[2]
PROBE = Path(__file__).with_name("parse_probe.py")

Parse = Callable[..., dict[str, Any]]


@pytest.fixture(scope="session")
def parse(tmp_path_factory: pytest.TempPathFactory) -> Parse:
    """parse(rows, **environment): what one shard of the bundle makes of registry entries.

    `rows` is a list of entries, or a text written as it is.
    """
    airflow_home = tmp_path_factory.mktemp("airflow")

    def run(rows: list[Any] | str, **environment: str) -> dict[str, Any]:
        folder = tmp_path_factory.mktemp("shards")
        text = rows if isinstance(rows, str) else json.dumps(rows)
        (folder / "mailboxes_000.json").write_text(text)
        (folder / "mailboxes_000.py").write_text(STUB.format(digest="0"))
        env = {
            **{k: v for k, v in os.environ.items() if not k.startswith("AIRFLOW")},
            "AIRFLOW_HOME": str(airflow_home),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__API__BASE_URL": "https://airflow.acme.example",
            "PYTHONPATH": os.pathsep.join([str(ROOT / "include"), str(ROOT / "dags")]),
            **environment,
        }
        done = subprocess.run(
            [sys.executable, str(PROBE), str(folder)],
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
        "provider": "gmail",
        "pool": "imap_gmail",
        "pool_slots": 30,
        "connections": 15,
        **changes,
    }
