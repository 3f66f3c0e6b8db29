"""What a run was asked for: its params, checked, and its name in our tables."""

import datetime as dt
from collections.abc import Mapping
from typing import Any

from mailcrm.errors import SettingsError
from mailcrm_dags.form import PARAM_NAMES, read_folders, read_midnight

__all__ = ["asked_window", "check_params", "our_run_id"]


def our_run_id(mailbox_id: str, context: Mapping[str, Any]) -> str:
    """Airflow's run ids are unique within a DAG; ours are unique over all mailboxes."""
    return f"{mailbox_id}/{context['run_id']}"


def asked_window(
    context: Mapping[str, Any],
) -> tuple[dt.datetime | None, dt.datetime | None, tuple[str, ...] | None]:
    """Since, until and folders as the run's params have them; None for the mailbox's own.

    Raises:
        SettingsError: a date does not parse.
    """
    params = context["params"]
    return read_midnight(params, "since"), read_midnight(params, "until"), read_folders(params)


def check_params(context: Mapping[str, Any]) -> None:
    """Refuse params that nobody reads: Airflow's API takes any, and a typo would read too much.

    Raises:
        SettingsError: names those that are unknown, and those that there are.
    """
    unknown = sorted(set(context["dag_run"].conf or {}) - set(PARAM_NAMES))
    if unknown:
        problem = f"unknown: {', '.join(unknown)[:200]}; known are {', '.join(PARAM_NAMES)}"
        raise SettingsError(where="params of the run", problem=problem)
