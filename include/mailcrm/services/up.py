"""`up`: the whole Airflow on this machine, over the same home as the demo, until Ctrl-C."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from mailcrm.errors import SettingsError
from mailcrm.ports.local import AirflowLogin
from mailcrm.services.demo import MAILBOX_ID, prepare_home
from mailcrm.services.local_wiring import Workshop, open_workshop
from mailcrm.services.watch_choice import plan_capacity
from mailcrm.services.wiring import open_services

__all__ = ["DEFAULT_PORT", "UpReady", "run_up"]

DEFAULT_PORT = 8080
COMPONENTS = ("api-server", "scheduler", "dag-processor", "triggerer")
READY_TIMEOUT_S = 180.0
POLL_S = 1.0


@dataclass(frozen=True, slots=True)
class UpReady:
    """Airflow is up: where, how to sign in, and which DAG to look at."""

    url: str
    login: AirflowLogin
    dag_id: str
    home: Path
    logs: Path


def run_up(
    port: int | None, say: Callable[[str], None], on_ready: Callable[[UpReady], None]
) -> NoReturn:
    """Run Airflow and the demo's mail server until this process is interrupted.

    Args:
        port: Of the pages; None means 8080, or another free port where that is taken.
        say: Takes one line of progress at a time.
        on_ready: Called once, when the pages answer.

    Raises:
        KeyboardInterrupt: Ctrl-C or SIGTERM came, and everything is stopped.
        SettingsError: a port that was asked for is taken, or a component ended by itself.
    """
    with open_workshop(port or DEFAULT_PORT) as workshop:
        url = workshop.airflow.url
        if not url.endswith(f":{port or DEFAULT_PORT}"):
            if port is not None:
                raise SettingsError(where="--port", problem=f"{port} is in use")
            say(f"Port {DEFAULT_PORT} is in use; taking another: {url}")
        prepare_home(workshop, say)
        say("Starting Airflow: API server, scheduler, DAG processor, triggerer")
        workshop.airflow.start(COMPONENTS, _environment(workshop))
        workshop.airflow.wait_ready(READY_TIMEOUT_S)
        dag_id = f"mailbox__{MAILBOX_ID}"
        workshop.airflow.wait_for_dag(dag_id, READY_TIMEOUT_S)
        login, home = workshop.airflow.login(), workshop.settings.home
        on_ready(UpReady(url, login, dag_id, home, workshop.airflow.logs))
        _wait(workshop)


def _environment(workshop: Workshop) -> dict[str, str]:
    """The mailbox's connections, and room for a trigger of each mailbox."""
    with open_services(workshop.settings) as services:
        mailboxes = len(services.registry.list_entries())
    capacity = {"AIRFLOW__TRIGGERER__CAPACITY": str(plan_capacity(mailboxes))}
    return {**workshop.mail_server.credentials(), **capacity}


def _wait(workshop: Workshop) -> NoReturn:
    while True:
        ended = workshop.airflow.find_ended()
        if ended is not None:
            raise SettingsError(
                where=f"airflow {ended}", problem=f"ended by itself; see {workshop.airflow.logs}"
            )
        time.sleep(POLL_S)
