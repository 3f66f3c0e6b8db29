"""The shared mailbox's checklist: who answered what and when, and what is still open."""

from dataclasses import asdict, fields
from typing import Any

from mailcrm.errors import SettingsError
from mailcrm.records import Mailbox, Ownership, SharedChecklist
from mailcrm.services.wiring import Services

__all__ = ["keep_answers", "read_checklist", "require_checklist"]


def keep_answers(services: Services, mailbox: Mailbox, answered_by: str) -> None:
    """Keep the entry's answers; one that did not change keeps its who and when."""
    if mailbox.shared is not None:
        answers = {name: str(value) for name, value in asdict(mailbox.shared).items()}
        now = services.clock.now()
        services.upkeep.answers.write_answers(mailbox.id, answers, answered_by, now)


def read_checklist(services: Services, mailbox: Mailbox | None) -> dict[str, Any] | None:
    """Each question with answer, who and when; None for a mailbox that is not shared."""
    if mailbox is None or mailbox.ownership is not Ownership.SHARED:
        return None
    known = services.upkeep.answers.read_answers(mailbox.id)
    stored = asdict(mailbox.shared) if mailbox.shared is not None else {}
    return {
        field.name: {
            "answer": stored.get(field.name) or None,
            "answered_by": known[field.name].answered_by if field.name in known else None,
            "answered_at": known[field.name].answered_at if field.name in known else None,
        }
        for field in fields(SharedChecklist)
    }


def require_checklist(mailbox: Mailbox) -> None:
    """Refuse to run a shared mailbox before its owners agreed.

    Raises:
        SettingsError: an answer is missing; names the questions.
    """
    if mailbox.ownership is not Ownership.SHARED:
        return
    answers = asdict(mailbox.shared) if mailbox.shared is not None else {}
    missing = [f.name for f in fields(SharedChecklist) if not str(answers.get(f.name, "")).strip()]
    if missing:
        raise SettingsError(
            where=f"mailbox {mailbox.id}: shared",
            problem=f"answer {', '.join(missing)} before its first run",
        )
