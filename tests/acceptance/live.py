"""A whole Airflow on loopback for tests: real components, answered through the REST API."""

import contextlib
import datetime as dt
import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from acceptance.conftest import Home
from mailcrm.adapters.local_airflow import COMPONENTS, LocalAirflowProcesses
from mailcrm.adapters.processes import find_free_port
from servers.dovecot import DovecotUser

__all__ = ["LiveAirflow", "run_live_airflow"]

PATIENCE_S = 240.0


@dataclass
class LiveAirflow:
    """Running components over one home."""

    home: Home
    processes: LocalAirflowProcesses
    user: DovecotUser | None = None
    smtp_port: int = 1

    def call(self, method: str, path: str, body: Mapping[str, object] | None = None) -> Any:
        """One call of the REST API as its administrator."""
        return self.processes._api()._send(method, path, body)

    def dag(self, mailbox_id: str) -> dict[str, Any]:
        """What Airflow knows of a mailbox's DAG."""
        return self.call("GET", f"/api/v2/dags/mailbox__{mailbox_id}")

    def trigger(self, mailbox_id: str, params: Mapping[str, object]) -> str:
        """Start a run; its id."""
        return self.processes.trigger(f"mailbox__{mailbox_id}", params)

    def tasks(self, mailbox_id: str, run_id: str) -> dict[str, str]:
        """State of each task; of a mapped one that of its last part."""
        _, rows = self.processes.read_run(f"mailbox__{mailbox_id}", run_id)
        return {row.task_id: row.state for row in rows}

    def wait(self, what: str, look: Callable[[], Any]) -> Any:
        """Wait until `look` finds something."""
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            found = look()
            if found:
                return found
            assert self.processes.find_ended() is None, self.processes.find_ended()
            time.sleep(0.3)
        raise AssertionError(f"not seen in time: {what}")

    def wait_run(self, mailbox_id: str, run_id: str) -> tuple[str, dict[str, str]]:
        """Wait for a run's end: its state, and those of its tasks."""

        def look() -> str | None:
            state, _ = self.processes.read_run(f"mailbox__{mailbox_id}", run_id)
            return state if state in ("success", "failed") else None

        return self.wait(f"end of {run_id}", look), self.tasks(mailbox_id, run_id)

    def wait_question(self, mailbox_id: str, run_id: str) -> dict[str, Any]:
        """Wait until the run asks a person: the question as Airflow shows it."""
        path = f"/api/v2/dags/mailbox__{mailbox_id}/dagRuns/{run_id}/hitlDetails"

        def look() -> dict[str, Any] | None:
            found = self.call("GET", f"{path}?response_received=false")["hitl_details"]
            return found[0] if found else None

        found = self.wait("a question", look)
        # An answer that overtakes the end of the asking process fails the task's first try.
        log = self.processes.logs / "scheduler.log"
        key = f"dag_id='mailbox__{mailbox_id}', task_id='approve', run_id='{run_id}'"
        end = f"Received executor event with state success for task instance TaskInstanceKey({key}"
        self.wait("the end of the asking process", lambda: end in log.read_text(errors="replace"))
        return found

    def answer(self, mailbox_id: str, run_id: str, option: str) -> None:
        """Answer as the person who is signed in."""
        path = f"/api/v2/dags/mailbox__{mailbox_id}/dagRuns/{run_id}/taskInstances/approve/-1"
        self.call("PATCH", f"{path}/hitlDetails", {"chosen_options": [option], "params_input": {}})


@contextlib.contextmanager
def run_live_airflow(
    home: Home, components: Sequence[str] = ("api-server", "scheduler", "dag-processor")
) -> Iterator[LiveAirflow]:
    """Start the components over a migrated home, and stop them at the end."""
    assert set(components) <= set(COMPONENTS)
    database = f"sqlite:///{home.database}"
    processes = LocalAirflowProcesses(home.path, database, find_free_port())
    processes.prepare()
    processes.start(components, home.connections)
    try:
        processes.wait_ready(PATIENCE_S)
        yield LiveAirflow(home, processes)
    finally:
        processes.stop()
        logs = {p.name: p.read_text(errors="replace")[-2000:] for p in processes.logs.glob("*.log")}
        (Path(home.path) / "components.json").write_text(json.dumps(logs))


def days_ago(days: float) -> str:
    """A date param."""
    return (dt.datetime.now(dt.UTC) - dt.timedelta(days=days)).date().isoformat()
