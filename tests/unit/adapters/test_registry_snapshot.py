"""The copy of the registry, for people and backups."""

import datetime as dt
import json
from pathlib import Path

import pytest

from mailcrm.adapters.files_store import FolderStore
from mailcrm.adapters.registry_snapshot import write_snapshot
from mailcrm.errors import SettingsError
from mailcrm.records import Backfill, Encryption, Endpoint, Mailbox, MailboxState, Ownership
from mailcrm.records.registry import RegistryEntry

NOW = dt.datetime(2026, 11, 20, tzinfo=dt.UTC)


def entry(
    name: str, state: MailboxState = MailboxState.ACTIVE, error: str | None = None
) -> RegistryEntry:
    server = Endpoint("mail.acme.example", 993, Encryption.TLS)
    mailbox = Mailbox(
        id=name,
        address=f"{name}@acme.example",
        display_name="Büro",
        imap=server,
        smtp=server,
        folders=("INBOX",),
        backfill=Backfill(days=3),
        schedule="0 * * * *",
        ownership=Ownership.PERSONAL,
    )
    return RegistryEntry(
        mailbox_id=name,
        address=mailbox.address,
        state=state,
        connected_at=NOW,
        updated_at=NOW,
        mailbox=None if error else mailbox,
        error=error,
        health={},
    )


def test_snapshot_is_sorted_and_shows_each_mailbox(tmp_path: Path) -> None:
    home = tmp_path / "not" / "yet"
    write_snapshot(FolderStore(home), [entry("b"), entry("a", MailboxState.PAUSED)])
    rows = json.loads((home / "registry.json").read_text(encoding="utf-8"))
    assert [row["id"] for row in rows] == ["a", "b"]
    assert rows[0] == {
        "id": "a",
        "address": "a@acme.example",
        "display_name": "Büro",
        "state": "paused",
        "folders": ["INBOX"],
        "schedule": "0 * * * *",
        "ownership": "personal",
        "owner_team": None,
        "backfill": "3 days before it was connected",
    }


def test_snapshot_leaves_removed_out_and_shows_wrong_entries(tmp_path: Path) -> None:
    entries = [entry("a", MailboxState.REMOVED), entry("b", error="mailbox b: id is missing")]
    write_snapshot(FolderStore(tmp_path), entries)
    rows = json.loads((tmp_path / "registry.json").read_text(encoding="utf-8"))
    assert [(row["id"], row["error"]) for row in rows] == [("b", "mailbox b: id is missing")]


def test_snapshot_without_change_is_not_written_again(tmp_path: Path) -> None:
    write_snapshot(FolderStore(tmp_path), [entry("a")])
    before = (tmp_path / "registry.json").stat()
    write_snapshot(FolderStore(tmp_path), [entry("a")])
    after = (tmp_path / "registry.json").stat()
    assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)
    write_snapshot(FolderStore(tmp_path), [entry("b")])
    assert [path.name for path in tmp_path.iterdir()] == ["registry.json"]


def test_snapshot_where_home_is_a_file_gives_one_line(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("in the way")
    with pytest.raises(SettingsError, match="cannot write"):
        write_snapshot(FolderStore(tmp_path / "home"), [entry("a")])
