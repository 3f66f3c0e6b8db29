"""What a run meets in the kill harness: mailboxes, and what changed since the run before."""

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from fakes.mail_reader import FakeFolder, FakeMailbox, FakeMessage
from faults.world import NOW, letter

__all__ = ["SCENARIOS", "Scenario"]

MESSAGES = Path(__file__).resolve().parents[1] / "messages"
SINCE = NOW - dt.timedelta(days=7)
UNTIL = NOW + dt.timedelta(days=1)
Change = Callable[[FakeMailbox], None]


@dataclass(frozen=True, slots=True)
class Scenario:
    """The run that is killed, and the undisturbed runs before it.

    `before` are changes, each followed by a whole run over [first_since, until); then comes
    `change` and the run that is killed, over [since, until). `resume` says how it goes on: by a
    "new run", by the "same run" from its beginning (a DAG run that was cleared), or by "tasks":
    the task that was cut short and those after it, under the same lease, as Airflow retries.
    """

    name: str
    change: Change
    before: tuple[Change, ...] = ()
    since: dt.datetime = SINCE
    first_since: dt.datetime = SINCE
    until: dt.datetime = UNTIL
    resume: str = "new run"
    ends: str = "published"


def put(folder: FakeFolder, raw: bytes, arrived: dt.datetime) -> int:
    """Deliver one message; its uid."""
    return folder.add(FakeMessage(raw, arrived, ("\\Seen",)))


def fill(mailbox: FakeMailbox) -> None:
    """Several folders, copies in two of them, a conversation, a bounce, a broken message, files."""
    inbox = mailbox.folders["INBOX"]
    archive = mailbox.create_folder("Archive")
    sent = mailbox.create_folder("Sent", "\\sent")
    start = NOW - dt.timedelta(days=3)
    for number in range(4):
        moment = start + dt.timedelta(hours=number)
        raw = letter(f"talk-{number}", moment)
        put(inbox, raw, moment)
        if number % 2 == 0:
            put(archive, raw, moment)
    reply = letter(
        "reply",
        NOW - dt.timedelta(days=2),
        "In-Reply-To: <talk-1@customer.example>",
        "References: <talk-1@customer.example>",
        sender="sales@acme.example",
        to="ada@customer.example",
    )
    put(sent, reply, NOW - dt.timedelta(days=2))
    anonymous = letter("anonymous", start, sender="charles@engines.example", message_id=None)
    put(inbox, anonymous, start)
    for name in ("bounce_report.eml", "broken.eml", "html_with_quote_and_files.eml"):
        put(inbox, (MESSAGES / name).read_bytes(), NOW - dt.timedelta(days=1))
    put(inbox, letter("nobody", start, sender=""), start)  # no usable sender: quarantined
    put(inbox, letter("old", NOW - dt.timedelta(days=30)), NOW - dt.timedelta(days=30))


def add_news(mailbox: FakeMailbox) -> None:
    """New mail that joins two conversations, a copy elsewhere, a moved and a deleted message."""
    inbox, archive = mailbox.folders["INBOX"], mailbox.folders["Archive"]
    moment = NOW - dt.timedelta(hours=3)
    joins = "References: <talk-2@customer.example> <talk-3@customer.example>"
    put(inbox, letter("joining", moment, joins, sender="mary@customer.example"), moment)
    put(archive, letter("joining", moment, joins, sender="mary@customer.example"), moment)
    put(inbox, letter("unrelated", moment, sender="stranger@else.example"), moment)
    moved = inbox.messages.pop(2)
    put(archive, moved.raw, moved.internaldate or moment)
    del inbox.messages[1]


def renumber(mailbox: FakeMailbox) -> None:
    """The folder was rebuilt: other uidvalidity, other uids, and one new message."""
    old = mailbox.folders["INBOX"]
    fresh = FakeFolder(uidvalidity=mailbox.next_uidvalidity, uidnext=101)
    mailbox.next_uidvalidity += 1
    for message in old.messages.values():
        fresh.add(message)
    moment = NOW - dt.timedelta(hours=2)
    put(fresh, letter("after the rebuild", moment), moment)
    mailbox.folders["INBOX"] = fresh


def misbehave(mailbox: FakeMailbox) -> None:
    """One listed message is never given, one is refused."""
    inbox = mailbox.folders["INBOX"]
    inbox.withheld.add(2)
    inbox.refused.add(3)


def fill_and_misbehave(mailbox: FakeMailbox) -> None:
    """The filled mailbox, on a server with faults."""
    fill(mailbox)
    misbehave(mailbox)


def heal(mailbox: FakeMailbox) -> None:
    """The server gives everything again, but one of the messages is gone."""
    inbox = mailbox.folders["INBOX"]
    inbox.withheld.clear()
    inbox.refused.clear()
    del inbox.messages[3]


def tie(mailbox: FakeMailbox) -> None:
    """500 messages that all arrived in the same second."""
    mailbox.create_folder("Archive")
    mailbox.create_folder("Sent", "\\sent")
    moment = NOW - dt.timedelta(days=1)
    for number in range(500):
        put(mailbox.folders["INBOX"], letter(f"tie-{number}", moment), moment)


def nothing(mailbox: FakeMailbox) -> None:
    """No change."""


SCENARIOS = {
    scenario.name: scenario
    for scenario in (
        Scenario("first", fill),
        Scenario("first_by_tasks", fill, resume="tasks"),
        Scenario("first_cleared", fill, resume="same run"),
        Scenario("news", add_news, (fill,)),
        Scenario("news_by_tasks", add_news, (fill,), resume="tasks"),
        Scenario("widened", nothing, (fill,), since=NOW - dt.timedelta(days=40)),
        Scenario(
            "narrow_then_wide",
            add_news,
            (fill,),
            first_since=NOW - dt.timedelta(days=2, hours=1),
        ),
        Scenario("renumbered", renumber, (fill,)),
        Scenario("renumbered_by_tasks", renumber, (fill,), resume="tasks"),
        Scenario("renumbered_cleared", renumber, (fill,), resume="same run"),
        Scenario("faulty_server", fill_and_misbehave, ends="incomplete"),
        Scenario("healed_server", heal, (fill_and_misbehave,)),
        Scenario("tied", tie),
        Scenario("idle", nothing, (fill,), ends="nothing_new"),
    )
}
