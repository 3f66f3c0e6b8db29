"""How a function of ours becomes a task: its name, its docstring, a timeout, one XCom."""

import datetime as dt
import inspect
from collections.abc import Callable
from typing import Any

from mailcrm_dags.operators import patient_task
from mailcrm_dags.retries import RETRIES, ErrorClassPolicy

__all__ = ["CHORE", "START", "declare"]

START = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)

# Settings of a DAG that belongs to no mailbox.
CHORE: dict[str, Any] = {
    "start_date": START,
    "catchup": False,
    "max_active_runs": 1,
    "default_args": {"owner": "mailcrm", "retry_policy": ErrorClassPolicy(), **RETRIES},
}


def declare(function: Callable[..., Any], minutes: int, **options: Any) -> Any:
    """A task that runs `function`, and fails after so many minutes."""
    options.setdefault("task_id", function.__name__)
    return patient_task(
        function,
        execution_timeout=dt.timedelta(minutes=minutes),
        doc_md=inspect.getdoc(function),
        multiple_outputs=False,
        **options,
    )
