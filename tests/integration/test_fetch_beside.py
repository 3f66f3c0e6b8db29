"""Slices read by two processes: the same rows, whatever becomes of the second one."""

import datetime as dt
import json
import os
import signal
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from mailcrm.adapters.crm_database.engine import make_engine, reading
from mailcrm.adapters.side_process import SideProcess
from mailcrm.errors import ServerUnreachableError
from mailcrm.records import FolderSlice, Lease
from mailcrm.services import fetch_beside
from mailcrm.services.fetch import FetchResult, run_fetch
from mailcrm.services.fetch_beside import Helper, StartHelper, fetch_slices
from mailcrm.services.plan import run_plan
from mailcrm.services.wiring import Services, open_services, upgrade_database
from mailcrm.settings import load_settings
from servers.dovecot import Append, DovecotUser
from servers.mailboxes import make_mailbox

pytestmark = pytest.mark.needs_dovecot

NOW = dt.datetime(2026, 11, 15, 12, 0, 0, tzinfo=dt.UTC)
LEASE = Lease("sales", "sales/one", "batch", 1)


@pytest.fixture
def services(
    dovecot_user: DovecotUser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Services]:
    """Services as the command line builds them, on 60 messages in six slices."""
    user = dovecot_user
    user.fill("INBOX", [Append(_letter(n), NOW - n * dt.timedelta(hours=1)) for n in range(60)])
    connection = {"conn_type": "imap", "login": user.name, "password": user.server.password}
    monkeypatch.setenv("AIRFLOW_CONN_MAILBOX_SALES_IMAP", json.dumps(connection))
    monkeypatch.setenv("MAILCRM_HOME", str(tmp_path))
    monkeypatch.setenv("MAILCRM_SLICE_MESSAGES", "10")
    monkeypatch.setattr(fetch_beside, "WORTHWHILE", 0)
    upgrade_database()
    with open_services() as found:
        found.registry.write_mailbox(make_mailbox(imap_port=user.server.imap_port), NOW)
        yield found


def _letter(number: int) -> bytes:
    head = f"From: ann@customer.example\r\nMessage-ID: <{number}@x>\r\nSubject: m{number}\r\n\r\n"
    return head.encode() + b"Hello\r\n"


class Killed(SideProcess):
    """A helper that is killed when it is asked for its second slice."""

    asked = 0

    def ask(self, request: Mapping[str, Any]) -> dict[str, Any] | None:
        self.asked += 1
        if self.asked == 2:
            os.kill(self._process.pid, signal.SIGKILL)
        return super().ask(request)


def _no_process(module: str) -> Helper:
    raise OSError("no more processes")


@pytest.mark.parametrize("start", [None, SideProcess, Killed, _no_process])
def test_slices_read_by_two_processes_stage_every_message_once(
    services: Services, start: StartHelper | None
) -> None:
    plan = run_plan(services, "sales", "sales/one", NOW - dt.timedelta(days=9))
    assert len(plan.slices) == 6

    def fetch(part: FolderSlice) -> FetchResult:
        return run_fetch(services, plan.lease, part)

    results, failure = fetch_slices(plan.lease, plan.slices, fetch, start)
    assert failure is None
    assert sum(result.staged for result in results) == 60
    with reading(make_engine(load_settings().database())) as connection:
        subjects = connection.execute(text("SELECT subject FROM staged_messages")).scalars()
        assert sorted(subjects) == sorted(f"m{n}" for n in range(60))


def test_helper_meets_a_newer_run_and_stages_nothing(services: Services) -> None:
    plan = run_plan(services, "sales", "sales/one", NOW - dt.timedelta(days=9))
    run_plan(services, "sales", "sales/two", NOW - dt.timedelta(days=9))
    helper = SideProcess(fetch_beside.MODULE)
    request = {"lease": vars_of(plan.lease), "part": vars_of(plan.slices[0])}
    assert not helper.ask(request).get("staged")
    helper.close()
    with reading(make_engine(load_settings().database())) as connection:
        count = connection.execute(text("SELECT count(*) FROM staged_messages")).scalar()
    assert count == 0


def vars_of(record: Any) -> dict[str, Any]:
    return {name: getattr(record, name) for name in record.__slots__}


def test_helper_whose_parent_goes_away_ends(services: Services) -> None:
    helper = SideProcess(fetch_beside.MODULE)
    helper.close()
    assert helper.ask({}) is None
    assert helper._process.returncode == 0


def test_failed_slices_harm_no_other_and_the_failure_is_kept() -> None:
    parts = [FolderSlice("INBOX", 1, n, n, 1, 1) for n in range(1, 5)]

    def fetch(part: FolderSlice) -> FetchResult:
        if part.uid_low == 2:
            raise ServerUnreachableError(protocol="imap", host="h", port=1, detail="gone")
        return FetchResult(staged=1)

    results, failure = fetch_slices(LEASE, parts, fetch, None)
    assert isinstance(failure, ServerUnreachableError)
    assert len(results) == 3
