"""Reads contacts out of a CSV file: all of it, or one clear line about what is wrong."""

import csv
import re
from collections.abc import Iterator
from io import StringIO
from pathlib import Path

from mailcrm.adapters.addresses import check_address, check_domain
from mailcrm.errors import SettingsError
from mailcrm.records import Contact, ContactAddress

__all__ = ["COLUMNS", "read_contacts_file"]

COLUMNS = ("contact_id", "full_name", "primary_email", "other_emails", "company", "domain")
REQUIRED = ("contact_id", "full_name", "primary_email")
MAX_FILE_BYTES = 256 * 1024 * 1024
MAX_FIELD_CHARS = 1000
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f\u2028\u2029]")


def read_contacts_file(path: Path) -> list[Contact]:
    """Read a contacts file, in its order.

    Columns: contact_id, full_name, primary_email, and, where present, other_emails (separated by
    `;`), company and domain, in any order. UTF-8 with or without a byte order mark; empty lines
    are skipped. A contact may have no address.

    Raises:
        SettingsError: one line that names the file and the line number.
    """
    source = path.name
    reader = csv.reader(StringIO(_read_text(path), newline=""), strict=True)
    contacts: dict[str, tuple[int, Contact]] = {}
    try:
        columns = _check_header(next(reader, []), source)
        for number, row in _numbered(reader):
            contact = _read_row(dict(zip(columns, row, strict=False)), row, columns, number, source)
            if contact.contact_id in contacts:
                first = contacts[contact.contact_id][0]
                raise _refuse(source, number, f"contact_id is there twice, first in line {first}")
            contacts[contact.contact_id] = (number, contact)
    except csv.Error as error:
        raise _refuse(source, reader.line_num, f"is no valid CSV: {error}") from None
    if not contacts:
        problem = "there is a header, but no contact below it; nothing was imported"
        raise _refuse(source, reader.line_num, problem)
    return [contact for _, contact in contacts.values()]


def _numbered(reader: Iterator[list[str]]) -> Iterator[tuple[int, list[str]]]:
    """Rows with the number of the line that each begins on, without the empty ones."""
    begins = reader.line_num + 1  # type: ignore[attr-defined]
    for row in reader:
        if row:
            yield begins, row
        begins = reader.line_num + 1  # type: ignore[attr-defined]


def _read_text(path: Path) -> str:
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            problem = f"is larger than {MAX_FILE_BYTES // 1024**2} MB; split it"
            raise SettingsError(where=str(path), problem=problem)
        raw = path.read_bytes()
    except FileNotFoundError:
        raise SettingsError(where=str(path), problem="no such file") from None
    except IsADirectoryError:
        raise SettingsError(where=str(path), problem="is a folder, not a file") from None
    except (OSError, ValueError) as error:
        problem = f"cannot be read: {getattr(error, 'strerror', None) or 'no such path'}"
        raise SettingsError(where=str(path), problem=problem) from None
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise _refuse(path.name, line, "is not UTF-8; save the file as UTF-8") from None


def _check_header(header: list[str], source: str) -> list[str]:
    names = [name.strip().lower() for name in header]
    if len(names) == 1 and (";" in names[0] or "\t" in names[0]):
        raise _refuse(source, 1, "columns must be separated by commas")
    missing = [name for name in REQUIRED if name not in names]
    if missing:
        problem = f"the header lacks {', '.join(missing)}; it must be {','.join(COLUMNS)}"
        raise _refuse(source, 1, problem)
    unknown = [name for name in names if name not in COLUMNS]
    if unknown:
        shown = ", ".join(repr(name[:40]) for name in unknown[:5])
        raise _refuse(source, 1, f"unknown columns {shown}; known are {','.join(COLUMNS)}")
    if len(set(names)) != len(names):
        raise _refuse(source, 1, "a column is there twice")
    return names


def _read_row(
    fields: dict[str, str], row: list[str], columns: list[str], number: int, source: str
) -> Contact:
    if len(row) != len(columns):
        what = "more" if len(row) > len(columns) else "fewer"
        problem = f"has {what} fields ({len(row)}) than the header ({len(columns)})"
        raise _refuse(source, number, f"{problem}; a comma inside a field needs quotes")
    for name, text in fields.items():
        if _CONTROL.search(text):
            raise _refuse(source, number, f"{name} holds a line break or control character")
        if len(text) > MAX_FIELD_CHARS and name != "other_emails":
            raise _refuse(source, number, f"{name} is longer than {MAX_FIELD_CHARS} characters")
    contact_id = fields["contact_id"].strip()
    if not contact_id:
        raise _refuse(source, number, "contact_id is missing")
    addresses = _read_addresses(fields, number, source)
    domain = fields.get("domain", "").strip()
    if domain:
        try:
            domain = check_domain(domain)
        except ValueError as error:
            raise _refuse(source, number, f"domain {error}") from None
    return Contact(
        contact_id=contact_id,
        full_name=fields["full_name"].strip(),
        company=fields.get("company", "").strip(),
        domain=domain,
        addresses=addresses,
    )


def _read_addresses(fields: dict[str, str], number: int, source: str) -> tuple[ContactAddress, ...]:
    found: dict[str, ContactAddress] = {}
    given = [("primary_email", fields["primary_email"])]
    given += [("other_emails", text) for text in fields.get("other_emails", "").split(";")]
    for name, text in given:
        if not text.strip():
            continue
        try:
            address = check_address(text)
        except ValueError as error:
            raise _refuse(source, number, f"{name} {error}") from None
        key = address.lower()
        if key not in found:
            found[key] = ContactAddress(address, is_primary=name == "primary_email")
    return tuple(found.values())


def _refuse(source: str, line: int, problem: str) -> SettingsError:
    return SettingsError(where=f"{source}: line {line}", problem=problem)
