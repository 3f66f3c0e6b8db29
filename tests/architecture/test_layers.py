"""Who may import whom, and what a DAG file may hold (docs/adr/0001)."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

from architecture.project import ROOT, code_files, parse, short

HEAVY = {"great_expectations", "pandas", "numpy", "scipy"}
DAG_FILES = sorted((ROOT / "dags").glob("*.py"))
DAG_MAY_IMPORT = {"airflow", "mailcrm_dags"}  # beside the standard library
DAG_MAY_NOT_IMPORT = {
    "http", "imaplib", "os", "shutil", "smtplib", "socket", "sqlite3", "ssl", "subprocess",
    "urllib",
}  # fmt: skip
DAG_MAY_NOT_NAME = {
    "BaseHook", "Connection", "Session", "Variable", "create_engine", "connect", "get_connection",
    "getenv", "urlopen",
}  # fmt: skip


def imported_modules(nodes: list[ast.AST]) -> set[str]:
    """Full names of the modules that these import statements bring in."""
    names: set[str] = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
    return names


def module_level(tree: ast.Module) -> list[ast.AST]:
    """Every node that runs on import: all but the bodies of functions."""
    found: list[ast.AST] = []
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        found.append(node)
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            waiting.extend(ast.iter_child_nodes(node))
    return found


def test_import_contracts_whole_tree_are_kept() -> None:
    script = Path(sys.executable).with_name("lint-imports")
    folders = {"PYTHONPATH": "include:dags:plugins"}
    done = subprocess.run(
        [str(script)], cwd=ROOT, env=os.environ | folders, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("path", code_files(), ids=short)
def test_module_on_import_brings_in_nothing_heavy(path: Path) -> None:
    modules = imported_modules(module_level(parse(path)))
    assert not {name for name in modules if name.split(".")[0] in HEAVY}


def test_dag_files_folder_holds_some() -> None:
    assert DAG_FILES


@pytest.mark.parametrize("path", DAG_FILES, ids=short)
def test_dag_file_is_short_and_declares_only(path: Path) -> None:
    tree = parse(path)
    nodes = list(ast.walk(tree))
    assert len(path.read_text().splitlines()) <= 150
    roots = {name.split(".")[0] for name in imported_modules(nodes)}
    assert roots - sys.stdlib_module_names <= DAG_MAY_IMPORT
    assert not roots & DAG_MAY_NOT_IMPORT
    names = {node.id for node in nodes if isinstance(node, ast.Name)}
    names |= {node.attr for node in nodes if isinstance(node, ast.Attribute)}
    assert not names & DAG_MAY_NOT_NAME


@pytest.mark.row("R215")
@pytest.mark.parametrize("path", code_files(), ids=short)
def test_imports_mail_goes_through_our_own_adapters_not_airflows_hooks(path: Path) -> None:
    imported = imported_modules(list(ast.walk(parse(path))))
    hooks = ("airflow.providers.imap", "airflow.providers.smtp")
    assert not [name for name in imported if name.startswith(hooks)]
