"""A thousand watched mailboxes in one process, over TLS: what the bound on its memory is."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARK = Path(__file__).parents[2] / "benchmarks" / "watchers.py"


@pytest.mark.slow
def test_watch_a_thousand_mailboxes_tell_each_of_their_own_within_half_a_gigabyte() -> None:
    command = [sys.executable, str(BENCHMARK), "--mailboxes", "1000", "--idle-s", "0.1"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    measured = json.loads(done.stdout)
    assert measured["mailboxes"] == 1000
    assert measured["rss_mb"] <= 500
