"""The docs name everything that an operator meets, and their links lead somewhere."""

import re
from pathlib import Path

import pytest
import typer
from sqlalchemy import CheckConstraint

from architecture.project import ROOT, short, tracked_files
from mailcrm import errors
from mailcrm.adapters.crm_database.schema import sync_runs
from mailcrm.check.suite import SUITE
from mailcrm.cli.app import app
from mailcrm.records import LedgerState, VerifyState
from mailcrm.settings import Settings

OPERATIONS = (ROOT / "docs" / "operations.md").read_text()
GLOSSARY = (ROOT / "docs" / "glossary.md").read_text()
MARKDOWN = [path for path in tracked_files() if path.suffix == ".md"]
ERRORS = sorted(
    name for name in errors.__all__ if issubclass(getattr(errors, name), errors.MailcrmError)
)
TASKS = ("verify_imap", "verify_smtp", "plan", "fetch", "match", "check", "publish")


def command_names() -> list[str]:
    """Every command of the tree, as typed."""
    found: list[str] = []
    waiting = [("mailcrm", typer.main.get_command(app))]
    while waiting:
        name, command = waiting.pop()
        children = getattr(command, "commands", None)
        if children is None:
            found.append(name)
        else:
            waiting += [(f"{name} {child}", children[child]) for child in children]
    return sorted(found)


def run_states() -> list[str]:
    """The states that the database allows for a run."""
    checks = (rule for rule in sync_runs.constraints if isinstance(rule, CheckConstraint))
    return sorted(state for rule in checks for state in re.findall(r"'(\w+)'", str(rule.sqltext)))


@pytest.mark.parametrize("name", sorted(Settings.model_fields))
def test_operations_setting_is_named_with_its_default(name: str) -> None:
    row = re.search(rf"^\| `MAILCRM_{name.upper()}` \| (.+?) \|", OPERATIONS, re.MULTILINE)
    assert row
    default = Settings.model_fields[name].default
    if default is not None:
        shown = f"{default:g}" if isinstance(default, float) else str(default)
        assert row[1].strip("`") == shown


@pytest.mark.parametrize("name", ERRORS)
def test_operations_error_is_named(name: str) -> None:
    assert f"`{name}`" in OPERATIONS


@pytest.mark.parametrize("name", command_names())
def test_operations_command_is_named(name: str) -> None:
    assert f"`{name}" in OPERATIONS


@pytest.mark.parametrize("state", [state.value for state in VerifyState])
def test_operations_verification_state_is_explained(state: str) -> None:
    assert f"| `{state}` |" in OPERATIONS


@pytest.mark.parametrize("name", sorted(rule.name for rule in SUITE if rule.severity == "row"))
def test_operations_row_rule_is_named(name: str) -> None:
    assert f"`{name}`" in OPERATIONS


@pytest.mark.parametrize("state", run_states())
def test_operations_run_state_is_explained(state: str) -> None:
    assert f"| `{state}` |" in OPERATIONS


@pytest.mark.parametrize("state", [state.value for state in LedgerState])
def test_glossary_ledger_state_is_named(state: str) -> None:
    assert f"`{state}`" in GLOSSARY


@pytest.mark.parametrize("task", TASKS)
def test_readme_task_is_named(task: str) -> None:
    assert f"`{task}`" in (ROOT / "README.md").read_text()


@pytest.mark.parametrize("path", MARKDOWN, ids=short)
def test_links_into_the_repository_lead_somewhere(path: Path) -> None:
    targets = re.findall(r"\]\((?!https?://|#)([^)#]+)(?:#[^)]*)?\)", path.read_text())
    assert not [target for target in targets if not (path.parent / target).exists()]
