"""The benchmark runs, measures what it says, and carries on with what it has measured already."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.needs_dovecot


def bench(folder: Path) -> str:
    command = [sys.executable, str(ROOT / "benchmarks" / "sync.py"), "--messages", "50"]
    command += ["--case", "attachments", "--folder", str(folder)]
    environment = {**os.environ, "PYTHONPATH": f"{ROOT / 'tests'}"}
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_bench_measures_once_and_then_carries_on(tmp_path: Path) -> None:
    shown = bench(tmp_path)
    assert "attachments: 20 messages" in shown
    stored = json.loads(next(tmp_path.glob("*-50.json")).read_text())
    (run,) = stored["cases"]["attachments"]["mailcrm SQLite"]
    assert run["detail"]["totals"]["published"] == 20
    assert run["detail"]["bytes_received"] < stored["cases"]["attachments"]["mailbox"]["bytes"] / 5
    assert run["cpu_s"] > 0
    again = bench(tmp_path)
    assert "mailcrm SQLite" in again
    assert json.loads(next(tmp_path.glob("*-50.json")).read_text()) == stored
