"""A server that is not installed is named, and fails the session where servers are required."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from architecture.project import ROOT

SESSION = """
import pytest

def test_server_missing_is_skipped():
    pytest.skip("not installed: gopherd")

@pytest.mark.parametrize("number", [1, 2])
def test_server_missing_by_mark_is_skipped(number):
    pytest.importorskip("mailcrm_no_such_module", reason="not installed: veronica")

def test_corpus_absent_is_skipped():
    pytest.skip("../shared/corpora is absent")

def test_something_passes():
    pass
"""


def run_session(
    folder: Path, environment: dict[str, str], *options: str
) -> subprocess.CompletedProcess[str]:
    """One pytest session with the plugin alone, in a folder of its own."""
    (folder / "test_session.py").write_text(SESSION)
    clean = {
        name: value
        for name, value in os.environ.items()
        if name not in ("CI", "MAILCRM_REQUIRE_SERVERS") and not name.startswith("PYTEST")
    }
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "plugin_required", "--rootdir", str(folder),
         "-c", os.devnull, *options, str(folder)],
        cwd=folder,
        env=clean | {"PYTHONPATH": str(ROOT / "tests")} | environment,
        capture_output=True,
        text=True,
    )  # fmt: skip


def test_session_where_servers_are_optional_passes_and_names_them(tmp_path: Path) -> None:
    done = run_session(tmp_path, {})
    assert done.returncode == 0, done.stdout
    tail = done.stdout.splitlines()[-4:]
    assert "gopherd: 1 skipped" in tail
    assert "veronica: 2 skipped" in tail


@pytest.mark.parametrize("name", ["CI=true", "MAILCRM_REQUIRE_SERVERS=1"])
@pytest.mark.parametrize("options", [(), ("-n", "2")], ids=["one process", "workers"])
def test_session_where_servers_are_required_fails(
    tmp_path: Path, name: str, options: tuple[str, ...]
) -> None:
    variable, value = name.split("=")
    done = run_session(tmp_path, {variable: value}, *options)
    assert done.returncode == 1, done.stdout
    assert "this run fails" in done.stdout


def test_session_with_other_skips_only_passes_where_servers_are_required(tmp_path: Path) -> None:
    done = run_session(tmp_path, {"CI": "true"}, "-k", "corpus or passes")
    assert done.returncode == 0, done.stdout
