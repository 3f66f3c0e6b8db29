"""The local Airflow's environment and files, before anything is started."""

import json
from pathlib import Path

import pytest

from mailcrm.adapters.local_airflow import LocalAirflowProcesses, find_project
from mailcrm.adapters.processes import find_free_port, hold_folder, is_port_free
from mailcrm.errors import SettingsError


@pytest.fixture
def airflow(tmp_path: Path) -> LocalAirflowProcesses:
    """An Airflow that was never started."""
    return LocalAirflowProcesses(tmp_path, "sqlite:///crm.db", 8123)


def test_environment_leaves_a_foreign_airflow_out(
    airflow: LocalAirflowProcesses, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("AIRFLOW_HOME", "elsewhere")
    monkeypatch.setenv("AIRFLOW__CORE__EXECUTOR", "CeleryExecutor")
    monkeypatch.setenv("AIRFLOW_CONN_MAILBOX_SALES_IMAP", "kept")
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    found = airflow._environment()
    assert found["AIRFLOW_HOME"] == str(airflow.folder)
    assert found["AIRFLOW__CORE__EXECUTOR"] == "LocalExecutor"
    assert found["AIRFLOW_CONN_MAILBOX_SALES_IMAP"] == "kept"
    assert "PYTHONDONTWRITEBYTECODE" not in found


def test_environment_listens_on_loopback_only(airflow: LocalAirflowProcesses):
    assert airflow._environment()["AIRFLOW__API__HOST"] == "127.0.0.1"


def test_login_is_generated_once_and_readable_by_its_owner_only(airflow: LocalAirflowProcesses):
    first, second = airflow.login(), airflow.login()
    assert first == second
    assert len(first.password) >= 12
    assert first.password not in repr(first)
    assert (airflow.folder / "passwords.json").stat().st_mode & 0o077 == 0


def test_keys_are_generated_once_and_long_enough(airflow: LocalAirflowProcesses):
    keys = airflow._keys()
    assert airflow._keys() == keys
    assert len(keys["jwt_secret"]) >= 64
    path = airflow.folder / "keys.json"
    assert json.loads(path.read_text()) == keys
    assert path.stat().st_mode & 0o077 == 0


def test_project_named_wrongly_is_a_clear_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("MAILCRM_PROJECT", str(tmp_path))
    with pytest.raises(SettingsError, match="MAILCRM_PROJECT"):
        find_project()


def test_project_of_a_checkout_is_found_by_itself(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("MAILCRM_PROJECT", raising=False)
    assert (find_project() / "dags" / "mailcrm_dags").is_dir()


def test_folder_held_twice_names_the_other_user(tmp_path: Path):
    with (
        hold_folder(tmp_path / "demo"),
        pytest.raises(SettingsError, match="stop it first"),
        hold_folder(tmp_path / "demo"),
    ):
        pass


def test_port_found_free_is_free():
    assert is_port_free(find_free_port())
