"""The demo's mail, built from `company`: the same bytes for the same anchor day, every time."""

import datetime as dt
import email.policy
from collections.abc import Iterator
from dataclasses import dataclass
from email.message import EmailMessage
from email.utils import format_datetime, formataddr

from mailcrm.adapters.demo.company import (
    COLLEAGUES,
    CONTACTS,
    MAILBOX_ADDRESS,
    MAILBOX_NAME,
    PRODUCTS,
    THREADS,
    DemoContact,
    Thread,
)

__all__ = ["DemoMessage", "build_messages", "compose"]

POLICY = email.policy.SMTP
CONVERSATIONS = 46
DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday")


@dataclass(frozen=True, slots=True)
class DemoMessage:
    """A message and where it lies: `arrived_at` is aware UTC and becomes its INTERNALDATE."""

    folder: str
    arrived_at: dt.datetime
    raw: bytes
    is_seen: bool = False


@dataclass(frozen=True, slots=True)
class Letter:
    """What `compose` needs for one message."""

    sender: tuple[str, str]
    recipient: tuple[str, str]
    subject: str
    text: str
    message_id: str
    sent_at: dt.datetime
    references: tuple[str, ...] = ()


def compose(letter: Letter, **headers: str) -> EmailMessage:
    """A plain-text message; `headers` are added with `_` written as `-`."""
    message = EmailMessage(policy=POLICY)
    message["From"] = formataddr(letter.sender)
    message["To"] = formataddr(letter.recipient)
    message["Subject"] = letter.subject
    message["Date"] = format_datetime(letter.sent_at)
    message["Message-ID"] = letter.message_id
    if letter.references:
        message["In-Reply-To"] = letter.references[-1]
        message["References"] = " ".join(letter.references)
    for name, value in headers.items():
        message[name.replace("_", "-")] = value
    message.set_content(letter.text + "\n")
    return message


def build_messages(anchor: dt.date) -> list[DemoMessage]:
    """The conversations, most of them inside the week before `anchor`, the rest older.

    Returns:
        Messages of INBOX and Sent, oldest first.
    """
    found: list[DemoMessage] = []
    for number in range(CONVERSATIONS):
        found.extend(_conversation(anchor, number))
    return sorted(found, key=lambda message: (message.arrived_at, message.raw))


def _conversation(anchor: dt.date, number: int) -> Iterator[DemoMessage]:
    """One thread with one customer; every fifth conversation is older than the first window."""
    contact = CONTACTS[number * 7 % len(CONTACTS)]
    thread = THREADS[number % len(THREADS)]
    days_ago = 8 + number % 12 if number % 5 == 4 else 1 + number * 3 % 5
    start = dt.datetime.combine(anchor, dt.time(6, 10), tzinfo=dt.UTC)
    start += dt.timedelta(minutes=number * 7) - dt.timedelta(days=days_ago)
    address = contact.primary_email
    if contact.other_emails and number % 2:  # now and then from the other address
        address = contact.other_emails[0]
    yield from _turns(thread, number, (contact, address), start)


def _turns(
    thread: Thread, number: int, customer: tuple[DemoContact, str], start: dt.datetime
) -> Iterator[DemoMessage]:
    contact, address = customer
    values = {
        "first": contact.full_name.split()[0],
        "product": PRODUCTS[number % len(PRODUCTS)],
        "number": str(40_100 + number * 37),
        "price": f"{480 + number * 23},00",
        "day": DAYS[number % len(DAYS)],
    }
    references: tuple[str, ...] = ()
    theirs, ours = (contact.sender_name, address), (MAILBOX_NAME, MAILBOX_ADDRESS)
    for turn, text in enumerate(thread.turns):
        is_theirs = turn % 2 == 0
        sent_at = start + dt.timedelta(hours=3 * turn, minutes=turn)
        domain = (theirs if is_theirs else ours)[1].partition("@")[2]
        signature = "" if is_theirs else f"\n{COLLEAGUES[number % len(COLLEAGUES)]}"
        letter = Letter(
            sender=theirs if is_theirs else ours,
            recipient=ours if is_theirs else theirs,
            subject=("Re: " if turn else "") + thread.subject.format_map(values),
            text=text.format_map(values) + signature,
            message_id=f"<conversation-{number}.{turn}@{domain}>",
            sent_at=sent_at,
            references=references,
        )
        references = (*references, letter.message_id)
        yield DemoMessage(
            folder="INBOX" if is_theirs else "Sent",
            arrived_at=sent_at + dt.timedelta(seconds=5),
            raw=compose(letter).as_bytes(),
            is_seen=not is_theirs or turn > 0,
        )
