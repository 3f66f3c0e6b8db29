"""Where the pages are, also where Airflow is served below a path."""

from urllib.parse import quote, urlsplit

from airflow.configuration import conf

__all__ = ["AIRFLOW", "ROOT", "dag_path", "mailbox_path"]

AIRFLOW = urlsplit(conf.get("api", "base_url", fallback="") or "").path.rstrip("/")
ROOT = f"{AIRFLOW}/mailcrm"


def mailbox_path(mailbox_id: str) -> str:
    """A mailbox' own page."""
    return f"{ROOT}/mailboxes/{quote(mailbox_id, safe='')}"


def dag_path(mailbox_id: str) -> str:
    """A mailbox' DAG in Airflow; for links with `data-airflow`."""
    return f"{AIRFLOW}/dags/mailbox__{quote(mailbox_id, safe='')}"
