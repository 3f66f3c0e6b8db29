"""What `mailbox rotate` prints."""

from typing import TYPE_CHECKING

from mailcrm.cli.output import EXIT_FAILED, EXIT_FINE, Reply
from mailcrm.cli.sync import complain, verification_fields
from mailcrm.records import Direction

if TYPE_CHECKING:
    from rich.console import Console

    from mailcrm.services.rotate import Rotation

__all__ = ["rotation_reply"]


def rotation_reply(mailbox_id: str, rotation: "Rotation") -> Reply:
    """The verification of the new secret, whether it is stored, and what is left to do."""
    document: dict[str, object] = {"mailbox": mailbox_id}
    for direction in Direction:
        result = rotation.results.get(direction)
        document[direction.value] = None if result is None else verification_fields(result)
    document["accepted"] = rotation.is_accepted
    document["stored"] = sorted(direction.value for direction in rotation.stored)
    document["to_do"] = {d.value: text for d, text in rotation.to_do.items()}

    def show(console: "Console") -> None:
        from mailcrm.cli.show import show_verification

        show_verification(console, document)
        console.print(_outcome(mailbox_id, rotation))

    if rotation.is_accepted:
        return Reply(document, show, EXIT_FINE)
    complaint = complain(mailbox_id, rotation.results.values())
    return Reply(document, show, EXIT_FAILED, complaint=complaint)


def _outcome(mailbox_id: str, rotation: "Rotation") -> str:
    if not rotation.is_accepted:
        return "Not accepted: nothing was changed, the old secret stays in use."
    if not rotation.to_do:
        return f"Stored: the next run of {mailbox_id} uses the new secret."
    steps = "\n".join(f"  {d.value}: {text}" for d, text in rotation.to_do.items())
    return f"Verified, and not stored, because this store cannot be written from here:\n{steps}"
