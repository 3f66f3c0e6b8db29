"""`demo`: a fictional company's mailbox goes through its DAG in a real Airflow, on loopback."""

import datetime as dt
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mailcrm.errors import MailcrmError, SettingsError
from mailcrm.ports.local import TaskProgress
from mailcrm.records import COUNT_NAMES
from mailcrm.services.contacts import run_import
from mailcrm.services.local_wiring import Workshop, open_workshop
from mailcrm.services.publish import RunSummary, read_summary
from mailcrm.services.registry import add_mailbox
from mailcrm.services.wiring import open_services, upgrade_database

__all__ = ["MAILBOX_ID", "DemoReport", "prepare_home", "run_demo"]

MAILBOX_ID = "acme_sales"
DAG_ID = f"mailbox__{MAILBOX_ID}"
COMPONENTS = ("api-server", "scheduler", "dag-processor")
READY_TIMEOUT_S = 180.0
RUN_TIMEOUT_S = 600.0
POLL_S = 0.4
FINISHED = {"success", "failed", "skipped", "upstream_failed", "up_for_retry", "removed"}

PUBLISHED = {"published", "nothing_new", "incomplete"}

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class DemoReport:
    """What the demo did; `failure` is None where the run came through.

    `verify` holds state, stage, code, server_text and advice by direction; `messages` counts what
    lies on the server by folder; `seconds` are of each step, and in total.
    """

    dag_state: str
    tasks: Mapping[str, str]
    verify: Mapping[str, Mapping[str, Any]]
    summary: RunSummary | None
    messages: Mapping[str, int]
    window_since: dt.datetime | None
    home: Path
    seconds: Mapping[str, float]
    failure: MailcrmError | None = None
    mailbox: str = MAILBOX_ID

    def total(self, name: str) -> int:
        """One count of the certificate, over all folders."""
        return self.summary.certificate.total(name) if self.summary else 0

    def to_json(self) -> dict[str, Any]:
        """`demo --json`: the keys of `run --json` where they mean the same."""
        summary = self.summary
        return {
            "mailbox": self.mailbox,
            "run_id": summary.run_id if summary else None,
            "batch_id": summary.batch_id if summary else None,
            "window": {"since": self.window_since, "until": None},
            "dag": {"dag_id": DAG_ID, "state": self.dag_state, "tasks": dict(self.tasks)},
            "verify": {name: found.get("state") for name, found in self.verify.items()},
            "published": summary is not None and summary.state in PUBLISHED,
            "state": summary.state if summary else "failed",
            "folders": summary.certificate.to_json() if summary else [],
            "totals": {
                **{name: self.total(name) for name in COUNT_NAMES},
                "balanced": summary is not None and summary.certificate.balanced,
            },
            "decisions": dict(summary.decisions) if summary else {},
            "checks": {
                name: summary.checks[name] if summary else None
                for name in ("passed", "failed", "held")
            },
            "problems": list(summary.problems) if summary else [],
            "notes": list(summary.notes) if summary else [],
            "messages": dict(self.messages),
            "seconds": {name: round(value, 1) for name, value in self.seconds.items()},
            "home": self.home,
        }


@dataclass(slots=True)
class _Stopwatch:
    """Seconds of each step, by name, on the workshop's clock."""

    now: Callable[[], float]
    began: float = 0.0
    seconds: dict[str, float] = field(default_factory=dict)

    def lap(self, name: str) -> None:
        """End a step."""
        self.seconds[name] = self.now() - self.began - sum(self.seconds.values())


def run_demo(say: Say) -> DemoReport:
    """Fill a mail server, connect the mailbox, and run its DAG once.

    Args:
        say: Takes one line of progress at a time.

    Raises:
        SettingsError: this home is in use, Airflow does not start, or a file is wrong.
    """
    with open_workshop() as workshop:
        watch = _Stopwatch(workshop.clock.monotonic, workshop.clock.monotonic())
        messages = prepare_home(workshop, say)
        watch.lap("prepare")
        say("Starting Airflow: API server, scheduler, DAG processor")
        workshop.airflow.start(COMPONENTS, workshop.mail_server.credentials())
        workshop.airflow.wait_ready(READY_TIMEOUT_S)
        workshop.airflow.wait_for_dag(DAG_ID, READY_TIMEOUT_S)
        watch.lap("airflow_start")
        say(f"Running the DAG {DAG_ID}")
        run_id = workshop.airflow.trigger(DAG_ID, {})
        state, tasks = _follow(workshop, run_id, say)
        watch.lap("dag_run")
        say("Stopping Airflow and the mail server")
    watch.lap("stop")
    watch.seconds["total"] = sum(watch.seconds.values())
    return _report(workshop, run_id, state, tasks, messages, watch.seconds)


def prepare_home(workshop: Workshop, say: Say) -> Mapping[str, int]:
    """Everything before Airflow starts: servers filled, tables there, mailbox connected.

    Airflow's own database is made meanwhile, on another thread.

    Returns:
        The messages on the mail server, by folder.
    """
    with ThreadPoolExecutor(1) as pool:
        migrated = pool.submit(workshop.airflow.prepare)
        say("Starting a mail server (IMAP and SMTP) on loopback and filling it")
        workshop.mail_server.start()
        messages = workshop.mail_server.fill()
        say("Creating or migrating the CRM's tables")
        upgrade_database(workshop.settings)
        contacts_file, mailbox_file = workshop.write_files()
        with open_services(workshop.settings) as services:
            run_import(services, contacts_file)
            add_mailbox(services, mailbox_file)
        say(f"Contacts imported, mailbox {MAILBOX_ID} connected; waiting for Airflow's database")
        migrated.result()
    return messages


def _follow(workshop: Workshop, run_id: str, say: Say) -> tuple[str, Sequence[TaskProgress]]:
    """Say each task's end as it comes, until the run is over."""
    clock, told = workshop.clock, set[tuple[str, str, str, int]]()
    deadline = clock.monotonic() + RUN_TIMEOUT_S
    while True:
        state, tasks = workshop.airflow.read_run(DAG_ID, run_id)
        for task in tasks:
            key = (task.task_id, task.label, task.state, task.try_number)
            if task.state in FINISHED and key not in told:
                told.add(key)
                say(f"  {task.task_id:<12} {task.state:<10} {task.label}".rstrip())
        if state in ("success", "failed"):
            return state, tasks
        ended = workshop.airflow.find_ended()
        if ended is not None or clock.monotonic() > deadline:
            problem = f"the {ended} ended by itself" if ended else "the run did not end in time"
            raise SettingsError(where="airflow", problem=f"{problem}; see {workshop.airflow.logs}")
        time.sleep(POLL_S)


def _report(
    workshop: Workshop,
    run_id: str,
    state: str,
    tasks: Sequence[TaskProgress],
    messages: Mapping[str, int],
    seconds: Mapping[str, float],
) -> DemoReport:
    failure: MailcrmError | None = None
    if state != "success":
        failed = ", ".join(sorted({task.task_id for task in tasks if task.state == "failed"}))
        logs = workshop.airflow.logs.parent / "logs" / f"dag_id={DAG_ID}"
        failure = SettingsError(
            where=f"tasks {failed}", problem=f"failed; their logs are in {logs}"
        )
    summary, since = None, None
    with open_services(workshop.settings) as services:
        verify = services.registry.read_health(MAILBOX_ID)
        try:
            our_run_id = f"{MAILBOX_ID}/{run_id}"
            summary = read_summary(services, our_run_id)
            since = services.ledger.read_run(our_run_id)["window_since"]
        except SettingsError as error:  # the run ended before it was planned
            failure = failure or error
    return DemoReport(
        dag_state=state,
        tasks={f"{task.task_id} {task.label}".strip(): task.state for task in tasks},
        verify=verify,
        summary=summary,
        messages=messages,
        window_since=since if isinstance(since, dt.datetime) else None,
        home=workshop.settings.home,
        seconds=dict(seconds),
        failure=failure,
    )
