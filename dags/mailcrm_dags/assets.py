"""One Airflow asset per mailbox, so that other DAGs can be scheduled on what it publishes."""

from collections.abc import Mapping

from airflow.sdk import Asset, get_current_context

__all__ = ["contacts_asset", "emit_counts", "mailbox_asset"]


def mailbox_asset(mailbox_id: str) -> Asset:
    """The mailbox's messages in the CRM: `Asset(name="mailcrm_sales")`."""
    return Asset(name=f"mailcrm_{mailbox_id}", uri=f"mailcrm://crm/messages/{mailbox_id}")


def contacts_asset() -> Asset:
    """The CRM's contacts; a DAG that changes them lists it among its outlets."""
    return Asset(name="mailcrm_contacts", uri="mailcrm://crm/contacts")


def emit_counts(mailbox_id: str, counts: Mapping[str, str | int]) -> None:
    """Send ids and counts along with the event that the running task's success raises."""
    event = get_current_context()["outlet_events"][mailbox_asset(mailbox_id)]
    event.extra.update(counts)
