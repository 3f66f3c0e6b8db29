"""SQL text is written in the database adapters only; everything else hands over values."""

import ast
from pathlib import Path

import pytest

from architecture.project import ROOT, code_files, short

SENDERS = {"exec_driver_sql", "text", "literal_column", "from_statement"}
# Their texts are made of names of ours; values are bound.
ADAPTERS = (
    "include/mailcrm/adapters/crm_database/",
    "include/mailcrm/adapters/expectations/",
    "include/mailcrm/adapters/staging/",
    "include/mailcrm/adapters/quarantine/",
)


@pytest.mark.row("R198")
@pytest.mark.parametrize("path", code_files(), ids=short)
def test_sql_text_is_written_in_the_database_adapters_only(path: Path) -> None:
    source = path.read_text()
    if path.relative_to(ROOT).as_posix().startswith(ADAPTERS):
        return
    nodes = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)]
    called = {
        node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        for node in nodes
    }
    imports = "sqlalchemy" in source
    assert not (imports and called & SENDERS)
