"""A CRM with published mail, built through the real stores: for what people do with it later."""

import datetime as dt
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Engine, text

from builders import NOON, WINDOW, listed, parsed, passed_report, staged
from mailcrm.adapters.crm_database.contacts import ContactTables
from mailcrm.adapters.crm_database.engine import make_engine, reading
from mailcrm.adapters.crm_database.ledger import LedgerTables
from mailcrm.adapters.crm_database.match_pages import MatchPageTables
from mailcrm.adapters.crm_database.migrate import upgrade
from mailcrm.adapters.crm_database.publish import PublishTables
from mailcrm.adapters.crm_database.quality import QualityCounts
from mailcrm.adapters.crm_database.registry import RegistryTables
from mailcrm.adapters.crm_database.rematch import RematchTables
from mailcrm.adapters.crm_database.reviews import ReviewTables
from mailcrm.adapters.quality_pages import SvgQualityPages
from mailcrm.adapters.staging import StagingTables
from mailcrm.match import ContactIndex, decide_message, plan_companies, plan_lookups
from mailcrm.records import (
    Backfill,
    Contact,
    ContactAddress,
    Encryption,
    Endpoint,
    Mailbox,
    Ownership,
    Participant,
    StagedMessage,
)
from mailcrm.services.match import recognise_batch
from mailcrm.services.review_wiring import ReviewServices

OWN = frozenset({"sales@acme.example"})


class SteppingClock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.moment = NOON

    def now(self) -> dt.datetime:
        return self.moment

    def monotonic(self) -> float:
        return self.moment.timestamp()


@dataclass
class World:
    engine: Engine
    services: ReviewServices
    clock: SteppingClock
    runs: int = 0

    def contacts(self, *contacts: Contact) -> int:
        return self.services.contacts.upsert_contacts(contacts, self.clock.now())

    def publish(self, *rows: StagedMessage, uidvalidity: int = 7) -> str:
        """Run the mailbox once over these messages, decided by the real rules; the run's id."""
        self.runs += 1
        run_id = f"r{self.runs}"
        ledger, staging = LedgerTables(self.engine), StagingTables(self.engine)
        now = self.clock.now()
        lease = ledger.take_lease("sales", run_id, WINDOW, now)
        folder = ledger.open_generation(lease, "INBOX", uidvalidity, now)
        known = ledger.read_entries(folder.generation_id, 1, None)
        news = [row for row in rows if row.uid not in known]
        listing = [listed(row.uid) for row in news]
        ledger.write_listing(lease, folder.generation_id, listing, [], [], now)
        covered = len(rows) - len(news)
        ledger.write_counts(lease, folder.generation_id, len(rows), covered)
        if news:
            staging.write_messages(lease, folder.generation_id, news, now)
        batch = lease.batch_id
        recognised = recognise_batch(staging, batch, OWN)
        contacts, contexts = self.services.contacts, recognised.contexts
        staging.write_first_mark(lease, contacts.read_clock())
        index = ContactIndex(
            contacts.find_contacts(plan_lookups(contexts, OWN)),
            companies=contacts.find_companies(plan_companies(contexts, OWN)),
        )
        decided = [(one, decide_message(one, index, OWN)) for one in contexts]
        staging.write_match(lease, recognised.identities, recognised.conversations, decided)
        publisher = PublishTables(self.engine)
        publisher.write_report(lease, passed_report(batch, staging.batch_hash(batch)), now)
        publisher.publish_batch(lease, now)
        return run_id

    def rows(self, statement: str) -> list[tuple[Any, ...]]:
        with reading(self.engine) as connection:
            return [tuple(row) for row in connection.execute(text(statement))]

    def links(self) -> list[tuple[Any, ...]]:
        return self.rows(
            "SELECT contact_id, rule, decided_by FROM crm_message_contacts"
            " ORDER BY contact_id, message_key"
        )

    def key(self) -> str:
        """The only message's key."""
        ((key,),) = self.rows("SELECT message_key FROM crm_messages")
        assert isinstance(key, str)
        return key


def open_world(url: str) -> World:
    engine = make_engine(url)
    upgrade(engine)
    clock = SteppingClock()
    registry = RegistryTables(engine)
    registry.write_mailbox(mailbox(), clock.now())
    services = ReviewServices(
        clock=clock,
        registry=registry,
        contacts=ContactTables(engine),
        reviews=ReviewTables(engine),
        rematch=RematchTables(engine),
        quality=QualityCounts(engine),
        pages=SvgQualityPages(),
        looks=MatchPageTables(engine),
    )
    return World(engine, services, clock)


def mailbox() -> Mailbox:
    return Mailbox(
        id="sales",
        address="sales@acme.example",
        display_name="Sales",
        imap=Endpoint("imap.acme.example", 993, Encryption.TLS),
        smtp=Endpoint("smtp.acme.example", 587, Encryption.STARTTLS),
        folders=("INBOX",),
        backfill=Backfill(since=None, days=7),
        schedule=None,
        ownership=Ownership.PERSONAL,
    )


def contact(contact_id: str, name: str, *addresses: str) -> Contact:
    own = tuple(ContactAddress(a, is_primary=n == 0) for n, a in enumerate(addresses))
    return Contact(contact_id, name, "", "", own)


def mail(uid: int, address: str, name: str = "", **facts: Any) -> StagedMessage:
    """A message from somebody; `facts` as for `builders.parsed`."""
    facts.setdefault("body", f"Here is what we talked about, number {uid}, in all its detail.")
    message = parsed(f"m{uid}@customer.example", sender=address, **facts)
    people = tuple(
        Participant(p.role, p.position, p.address, name if p.role == "from" else p.display_name)
        for p in message.participants
    )
    return staged(uid, replace(message, participants=people))
