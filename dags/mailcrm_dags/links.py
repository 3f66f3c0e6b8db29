"""Links from Airflow to our pages: their addresses, and the buttons on a task."""

from typing import Any
from urllib.parse import quote

from airflow.sdk import BaseOperatorLink
from airflow.sdk.configuration import conf

from mailcrm_dags.registry import DAG_PREFIX

__all__ = ["CertificateLink", "MailboxLink", "RunLink", "mailbox_url", "quality_url", "run_url"]


class MailboxLink(BaseOperatorLink):
    """To the page of the task's mailbox."""

    @property
    def name(self) -> str:
        """The button's text."""
        return "Mailbox"

    def get_link(self, operator: Any, *, ti_key: Any) -> str:
        """Made by the worker when the task ends; kept as an XCom."""
        return mailbox_url(ti_key.dag_id.removeprefix(DAG_PREFIX))


class RunLink(BaseOperatorLink):
    """To the report of the task's run."""

    @property
    def name(self) -> str:
        """The button's text."""
        return "Run report"

    def get_link(self, operator: Any, *, ti_key: Any) -> str:
        """See `MailboxLink`."""
        return run_url(f"{ti_key.dag_id.removeprefix(DAG_PREFIX)}/{ti_key.run_id}")


class CertificateLink(RunLink):
    """To the certificate in the report of the task's run."""

    @property
    def name(self) -> str:
        """The button's text."""
        return "Certificate"

    def get_link(self, operator: Any, *, ti_key: Any) -> str:
        """See `MailboxLink`."""
        return super().get_link(operator, ti_key=ti_key) + "#certificate"


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
