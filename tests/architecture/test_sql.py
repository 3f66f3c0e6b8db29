"""SQL is built by SQLAlchemy; text goes to the database as it stands in the source."""

import ast
from pathlib import Path

import pytest

from architecture.project import ROOT, code_files, short

SENDERS = {"exec_driver_sql", "text", "literal_column", "from_statement"}
# Where SQL is put together from names of ours, and why no value can reach it.
PUT_TOGETHER = {
    "include/mailcrm/adapters/crm_database/bulk.py": "names of our own tables and columns",
    "include/mailcrm/adapters/crm_database/contact_keys.py": "two constants",
    "include/mailcrm/adapters/crm_database/contacts_query.py": "the operator's own SELECT",
    "include/mailcrm/adapters/expectations/gate.py": "queries of our rules, compiled as well",
    "include/mailcrm/adapters/expectations/validation.py": "a query that SQLAlchemy compiled",
}


def _is_fixed(node: ast.expr) -> bool:
    """Text that stands in the source, or a choice between such texts."""
    if isinstance(node, ast.IfExp):
        return _is_fixed(node.body) and _is_fixed(node.orelse)
    if isinstance(node, ast.Name):
        return node.id.isupper() or node.id.startswith("_")
    return isinstance(node, ast.Constant)


@pytest.mark.row("R198")
@pytest.mark.parametrize("path", code_files(), ids=short)
def test_sql_text_is_never_made_of_values(path: Path) -> None:
    source = path.read_text()
    if path.relative_to(ROOT).as_posix() in PUT_TOGETHER or "sqlalchemy" not in source:
        return
    found = [
        f"line {node.lineno}"
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Call)
        and (
            (isinstance(node.func, ast.Attribute) and node.func.attr in SENDERS)
            or (isinstance(node.func, ast.Name) and node.func.id in SENDERS)
        )
        and node.args
        and not _is_fixed(node.args[0])
    ]
    assert found == []


def test_sql_exceptions_are_still_needed() -> None:
    for name in PUT_TOGETHER:
        assert (ROOT / name).exists(), name
