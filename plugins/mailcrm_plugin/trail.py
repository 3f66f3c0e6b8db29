"""Writes down what a person asks for, before it is done."""

from contextlib import AbstractContextManager

from mailcrm.records.trail import Deed
from mailcrm.services.trail import recorded
from mailcrm_plugin.access import Person
from mailcrm_plugin.state import page_services

__all__ = ["written_down"]


def written_down(
    person: Person,
    action: str,
    mailbox_id: str | None = None,
    subject: str | None = None,
    **detail: str | int | float | bool | None,
) -> AbstractContextManager[None]:
    """Around every change that a page makes; see `mailcrm.records.trail.Deed` for the words."""
    deed = Deed(person.user_id, action, mailbox_id, subject, detail)
    return recorded(page_services(), deed)
