"""Addresses of our pages, for links from Airflow."""

from urllib.parse import quote

from airflow.sdk.configuration import conf

__all__ = ["mailbox_url", "quality_url", "run_url"]


def mailbox_url(mailbox_id: str) -> str:
    """The page of a mailbox."""
    return f"{_base()}/mailcrm/mailboxes/{quote(mailbox_id, safe='')}"


def run_url(run_id: str) -> str:
    """The report of a run of ours (`sales/manual__2026-…`)."""
    return f"{_base()}/mailcrm/runs/{quote(run_id, safe='')}"


def quality_url() -> str:
    """The page on match quality."""
    return f"{_base()}/mailcrm/match"


def _base() -> str:
    """Where people find Airflow; links of owners and tasks have to be whole."""
    return conf.get("api", "base_url", fallback="").rstrip("/") or "http://localhost:8080"
