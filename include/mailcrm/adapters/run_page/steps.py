"""What an operator can do about a run that did not end well, in both forms of the report."""

from mailcrm.records.report import RunPage

__all__ = ["plan_next_steps"]


def plan_next_steps(page: RunPage) -> tuple[str, ...]:
    """Sentences that each name a command; none where nothing has to be done."""
    box = page.mailbox_id
    held = sum(reason.count for reason in page.quarantine if reason.state == "held")
    steps = []
    if page.state == "held":
        steps += [
            "Nothing of this batch is in the CRM.",
            f"Where a cause was mended: mailcrm run {box} reads and checks it again.",
            "Where it is right as it is: mailcrm batch release "
            f"{page.batch_id} --reason TEXT publishes it exactly as it was checked.",
        ]
    elif page.state in ("incomplete", "failed"):
        steps.append(f"Another run takes up what is open: mailcrm run {box}")
    if held and page.state != "held":
        steps.append(
            f"{held} held back: mailcrm quarantine list --mailbox {box} shows them; quarantine"
            " replay judges them again, quarantine discard gives one up."
        )
    return tuple(steps)
