"""`mailcrm demo`: a real Airflow, scheduler and all, twice in one home."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from acceptance.conftest import CLEAN, ROOT

# One group: the two demos are run once, by one worker.
pytestmark = pytest.mark.slow


def run_demo(home: Path) -> tuple[dict[str, object], str]:
    """One demo; its JSON document and its progress."""
    done = subprocess.run(
        [sys.executable, "-m", "mailcrm.cli", "demo", "--json"],
        env={**CLEAN, "MAILCRM_HOME": str(home), "PYTHONPATH": str(ROOT / "include")},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=400,
        check=False,
    )
    assert done.returncode == 0, done.stderr + done.stdout
    return json.loads(done.stdout), done.stderr


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory):
    """Two demos in one home."""
    home = tmp_path_factory.mktemp("home")
    return run_demo(home), run_demo(home), home


def test_demo_first_run_publishes_and_balances(runs):
    first = runs[0][0]
    assert first["verify"] == {"imap": "ok", "smtp": "ok"}
    assert first["dag"]["state"] == "success"
    assert sum(first["messages"].values()) == 200
    totals = first["totals"]
    assert totals["balanced"] is True
    assert totals["published"] > 150
    assert (totals["duplicate"], totals["quarantined"]) == (1, 1)
    assert totals["listed"] < 200
    assert first["decisions"]["matched"] > 100
    assert first["decisions"]["ambiguous"] > 0
    assert first["checks"]["held"] is False


def test_demo_second_run_publishes_nothing_new(runs):
    first, second = runs[0][0], runs[1][0]
    assert second["dag"]["state"] == "success"
    assert {folder["generation"] for folder in second["folders"]} == {2}
    assert second["totals"]["published"] == 0
    known = first["totals"]["published"] + first["totals"]["duplicate"]
    assert second["totals"]["duplicate"] == known
    assert second["totals"]["listed"] == first["totals"]["listed"]


def test_demo_shows_every_task_as_it_ends(runs):
    progress = runs[0][1]
    tasks = ("verify_imap", "verify_smtp", "plan", "fetch", "match", "check", "publish")
    assert all(f"{task}" in progress for task in tasks)


def test_demo_leaves_secrets_in_files_of_their_owner_only(runs):
    home = runs[2]
    for name in ("airflow/keys.json", "airflow/passwords.json"):
        assert (home / name).stat().st_mode & 0o077 == 0, name
    assert (home / "airflow").stat().st_mode & 0o077 == 0
