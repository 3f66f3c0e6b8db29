"""The params of a mailbox's DAG: what its trigger form asks, and how answers are read."""

import datetime as dt
from collections.abc import Mapping
from typing import Any

from airflow.sdk import Param

from mailcrm.errors import SettingsError

__all__ = ["PARAM_NAMES", "mailbox_params", "read_folders", "read_midnight"]

PARAM_NAMES = ("since", "until", "folders", "round_trip")


def mailbox_params() -> dict[str, Param]:
    """Fresh params for one DAG; few, because they make up most of a DAG's parsing cost."""
    return {
        "since": Param(
            None,
            type=["null", "string"],
            format="date",
            title="Since",
            description_md="First day to read (UTC). Empty: as the mailbox's registry entry says.",
        ),
        "until": Param(
            None,
            type=["null", "string"],
            format="date",
            title="Until",
            description_md="First day **not** to read (UTC). Empty: up to now.",
        ),
        "folders": Param(
            None,
            type=["null", "array"],
            items={"type": "string"},
            title="Folders",
            description_md="Only these folders, one a line. Empty: the mailbox's own folders.",
        ),
        "round_trip": Param(
            False,
            type="boolean",
            title="Round trip",
            description_md="Also send one small test message from the mailbox to itself, once per "
            "run, and wait for it. It is kept out of the CRM, and stays in the mailbox.",
        ),
    }


def read_midnight(params: Mapping[str, Any], name: str) -> dt.datetime | None:
    """A date param as that day's UTC midnight; None where it was left empty.

    Raises:
        SettingsError: it is no ISO date (the form refuses those; a direct call may not).
    """
    value = params.get(name)
    if not value:
        return None
    try:
        day = dt.date.fromisoformat(str(value))
    except ValueError:
        raise SettingsError(
            where=f"param {name}", problem=f"{str(value)[:40]!r} is no date (YYYY-MM-DD)"
        ) from None
    return dt.datetime.combine(day, dt.time(), tzinfo=dt.UTC)


def read_folders(params: Mapping[str, Any]) -> tuple[str, ...] | None:
    """The folders that were asked for; None for the mailbox's own."""
    named = [str(name).strip() for name in params.get("folders") or ()]
    return tuple(name for name in named if name) or None
