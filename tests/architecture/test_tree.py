"""The shape of the repository: sizes, names, and what must not be in it."""

import ast
import re
import sys
from pathlib import Path

import pytest

from architecture.project import (
    ROOT,
    code_files,
    parse,
    read_pins,
    read_wanted,
    short,
    tracked_files,
)

MACHINE_PATH = re.compile(r"(?<![\w./-])/(?:work|root)/|/home/(?!airflow/)\w+/|/Users/\w+/")
INDEX_ADDRESS = re.compile(
    r"--(?:extra-)?index-url|--find-links|pypi\.org/simple|files\.pythonhosted\.org"
)
THIS_FILE = Path(__file__)
UNFINISHED = re.compile(r"\b(?:TODO|FIXME|XXX|HACK)\b|raise NotImplementedError")


def texts() -> list[tuple[str, str]]:
    """Every tracked text file but this one, which holds the patterns."""
    found = []
    for path in tracked_files():
        if path == THIS_FILE:
            continue
        data = path.read_bytes()
        if b"\0" not in data:
            found.append((short(path), data.decode("utf-8", errors="replace")))
    return found


def is_migration(path: Path) -> bool:
    """Migrations are a record that Alembic wrote (docs/adr/0001)."""
    return path.parent.name == "versions"


@pytest.mark.parametrize("path", [p for p in code_files() if not is_migration(p)], ids=short)
def test_code_file_and_functions_stay_within_limits(path: Path) -> None:
    line_count = len(path.read_text().splitlines())
    assert line_count <= 300
    too_long = [
        f"{node.name}: {(node.end_lineno or node.lineno) - node.lineno + 1} lines"
        for node in ast.walk(parse(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (node.end_lineno or node.lineno) - node.lineno + 1 > 40
    ]
    assert not too_long


def test_code_whole_tree_is_finished() -> None:
    assert not [
        f"{short(path)}:{number}"
        for path in code_files()
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if UNFINISHED.search(line)
    ]


def test_readme_length_stays_readable() -> None:
    assert len((ROOT / "README.md").read_text().splitlines()) <= 150


def test_tracked_files_name_no_machine_and_no_index() -> None:
    found = [
        f"{name}: {hit[0]}"
        for name, text in texts()
        for pattern in (MACHINE_PATH, INDEX_ADDRESS)
        if (hit := pattern.search(text))
    ]
    assert not found


def test_importable_names_shadow_no_standard_module() -> None:
    """Absolute imports make deeper names harmless; those below an import root would shadow."""
    roots = ("include", "dags", "plugins", "tests")
    names = {
        path.relative_to(ROOT / root).parts[0].removesuffix(".py"): short(path)
        for root in roots
        for path in tracked_files()
        if path.suffix == ".py" and path.is_relative_to(ROOT / root)
    }
    assert not {where for name, where in names.items() if name in sys.stdlib_module_names}


@pytest.mark.parametrize("name", ["requirements", "requirements-dev", "requirements-cluster"])
def test_pins_every_wanted_package_is_pinned(name: str) -> None:
    assert not read_wanted(f"{name}.in") - set(read_pins(f"{name}.txt"))


@pytest.mark.parametrize("name", ["requirements-dev", "requirements-cluster"])
def test_pins_larger_set_contains_the_runtime_set(name: str) -> None:
    runtime, larger = read_pins("requirements.txt"), read_pins(f"{name}.txt")
    assert not {package for package, pins in runtime.items() if larger.get(package) != pins}


def test_pins_packages_of_pyproject_are_wanted() -> None:
    text = (ROOT / "pyproject.toml").read_text()
    block = text.split("dependencies = [", 1)[1].split("]\n", 1)[0]
    declared = {found.lower() for found in re.findall(r'"([A-Za-z0-9._-]+)', block)}
    assert declared
    assert not declared - read_wanted("requirements.in")
