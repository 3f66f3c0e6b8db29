"""A parsed message: everything the later stages know about it."""

import datetime as dt
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Participant:
    """One address in one header field.

    `role` is from, sender, reply_to, to, cc or bcc; `position` counts from 0 within the role;
    `address` is the addr-spec as written (domain lower-cased), `display_name` decoded or "".
    """

    role: str
    position: int
    address: str
    display_name: str


@dataclass(frozen=True, slots=True)
class Attachment:
    """An attachment's metadata; `part` is its IMAP part number, `size_bytes` of decoded bytes."""

    part: str
    filename: str
    content_type: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class BounceReport:
    """A failed recipient out of a delivery report.

    `status` is the enhanced code (5.1.1) or None; `original_message_id` None where not given.
    """

    recipient: str
    status: str | None
    diagnostic: str
    original_message_id: str | None


@dataclass(frozen=True, slots=True)
class ParsedMessage:
    """What parsing made of a message's bytes; every text fits both databases.

    `message_id` is the id without angle brackets, None where missing or empty; `in_reply_to`
    and `references` hold ids in the same form, oldest first. `sent_at` is aware UTC;
    `sent_at_source` is date, received, internaldate, now, or none (then `sent_at` is 1970-01-01).
    `new_text` is `body_text` without quoted
    history and signature. `kind` is person, bulk, auto_reply, bounce or list. `auth_results` are
    the raw Authentication-Results values, topmost first. `defects` name what was odd, empty for
    clean mail; `partial` is true where something of the message could not be decoded.
    """

    message_id: str | None
    subject: str
    sent_at: dt.datetime
    sent_at_source: str
    participants: tuple[Participant, ...]
    body_text: str
    new_text: str
    size_bytes: int
    kind: str
    attachments: tuple[Attachment, ...] = ()
    in_reply_to: tuple[str, ...] = ()
    references: tuple[str, ...] = ()
    list_id: str | None = None
    auth_results: tuple[str, ...] = ()
    bounces: tuple[BounceReport, ...] = ()
    headers: dict[str, str] = field(default_factory=dict)
    defects: tuple[str, ...] = ()
    partial: bool = False

    def without_text(self) -> "ParsedMessage":
        """The same message without anything that its bytes say in words."""
        return ParsedMessage(
            message_id=None,
            subject="",
            sent_at=self.sent_at if self.sent_at.tzinfo else self.sent_at.replace(tzinfo=dt.UTC),
            sent_at_source=self.sent_at_source,
            participants=(),
            body_text="",
            new_text="",
            size_bytes=min(max(self.size_bytes, 0), 2**63 - 1),
            kind=self.kind,
            partial=self.partial,
        )

    def sender(self) -> Participant | None:
        """The first From, None where there is no usable one."""
        return next((p for p in self.participants if p.role == "from"), None)


@dataclass(frozen=True, slots=True)
class Quarantined:
    """A message held back: where it is, by which rule, and why in one line."""

    generation_id: int
    uid: int
    rule: str
    reason: str
