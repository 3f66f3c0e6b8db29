"""Measure how fast messages are recognised, matched, and decided on again.

`python benchmarks/match_speed.py [--database URL] [--messages N] [--contacts N] [--stored N]`

Makes contacts, stages a batch of messages of made-up people as `fetch` would, runs the service
`match` on it, publishes it, and changes one contact before `rematch`. Half of the senders are
contacts, a tenth of the messages are answers, each has two to four participants. Prints one line
for each part: what, how many, seconds of this process (CPU), seconds by the clock. Without
`--database` it is a SQLite file in a temporary folder; a PostgreSQL database must be empty.
"""

import argparse
import dataclasses
import datetime as dt
import random
import re
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

from pydantic import SecretStr

from mailcrm.dedupe import plan_identity
from mailcrm.match import ContactIndex, decide_message, plan_contact_keys, plan_lookups
from mailcrm.records import (
    Backfill,
    CheckReport,
    CheckResult,
    Contact,
    ContactAddress,
    Encryption,
    Endpoint,
    Lease,
    ListedMessage,
    Mailbox,
    MessageContext,
    Ownership,
    ParsedMessage,
    Participant,
    StagedMessage,
    Window,
)
from mailcrm.services.match import run_match
from mailcrm.services.rematch import run_rematch
from mailcrm.services.review_wiring import open_review_services
from mailcrm.services.wiring import Services, open_services, upgrade_database
from mailcrm.settings import Settings

T = TypeVar("T")
NOON = dt.datetime(2026, 11, 3, 12, tzinfo=dt.UTC)
OURS = "sales@acme.example"
CHUNK = 5_000
WORDS = tuple(f"{a}{b}{c}" for a in "bdfgklmnprstvz" for b in "aeiou" for c in "lnrst")


def measured(what: str, count: int, work: Callable[[], T]) -> T:
    """Run it, and print what it took."""
    cpu, wall = time.process_time(), time.perf_counter()
    result = work()
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    sys.stdout.write(f"{what:<42}{count:>9,}{cpu:>9.3f} s CPU{wall:>9.3f} s\n")
    sys.stdout.flush()
    return result


def name_of(number: int) -> str:
    """A name of two words; about every fiftieth person shares his with another."""
    size = len(WORDS)
    number = number // 2 if number % 50 < 2 else number
    return f"{WORDS[number % size]} {WORDS[(number // size) % size]}{WORDS[number % 97]}".title()


def address_of(number: int) -> str:
    """An address at one of 5,000 companies, or for every fourth at a free-mail provider."""
    host = "gmail.com" if number % 4 == 0 else f"company{number % 5_000}.example"
    return f"{name_of(number).lower().replace(' ', '.')}{number}@{host}"


def make_contact(number: int) -> Contact:
    """One contact; every third has a second address."""
    addresses = [ContactAddress(address_of(number), is_primary=True)]
    if number % 3 == 0:
        addresses.append(ContactAddress(f"p{number}@home.example", is_primary=False))
    domain = f"company{number % 5_000}.example"
    return Contact(f"C-{number:06d}", name_of(number), "", domain, tuple(addresses))


def make_message(number: int, known: int, chance: random.Random) -> ParsedMessage:
    """One message; `known` is how many people are contacts: every second sender is one."""
    person = chance.randrange(known) * (1 if number % 2 else -1)
    sender, name = address_of(abs(person)), name_of(abs(person))
    if person < 0:
        sender, name = f"x{sender}", f"{name}ova"
    people = [Participant("from", 0, sender, name), Participant("to", 0, OURS, "Acme Sales")]
    for position in range(number % 3):
        other = chance.randrange(known)
        people.append(Participant("cc", position, address_of(other), name_of(other)))
    text = " ".join(chance.choices(WORDS, k=chance.randrange(30, 300)))
    return ParsedMessage(
        message_id=f"{number}.{person}@mx.example",
        subject=f"Order {number}",
        sent_at=NOON + dt.timedelta(seconds=number),
        sent_at_source="date",
        participants=tuple(people),
        body_text=text,
        new_text=text,
        size_bytes=len(text) + 400,
        kind="person",
        references=(f"{number - 7}.0@mx.example",) if number % 10 == 0 else (),
    )


def make_rows(first: int, count: int, known: int) -> Iterator[StagedMessage]:
    """Messages as `fetch` stages them, with uids from `first` on."""
    chance = random.Random(first)
    for number in range(first, first + count):
        message = make_message(number, known, chance)
        yield StagedMessage(
            uid=number,
            internaldate=message.sent_at,
            received_at=message.sent_at,
            flags=(),
            parsed=message,
            identity=plan_identity(message),
            direction="inbound",
            auth_result=None,
            disposition="publish",
            rule=None,
            reason=None,
            raw=None,
        )


def make_mailbox() -> Mailbox:
    """The mailbox that all messages come from."""
    return Mailbox(
        id="sales",
        address=OURS,
        display_name="Sales",
        imap=Endpoint("imap.acme.example", 993, Encryption.TLS),
        smtp=Endpoint("smtp.acme.example", 587, Encryption.STARTTLS),
        folders=("INBOX",),
        backfill=Backfill(since=None, days=7),
        schedule=None,
        ownership=Ownership.PERSONAL,
    )


def stage(services: Services, run_id: str, rows: Sequence[StagedMessage]) -> Lease:
    """List and stage the rows under a new lease."""
    ledger, now = services.ledger, services.clock.now()
    window = Window(NOON - dt.timedelta(days=30), None)
    lease = ledger.take_lease("sales", run_id, window, now)
    folder = ledger.open_generation(lease, "INBOX", 7, now).generation_id
    for start in range(0, len(rows), CHUNK):
        part = rows[start : start + CHUNK]
        listing = [ListedMessage(row.uid, row.internaldate, 500) for row in part]
        ledger.write_listing(lease, folder, listing, [], [], now)
        services.staging.write_messages(lease, folder, part, now)
    ledger.write_counts(lease, folder, len(rows), 0)
    return lease


def publish(services: Services, lease: Lease) -> None:
    """Publish as if the gate had passed the batch."""
    now = services.clock.now()
    digest = services.staging.batch_hash(lease.batch_id)
    passed = (CheckResult("rows", "schema", "batch", passed=True),)
    services.publisher.write_report(lease, CheckReport(lease.batch_id, digest, passed), now)
    services.publisher.publish_batch(lease, now)


def measure_stages(messages: int, contacts: Sequence[Contact]) -> None:
    """The pure part: identity, keys, index and decisions, without a database."""
    rows = list(make_rows(10_000_000, messages, len(contacts)))
    measured("identity of a message", messages, lambda: [plan_identity(r.parsed) for r in rows])
    long = dataclasses.replace(
        rows[0].parsed, body_text=" ".join(r.parsed.body_text for r in rows[:30])
    )
    measured("identity of 25 kB texts", 1_000, lambda: [plan_identity(long) for _ in range(1_000)])
    pairs = [(key, one) for one in contacts for key in plan_contact_keys(one)]
    contexts = [
        MessageContext(1, r.uid, str(r.uid), "person", "inbound", None, None, r.parsed.participants)
        for r in rows
    ]
    own = frozenset({OURS})

    def match() -> int:
        wanted = plan_lookups(contexts, own)
        index = ContactIndex((key, one) for key, one in pairs if key in wanted)
        return sum(len(decide_message(one, index, own)) for one in contexts)

    measured("matching, without a database", messages, match)


def measure_match(services: Services, first: int, count: int, known: int) -> None:
    """One batch through the service, with and without what is stored already."""
    lease = stage(services, f"r{first}", list(make_rows(first, count, known)))
    result = measured("dedupe and match of a batch", count, lambda: run_match(services, lease))
    sys.stdout.write(f"    {dict(result.outcomes)}\n")
    publish(services, lease)


def writer(known: int) -> int:
    """The number of a contact who wrote one of the stored messages."""
    senders = (row.parsed.sender() for row in make_rows(1_000, 10, known))
    addresses = [one.address for one in senders if one is not None]
    return next(int(re.sub(r"\D", "", one.partition("@")[0])) for one in addresses if one[0] != "x")


def measure_rematch(settings: Settings, stored: int, known: int) -> None:
    """One contact changes; then nothing does."""
    with open_review_services(settings) as services:
        measured("rematch, first mark", stored, lambda: run_rematch(services))
        changed = dataclasses.replace(make_contact(writer(known)), full_name="Somebody Else")
        services.contacts.upsert_contacts([changed], services.clock.now())
        report = measured("rematch after one contact", stored, lambda: run_rematch(services))
        sys.stdout.write(f"    decided on again: {len(report.messages)} messages\n")


def main() -> None:
    """Measure everything that was asked for."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--database", help="URL of an empty database; default: a SQLite file")
    parser.add_argument("--messages", type=int, default=20_000, help="messages of the batch")
    parser.add_argument("--contacts", type=int, default=100_000, help="contacts in the CRM")
    parser.add_argument("--stored", type=int, default=20_000, help="messages stored for rematch")
    chosen = parser.parse_args()
    contacts = [make_contact(number) for number in range(chosen.contacts)]
    measure_stages(chosen.messages, contacts)
    with tempfile.TemporaryDirectory() as folder:
        url = None if chosen.database is None else SecretStr(chosen.database)
        settings = Settings(home=Path(folder), database_url=url)
        upgrade_database(settings)
        with open_services(settings) as services:
            services.registry.write_mailbox(make_mailbox(), services.clock.now())
            now = services.clock.now()
            measured(
                "import of contacts",
                len(contacts),
                lambda: services.contacts.upsert_contacts(contacts, now),
            )
            measure_match(services, 1, 10, chosen.contacts)
            measure_match(services, 1_000, chosen.messages, chosen.contacts)
            first = 1_000 + chosen.messages
            while first < 1_000 + chosen.stored:
                lease = stage(services, f"s{first}", list(make_rows(first, 20_000, len(contacts))))
                run_match(services, lease)
                publish(services, lease)
                first += 20_000
        measure_rematch(settings, max(chosen.stored, chosen.messages), chosen.contacts)


if __name__ == "__main__":
    main()
