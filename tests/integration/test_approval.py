"""Which windows have to be signed off: by what of each folder was read, on both databases."""

import dataclasses
import datetime as dt
import json
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from mailcrm.records.approval import ApprovalState
from mailcrm.records.mailbox import Approval
from mailcrm.services.approval import may_need_approval, prepare_request
from mailcrm.services.run import run_mailbox
from mailcrm.services.wiring import Services, open_services, upgrade_database
from mailcrm.settings import Settings
from servers.dovecot import PASSWORD, DovecotUser
from servers.mailboxes import make_mailbox

pytestmark = pytest.mark.needs_dovecot

SINCE = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
UNTIL = dt.datetime(2026, 11, 1, tzinfo=dt.UTC)


@pytest.fixture
def services(
    database_url: str, tmp_path: Path, dovecot_user: DovecotUser, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Services]:
    login = {"conn_type": "imap", "login": dovecot_user.name, "password": PASSWORD}
    for direction in ("IMAP", "SMTP"):
        monkeypatch.setenv(f"AIRFLOW_CONN_MAILBOX_SALES_{direction}", json.dumps(login))
    settings = Settings(home=tmp_path, database_url=SecretStr(database_url))
    upgrade_database(settings)
    for folder in ("Archive", "Old", "Shelf"):
        dovecot_user.create_folder(folder)
    with open_services(settings) as services:
        yield services


def name_folders(services: Services, user: DovecotUser, *folders: str) -> None:
    mailbox = make_mailbox(imap_port=user.server.imap_port, folders=folders)
    mailbox = dataclasses.replace(mailbox, approval=Approval(over_days=30))
    services.registry.write_mailbox(mailbox, services.clock.now())


def must_wait(services: Services, folders: list[str] | None = None) -> bool:
    """Whether a person has to sign off: as the first task guesses, and as `approve` says."""
    window = SINCE, UNTIL, folders
    request = prepare_request(services, "sales", f"sales/{uuid.uuid4()}", *window)
    waits = request.state is ApprovalState.WAITING
    guess = may_need_approval(services, "sales", *window)
    assert guess or not waits, "never asked though it has to be"
    return waits


@pytest.mark.parametrize("archive", ["Archive", "\\Archive"])
@pytest.mark.parametrize("before", [("INBOX",), ("INBOX", "Old")])
def test_folder_never_read_has_to_be_signed_off(
    services: Services, dovecot_user: DovecotUser, before: tuple[str, ...], archive: str
) -> None:
    name_folders(services, dovecot_user, *before)
    assert run_mailbox(services, "sales", SINCE, UNTIL).failure is None
    assert not must_wait(services)
    name_folders(services, dovecot_user, "INBOX", archive)
    assert may_need_approval(services, "sales", SINCE, UNTIL, None)
    assert must_wait(services)


def test_folder_no_longer_named_asks_for_nothing(
    services: Services, dovecot_user: DovecotUser
) -> None:
    name_folders(services, dovecot_user, "INBOX", "Old")
    run_mailbox(services, "sales", SINCE, UNTIL, ["INBOX"])
    run_mailbox(services, "sales", UNTIL - dt.timedelta(days=1), UNTIL, ["Old"])
    assert must_wait(services)
    name_folders(services, dovecot_user, "inbox")
    assert not may_need_approval(services, "sales", SINCE, UNTIL, None)
    assert not must_wait(services)


def test_folders_of_one_run_are_those_that_count(
    services: Services, dovecot_user: DovecotUser
) -> None:
    name_folders(services, dovecot_user, "INBOX", "Shelf")
    run_mailbox(services, "sales", SINCE, UNTIL, ["INBOX"])
    assert not may_need_approval(services, "sales", SINCE, UNTIL, ["inbox"])
    assert must_wait(services, ["Shelf"])
