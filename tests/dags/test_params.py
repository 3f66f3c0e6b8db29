"""What a person may set on a run: dates, folders and a switch; never hosts, users or secrets."""

import ast
import types
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk.exceptions import ParamValidationError
from hypothesis import given
from hypothesis import strategies as st

from mailcrm.errors import SettingsError
from mailcrm_dags.form import mailbox_params, read_folders, read_midnight
from mailcrm_dags.runs import check_params

GLUE = Path(__file__).parents[2] / "dags" / "mailcrm_dags"
NAMES = {"since", "until", "folders", "round_trip"}
ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)


@pytest.mark.row("R195")
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("since", 20261101),
        ("since", "soon"),
        ("until", ["2026-11-01"]),
        ("until", "2026-11-01'; DROP TABLE crm_messages; --"),
        ("folders", "INBOX"),
        ("folders", [1]),
        ("folders", {"INBOX": True}),
        ("round_trip", "yes"),
        ("round_trip", 1),
    ],
)
def test_param_of_a_wrong_type_is_refused_by_the_form(name: str, value: object) -> None:
    with pytest.raises(ParamValidationError):
        mailbox_params()[name].resolve(value)


@pytest.mark.row("R195")
@pytest.mark.parametrize(
    "conf",
    [
        {"host": "imap.evil.example"},
        {"imap": {"host": "imap.evil.example"}, "since": "2026-11-01"},
        {"password": "x"},
        {"mailbox_id": "other"},
        {"Since": "2026-11-01"},
        {"batch_id": "x"},
    ],
)
def test_run_with_a_param_that_nobody_reads_is_refused(conf: dict[str, object]) -> None:
    context = {"dag_run": types.SimpleNamespace(conf=conf)}
    with pytest.raises(SettingsError, match="params of the run"):
        check_params(context)


@pytest.mark.row("R195")
@given(value=ANY)
def test_reading_any_value_gives_dates_and_names_or_an_error_of_ours(value: Any) -> None:
    try:
        midnight = read_midnight({"since": value}, "since")
    except SettingsError:
        midnight = None
    assert midnight is None or (midnight.hour, str(midnight.tzinfo)) == (0, "UTC")
    if value is None or isinstance(value, list):  # what the form lets through
        folders = read_folders({"folders": value})
        assert folders is None or all(isinstance(name, str) and name for name in folders)


@pytest.mark.row("R195", "R196")
def test_glue_reads_no_other_params_and_templates_nothing_of_ours() -> None:
    read: set[str] = set()
    templates: set[str] = set()
    for path in GLUE.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                is_params = ast.unparse(node.func).endswith(("params.get", "params'].get"))
                if is_params and isinstance(node.args[0], ast.Constant):
                    read.add(str(node.args[0].value))
            if isinstance(node, ast.Constant) and "{{" in str(node.value):
                templates.add(str(node.value))
    assert read <= NAMES
    assert set(mailbox_params()) == NAMES
    # The only template is a fixed text; what it shows is a value, and is not rendered again.
    assert templates == {"{{ task.op_kwargs['part']['label'] }}"}
