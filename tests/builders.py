"""Small, whole records for tests; every field that matters is an argument."""

import datetime as dt

from mailcrm.dedupe import plan_identity
from mailcrm.records import (
    BounceReport,
    CheckReport,
    CheckResult,
    ListedMessage,
    ParsedMessage,
    Participant,
    StagedMessage,
    Window,
)

NOON = dt.datetime(2026, 11, 10, 12, tzinfo=dt.UTC)
WINDOW = Window(NOON - dt.timedelta(days=7), NOON + dt.timedelta(days=7))


def parsed(
    message_id: str | None,
    sender: str = "ada@customer.example",
    to: tuple[str, ...] = ("sales@acme.example",),
    subject: str = "An offer",
    body: str = "Dear all, here is what we talked about yesterday at noon.",
    sent_at: dt.datetime = NOON,
    references: tuple[str, ...] = (),
    kind: str = "person",
    bounces: tuple[BounceReport, ...] = (),
) -> ParsedMessage:
    """A parsed message."""
    people = [Participant("from", 0, sender, "")]
    people += [Participant("to", i, address, "") for i, address in enumerate(to)]
    return ParsedMessage(
        message_id=message_id,
        subject=subject,
        sent_at=sent_at,
        sent_at_source="date",
        participants=tuple(people),
        body_text=body,
        new_text=body,
        size_bytes=500,
        kind=kind,
        references=references,
        bounces=bounces,
    )


def staged(uid: int, message: ParsedMessage, disposition: str = "publish") -> StagedMessage:
    """A staged message."""
    return StagedMessage(
        uid=uid,
        internaldate=message.sent_at,
        received_at=message.sent_at,
        flags=("\\Seen",),
        parsed=message,
        identity=plan_identity(message),
        direction="inbound",
        auth_result=None,
        disposition=disposition,
        rule="sender_missing" if disposition == "quarantined" else None,
        reason="no sender" if disposition == "quarantined" else None,
        raw=b"raw bytes" if disposition == "quarantined" else None,
    )


def listed(uid: int, internaldate: dt.datetime = NOON) -> ListedMessage:
    """A listed message."""
    return ListedMessage(uid, internaldate, 500)


def passed_report(batch_id: str, batch_hash: str, *failed: str) -> CheckReport:
    """A gate's report; the named checks failed."""
    results = [CheckResult("rows", "schema", "batch", passed=True)]
    results += [CheckResult(name, "schema", "batch", passed=False) for name in failed]
    return CheckReport(batch_id, batch_hash, tuple(results))
