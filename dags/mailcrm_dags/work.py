"""The product's services inside a task, with Airflow's Connections and metrics."""

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from airflow.sdk import get_current_context

from mailcrm_dags.connections import AirflowCredentials
from mailcrm_dags.metrics import AirflowMetrics
from mailcrm_dags.registry import DAG_PREFIX

if TYPE_CHECKING:
    from mailcrm.services.wiring import Services

__all__ = ["with_services"]

Result = TypeVar("Result")


def with_services(run: "Callable[[Services], Result]") -> Result:
    """Build the services, call, measure, and close them; imported here, not while parsing."""
    from mailcrm.services.metrics import run_measured
    from mailcrm.services.wiring import open_services

    context = get_current_context()
    mailbox_id = context["dag"].dag_id.removeprefix(DAG_PREFIX)
    task_id = context["ti"].task_id
    with open_services(credentials=AirflowCredentials()) as services:
        return run_measured(services, AirflowMetrics(), mailbox_id, task_id, run)
