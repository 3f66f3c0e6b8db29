"""Files of an evaluation on the local disk."""

from pathlib import Path

import pytest

from mailcrm.adapters.evaluation_files import LocalEvaluationFiles
from mailcrm.errors import SettingsError

FILES = LocalEvaluationFiles()


def test_messages_are_found_below_the_folder_and_sorted(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "a.eml").write_bytes(b"a")
    (tmp_path / "b.eml").write_bytes(b"b")
    (tmp_path / "c.txt").write_bytes(b"c")
    names = FILES.list_messages(tmp_path)
    assert names == ["b.eml", "sub/a.eml"]
    assert list(FILES.read_messages(tmp_path, names)) == [("b.eml", b"b"), ("sub/a.eml", b"a")]


def test_contacts_may_have_more_and_fewer_columns(tmp_path: Path) -> None:
    path = tmp_path / "contacts.csv"
    path.write_text(
        "contact_id,full_name,primary_email,other_emails,tier\n"
        "ada,Ada Byron,ada@acme.example,a@b.example; c@d.example,gold\n"
        "bob,Bob,,,\n"
        ",nobody,x@y.example,,\n",
        encoding="utf-8-sig",
    )
    ada, bob = FILES.read_contacts(path)
    assert [(one.address, one.is_primary) for one in ada.addresses] == [
        ("ada@acme.example", True),
        ("a@b.example", False),
        ("c@d.example", False),
    ]
    assert bob.addresses == ()


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        ("t.csv", b"file,tier\n", "lacks columns contact_id"),
        ("t.csv", b"file,contact_id,tier\n\xff,x,y\n", "is not UTF-8"),
        ("t.csv", None, "cannot be read"),
    ],
)
def test_bad_table_is_refused_in_one_line(
    tmp_path: Path, name: str, content: bytes | None, problem: str
) -> None:
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(SettingsError, match=problem):
        FILES.read_table(path, ("file", "contact_id", "tier"))


def test_short_rows_are_filled_with_empty_fields(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("file,contact_id,tier\na.eml\n", encoding="utf-8")
    assert FILES.read_table(path, ("file",)) == [{"file": "a.eml", "contact_id": "", "tier": ""}]


@pytest.mark.parametrize("line", ["[1]", "{", "7"])
def test_line_that_is_no_object_is_refused(tmp_path: Path, line: str) -> None:
    path = tmp_path / "t.jsonl"
    path.write_text('{"file": "a"}\n\n' + line + "\n", encoding="utf-8")
    with pytest.raises(SettingsError, match="line 3: is no JSON object"):
        FILES.read_lines(path)


def test_folder_without_messages_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"has no \.eml files"):
        FILES.list_messages(tmp_path)
    with pytest.raises(SettingsError, match="no such folder"):
        FILES.list_messages(tmp_path / "absent")
