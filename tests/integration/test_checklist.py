"""A shared mailbox's checklist: who and when, shown in status, complete before the first run."""

import dataclasses
from pathlib import Path

import pytest
import yaml
from pydantic import SecretStr

from mailcrm.errors import SettingsError
from mailcrm.records import Ownership, SharedChecklist
from mailcrm.services.checklist import require_checklist
from mailcrm.services.registry import add_mailbox
from mailcrm.services.status import read_status
from mailcrm.services.wiring import open_services, upgrade_database
from mailcrm.settings import Settings
from servers.mailboxes import make_mailbox

SHARED = {
    "owner_team": "Sales",
    "record_target": "contacts",
    "display_name_of": "team",
    "rotation_owner": "it@acme.example",
    "failed_send_monitor": "it@acme.example",
}


def _file(path: Path, **changes: str) -> Path:
    endpoint = {"host": "127.0.0.1", "port": 1, "encryption": "none"}
    entry = {"id": "sales", "address": "sales@acme.example", "display_name": "Acme Sales"}
    entry["folders"] = ["INBOX"]
    entry |= {"imap": endpoint, "smtp": dict(endpoint), "ownership": "shared"}
    path.write_text(yaml.safe_dump({**entry, "shared": {**SHARED, **changes}}))
    return path


def test_checklist_answers_keep_who_and_when_until_they_change(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, database_url=SecretStr(f"sqlite:///{tmp_path / 'x.db'}"))
    upgrade_database(settings)
    with open_services(settings) as services:
        add_mailbox(services, _file(tmp_path / "a.yaml"), "ann")
        first = read_status(services, "sales")["mailboxes"][0]["checklist"]
        add_mailbox(services, _file(tmp_path / "b.yaml", owner_team="Support"), "bob")
        second = read_status(services, "sales")["mailboxes"][0]["checklist"]
    assert {row["answered_by"] for row in first.values()} == {"ann"}
    assert {name: row["answer"] for name, row in first.items()} == SHARED
    changed = {name for name in second if second[name] != first[name]}
    assert changed == {"owner_team"}
    assert second["owner_team"]["answered_by"] == "bob"


def test_checklist_incomplete_refuses_the_run_and_names_the_question() -> None:
    answers = SharedChecklist(**{**SHARED, "owner_team": " "})
    shared = dataclasses.replace(make_mailbox(), ownership=Ownership.SHARED, shared=answers)
    with pytest.raises(SettingsError, match="owner_team before its first run"):
        require_checklist(shared)
    with pytest.raises(SettingsError, match="rotation_owner"):
        require_checklist(dataclasses.replace(shared, shared=None))
    require_checklist(make_mailbox())
