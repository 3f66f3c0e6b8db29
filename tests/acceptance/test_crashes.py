"""Crashes on a whole Airflow: a worker killed or stopped, its metadata database gone.

The run ends green and every message is in the CRM tables once. How long it takes is in the
operations manual: it is measured, not asserted.
"""

import logging
import os
import signal
import time
from collections.abc import Iterator

import psutil
import pytest

from acceptance.real_airflow import (
    Crashes,
    expected_ids,
    kill,
    messages,
    run_real_airflow,
    stop_machine,
    stopped,
)
from servers.dovecot import PASSWORD, Append, DovecotServer
from servers.fault_proxy import DOWN, Fault

pytestmark = [
    pytest.mark.slow,
    pytest.mark.needs_dovecot,
    pytest.mark.needs_postgres,
]

OTHERS = ("killed", "lost", "rebooted", "stopped", "cut_off")
logger = logging.getLogger(__name__)

MESSAGES = 200
SLOWLY = Fault(DOWN, bytes_per_s=24_000)
EVIDENCE = os.environ.get("MAILCRM_EVIDENCE") == "1"
OUTAGE_S = 30.0 if EVIDENCE else 6.0


@pytest.fixture(scope="module")
def crashes(tmp_path_factory: pytest.TempPathFactory, dovecot: DovecotServer) -> Iterator[Crashes]:
    folder = tmp_path_factory.mktemp("whole")
    with run_real_airflow(folder, dovecot, "watched", OTHERS) as all_up:
        yield all_up


def begin_fetch(crashes: Crashes, name: str) -> str:
    """Fill a mailbox and start a run; returns with part of its mail staged."""
    crashes.users[name].fill("INBOX", messages(name, MESSAGES))
    crashes.proxy.arm(SLOWLY)
    run_id = crashes.trigger(name)
    crashes.wait("nothing is staged", lambda: crashes.staged(name) > 0)
    assert crashes.staged(name) < MESSAGES
    return run_id


def end_well(crashes: Crashes, name: str, run_id: str) -> None:
    """The run comes through, with nothing lost and nothing double."""
    crashes.proxy.arm(None)
    began = time.monotonic()
    assert crashes.wait_for_end(name, run_id) == "success"
    seconds, again = time.monotonic() - began, crashes.airflow.restarts
    logger.info("%s: green %.1f s later, started again: %s", name, seconds, again)
    assert crashes.published(name) == expected_ids(name, MESSAGES)


def test_mail_that_arrives_starts_a_run_by_itself_and_is_in_the_crm_tables(
    crashes: Crashes,
) -> None:
    user = crashes.users["watched"]
    runs = "dags/mailbox__watched/dagRuns?limit=100"

    def by_event() -> int:
        found = crashes.airflow.ask(runs) or {"dag_runs": []}
        ended = [run for run in found["dag_runs"] if run["state"] == "success"]
        return sum(run["run_type"] == "asset_triggered" for run in ended)

    crashes.wait("the watcher's first look starts no run", lambda: by_event() > 0)
    before = by_event()
    (mail,) = messages("watched", 1)
    began = time.monotonic()
    user.append("INBOX", Append(mail.raw))
    wanted = expected_ids("watched", 1)
    crashes.wait("the mail is not there", lambda: crashes.published("watched") == wanted)
    logger.info("watched: in the CRM tables %.1f s later", time.monotonic() - began)
    crashes.wait("its run does not end", lambda: by_event() > before)
    assert PASSWORD not in crashes.logs()


def test_mailbox_that_is_paused_gives_its_watcher_back(crashes: Crashes) -> None:
    watcher = "mailcrm_dags.new_mail.NewMailTrigger"
    crashes.wait("nothing is watched", lambda: crashes.triggers() == [watcher])
    crashes.pause("watched")
    crashes.wait("its watcher stays", lambda: crashes.triggers() == [])


@pytest.mark.row("R208")
def test_task_killed_while_it_fetches_ends_green_with_nothing_lost_or_doubled(
    crashes: Crashes,
) -> None:
    run_id = begin_fetch(crashes, "killed")
    tasks = crashes.fetching()
    assert tasks
    kill(tasks, signal.SIGKILL)
    end_well(crashes, "killed", run_id)


@pytest.mark.row("R208")
@pytest.mark.skipif(not EVIDENCE, reason="waits for Airflow to miss a heartbeat: make evidence")
def test_worker_killed_while_it_fetches_ends_green_with_nothing_lost_or_doubled(
    crashes: Crashes,
) -> None:
    run_id = begin_fetch(crashes, "lost")
    tasks = crashes.fetching()
    supervisors = [process.parent() for process in tasks]
    kill([one for one in supervisors if one is not None] + tasks, signal.SIGKILL)
    end_well(crashes, "lost", run_id)


@pytest.mark.row("R209")
@pytest.mark.skipif(not EVIDENCE, reason="waits for Airflow to miss a heartbeat: make evidence")
def test_machine_stopped_while_it_fetches_ends_green_with_nothing_lost_or_doubled(
    crashes: Crashes,
) -> None:
    run_id = begin_fetch(crashes, "rebooted")
    stop_machine(psutil.Process(crashes.airflow.pid("scheduler")))
    end_well(crashes, "rebooted", run_id)


@pytest.mark.row("R209")
def test_task_stopped_while_it_fetches_ends_green_with_nothing_lost_or_doubled(
    crashes: Crashes,
) -> None:
    run_id = begin_fetch(crashes, "stopped")
    tasks = crashes.fetching()
    assert tasks
    kill(tasks, signal.SIGTERM)
    end_well(crashes, "stopped", run_id)


@pytest.mark.row("R214")
def test_metadata_database_gone_while_it_fetches_ends_green_with_nothing_lost_or_doubled(
    crashes: Crashes,
) -> None:
    run_id = begin_fetch(crashes, "cut_off")
    with stopped(crashes.postgres, crashes.airflow.tend, OUTAGE_S):
        pass
    end_well(crashes, "cut_off", run_id)
