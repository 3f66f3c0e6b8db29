"""Ports towards what runs beside the product on a developer's machine."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True, slots=True)
class TaskProgress:
    """One task instance: `label` names a mapped one, `try_number` counts from 1."""

    task_id: str
    label: str
    state: str
    try_number: int


@dataclass(frozen=True, slots=True)
class AirflowLogin:
    """How a person signs in to the local Airflow."""

    username: str
    password: str = field(repr=False)


class LocalAirflow(Protocol):
    """Airflow's components on loopback, started and stopped one by one."""

    url: str
    logs: Path

    def login(self) -> AirflowLogin:
        """The only account; made on first use and kept."""
        ...

    def prepare(self) -> None:
        """Create or migrate Airflow's own database, unless this version already did.

        Raises:
            SettingsError: it did not work; names the log.
        """
        ...

    def start(self, components: Sequence[str], credentials: Mapping[str, str]) -> None:
        """Start components; `credentials` are AIRFLOW_CONN_* values, passed by environment."""
        ...

    def wait_ready(self, timeout_s: float) -> None:
        """Wait until every started component is healthy.

        Raises:
            SettingsError: one ended, or time is up; names it and its log.
        """
        ...

    def wait_for_dag(self, dag_id: str, timeout_s: float) -> None:
        """Wait until the DAG processor has the DAG.

        Raises:
            SettingsError: it is not there in time.
        """
        ...

    def trigger(self, dag_id: str, params: Mapping[str, object]) -> str:
        """Unpause the DAG, start one run, and return Airflow's run id."""
        ...

    def read_run(self, dag_id: str, run_id: str) -> tuple[str, Sequence[TaskProgress]]:
        """The run's state and its task instances, in the order of their start."""
        ...

    def find_ended(self) -> str | None:
        """The name of a component that ended by itself, None while all run."""
        ...

    def stop(self) -> None:
        """Stop all components, the last started first; never raises."""
        ...


class DemoMailServer(Protocol):
    """A mail server on loopback that lives as long as the demo."""

    imap_port: int
    smtp_port: int
    username: str

    def start(self) -> None:
        """Start it and wait until it answers.

        Raises:
            SettingsError: it does not come up; names its log.
        """
        ...

    def credentials(self) -> Mapping[str, str]:
        """The mailbox's two connections as AIRFLOW_CONN_* values."""
        ...

    def fill(self) -> Mapping[str, int]:
        """Put the demo's messages in; how many by folder."""
        ...

    def stop(self) -> None:
        """End it; never raises."""
        ...
