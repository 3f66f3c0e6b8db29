"""Stage 7: what changes in the CRM tables. Pure; the transaction itself is an adapter's."""

from mailcrm.publish.failures import classify_failure
from mailcrm.publish.links import (
    REVIEW,
    RULES,
    ContactLink,
    LinkPlan,
    StoredLink,
    plan_link_changes,
    plan_links,
)
from mailcrm.publish.verdicts import plan_verdicts

__all__ = [
    "REVIEW",
    "RULES",
    "ContactLink",
    "LinkPlan",
    "StoredLink",
    "classify_failure",
    "plan_link_changes",
    "plan_links",
    "plan_verdicts",
]
