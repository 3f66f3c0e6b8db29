"""Tells Airflow of mailcrm's pages; what they are made of is loaded with the first request."""

from urllib.parse import urlsplit

from airflow.configuration import conf
from airflow.plugins_manager import AirflowPlugin

from mailcrm_plugin import LazyPages

# Airflow may be served below a path; it knows which, and the browser needs it.
ROOT = urlsplit(conf.get("api", "base_url", fallback="") or "").path.rstrip("/") + "/mailcrm"


class MailcrmPages(AirflowPlugin):
    """The pages under /mailcrm, their places in the navigation, and a tab on each DAG."""

    name = "mailcrm_pages"
    fastapi_apps = [  # noqa: RUF012 the form that Airflow reads
        {"app": LazyPages(), "url_prefix": "/mailcrm", "name": "mailcrm"}
    ]
    external_views = [  # noqa: RUF012 the form that Airflow reads
        {
            "name": "Mailboxes",
            "href": f"{ROOT}/mailboxes",
            "destination": "nav",
            "url_route": "mailboxes",
            "nav_top_level": True,
            "icon": f"{ROOT}/static/mailbox.svg",
            "icon_dark_mode": f"{ROOT}/static/mailbox-dark.svg",
        },
        {
            "name": "Match quality",
            "href": f"{ROOT}/match",
            "destination": "nav",
            "url_route": "match-quality",
            "category": "browse",
        },
        {
            "name": "Review queue",
            "href": f"{ROOT}/reviews",
            "destination": "nav",
            "url_route": "review-queue",
            "category": "browse",
        },
        {
            "name": "Quarantine",
            "href": f"{ROOT}/quarantine",
            "destination": "nav",
            "url_route": "quarantine",
            "category": "browse",
        },
        {
            "name": "Mailbox",
            "href": f"{ROOT}/dag?dag_id={{DAG_ID}}",
            "destination": "dag",
            "url_route": "mailbox",
        },
    ]
