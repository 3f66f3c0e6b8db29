"""A server that asks for a pause: the task is deferred, and called again."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from acceptance.conftest import Home

pytestmark = pytest.mark.slow

DAG_FILE = '''
import pathlib

from airflow.sdk import DAG

from mailcrm.errors import ThrottledError
from mailcrm_dags.declare import CHORE, declare

CALLS = pathlib.Path(__file__).with_name("calls")


def ask(times: int) -> str:
    """A server that asks for a pause so many times."""
    with CALLS.open("a") as file:
        file.write("x")
    if len(CALLS.read_text()) <= times:
        raise ThrottledError(protocol="imap", host="h", retry_after_s=0.1, detail="slow down")
    return "read"


with DAG("patience", schedule=None, **CHORE) as dag:
    declare(ask, 1, retries=0)(2)
'''
RUN = """
import json, sys
from airflow.dag_processing.bundles.manager import DagBundlesManager
from airflow.dag_processing.dagbag import DagBag
DagBundlesManager().sync_bundles_to_db()
bag = DagBag(sys.argv[1], bundle_name="dags-folder")
assert not bag.import_errors, bag.import_errors
run = next(iter(bag.dags.values())).test()
tasks = {one.task_id: (one.state, one.try_number) for one in run.get_task_instances()}
print("@@" + json.dumps(tasks))
"""


def test_task_of_a_throttling_server_is_deferred_and_uses_no_retry(home: Home, tmp_path: Path):
    folder = tmp_path / "dags"
    folder.mkdir()
    (folder / "patience.py").write_text(DAG_FILE)
    environment = home.environment() | {"AIRFLOW__CORE__DAGS_FOLDER": str(folder)}
    done = subprocess.run(
        [sys.executable, "-c", RUN, str(folder)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    tasks: dict[str, Any] = json.loads(done.stdout.rpartition("@@")[2])
    assert tasks == {"ask": ["success", 1]}
    assert len((folder / "calls").read_text()) == 3
    assert "cannot be called outside" not in done.stdout + done.stderr
    assert "mailcrm.paused" in done.stdout + done.stderr
