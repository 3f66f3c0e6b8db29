"""Reads the files of an evaluation from the local disk."""

import csv
import json
from collections.abc import Iterator, Mapping, Sequence
from io import StringIO
from pathlib import Path
from typing import Any

from mailcrm.errors import SettingsError
from mailcrm.records import Contact, ContactAddress

__all__ = ["LocalEvaluationFiles"]


class LocalEvaluationFiles:
    """See `mailcrm.ports.evaluation.EvaluationFiles`."""

    def list_messages(self, folder: Path) -> Sequence[str]:
        """Names of all .eml files below a folder, relative to it, sorted."""
        if not folder.is_dir():
            raise SettingsError(where=str(folder), problem="no such folder")
        found = (path for path in folder.rglob("*.eml") if path.is_file())
        names = sorted(path.relative_to(folder).as_posix() for path in found)
        if not names:
            raise SettingsError(where=str(folder), problem="has no .eml files")
        return names

    def read_messages(self, folder: Path, names: Sequence[str]) -> Iterator[tuple[str, bytes]]:
        """The files' bytes, in the order of the names."""
        for name in names:
            yield name, _read_bytes(folder / name)

    def read_contacts(self, path: Path) -> Sequence[Contact]:
        """Contacts of a CSV file; columns that contacts do not have are ignored."""
        rows = self.read_table(path, ("contact_id", "full_name", "primary_email"))
        return [_read_contact(row) for row in rows if row["contact_id"]]

    def read_table(self, path: Path, required: Sequence[str]) -> Sequence[Mapping[str, str]]:
        """Rows of a CSV file that has at least these columns; missing fields are empty."""
        reader = csv.DictReader(StringIO(_read_text(path), newline=""), restval="")
        try:
            missing = [name for name in required if name not in (reader.fieldnames or ())]
            if missing:
                raise SettingsError(where=str(path), problem=f"lacks columns {', '.join(missing)}")
            return [{k: v.strip() for k, v in row.items() if k is not None} for row in reader]
        except csv.Error as error:
            where = f"{path}: line {reader.line_num}"
            raise SettingsError(where=where, problem=f"is no valid CSV: {error}") from None

    def read_lines(self, path: Path) -> Sequence[Mapping[str, Any]]:
        """Objects of a file with one JSON object a line."""
        found: list[Mapping[str, Any]] = []
        for number, line in enumerate(_read_text(path).split("\n"), start=1):
            if not line.strip():
                continue
            try:
                row = json.loads(line)
            except ValueError:
                row = None
            if not isinstance(row, dict):
                raise SettingsError(where=f"{path}: line {number}", problem="is no JSON object")
            found.append(row)
        return found


def _read_contact(row: Mapping[str, str]) -> Contact:
    others = (text.strip() for text in row.get("other_emails", "").split(";"))
    addresses = [ContactAddress(row["primary_email"], is_primary=True)]
    addresses += [ContactAddress(text, is_primary=False) for text in others]
    return Contact(
        contact_id=row["contact_id"],
        full_name=row["full_name"],
        company=row.get("company", ""),
        domain=row.get("domain", ""),
        addresses=tuple(one for one in addresses if one.address),
    )


def _read_text(path: Path) -> str:
    try:
        return _read_bytes(path).decode("utf-8-sig")
    except UnicodeDecodeError:
        raise SettingsError(where=str(path), problem="is not UTF-8") from None


def _read_bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise SettingsError(where=str(path), problem=f"cannot be read: {error.strerror}") from None
