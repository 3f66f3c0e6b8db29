"""Stage 7: what changes in the CRM tables. Pure; the transaction itself is an adapter's."""

from mailcrm.publish.failures import classify_failure
from mailcrm.publish.links import ContactLink, plan_links

__all__ = ["ContactLink", "classify_failure", "plan_links"]
