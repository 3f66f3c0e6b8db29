"""Measure what the audit pages ask of a database with N messages.

    PYTHONPATH=tests .venv/bin/python benchmarks/pages.py [N] [--only KIND]

N defaults to 1,000,000, in fresh databases: a SQLite file in the temporary folder, and a
PostgreSQL that is started for it with the tests' settings. Messages are made in the database, two
participants each, of 20 mailboxes with 50 runs; one in a thousand waits for a person, one in 500
is in quarantine. Printed: median and worst of ten calls, in milliseconds, of each service that a
page calls; what is kept for five minutes there is marked.
"""

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from pydantic import SecretStr
from sqlalchemy import Connection, text

from mailcrm.adapters.crm_database.engine import make_engine, writing
from mailcrm.services.audit import (
    count_unmatched,
    page_reviews,
    page_timeline,
    search_contacts,
    view_case,
)
from mailcrm.services.held_view import count_held, page_held
from mailcrm.services.match_quality import measure_quality
from mailcrm.services.review_wiring import open_review_services
from mailcrm.services.wiring import open_services, upgrade_database
from mailcrm.settings import Settings
from servers.postgres import run_postgres

MAILBOXES = [f"m{number}" for number in range(20)]
RUNS = 50
CONTACTS = 100_000
CALLS = 10
# The latest message is of today, and they are a minute apart.
MOMENT = {
    "sqlite": "strftime('%Y-%m-%d %H:%M:%S.000000', {first} + i * 60, 'unixepoch')",
    "postgresql": "to_timestamp({first} + i * 60)",
}
NUMBERS = "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < :n) "
BATCH = f"'b' || (i % {len(MAILBOXES) * RUNS})"
STATEMENTS = (
    (
        "runs",
        "INSERT INTO sync_runs (run_id, mailbox_id, batch_id, token, window_since, window_until,"
        " window_is_open, state, started_at) SELECT 'r' || i, 'm' || (i % 20), 'b' || i, 1,"
        " {at}, {at}, true, 'published', {at} FROM n",
    ),
    (
        "contacts",
        "INSERT INTO crm_contacts (contact_id, full_name, company, domain, updated_at)"
        " SELECT 'c' || i, 'Name ' || i, 'Company ' || (i % 5000), '', {at} FROM n",
    ),
    (
        "messages",
        "INSERT INTO crm_messages (message_key, message_id, subject, sent_at, sent_at_source,"
        " received_at, direction, from_address, from_name, body_text, snippet, size_bytes,"
        " attachment_count, conversation_key, kind, is_conflict, batch_id, published_at)"
        " SELECT 'k' || i, 'id' || i, 'Subject ' || i, {at}, 'date', {at}, 'inbound',"
        " 'a' || (i % 50000) || '@x.example', 'Name', 'Text of ' || i, 'Text', 1000, 0,"
        f" 'v' || (i / 4), 'person', false, {BATCH}, {{at}} FROM n",
    ),
    (
        "messages",
        "INSERT INTO crm_message_participants (message_key, role, position, address,"
        " display_name) SELECT 'k' || i, 'from', 0, 'a' || (i % 50000) || '@x.example', 'Name'"
        " FROM n UNION ALL SELECT 'k' || i, 'to', 0, 'sales@acme.example', '' FROM n",
    ),
    (
        "messages",
        "INSERT INTO match_decisions (message_key, role, position, outcome, contact_id,"
        " candidates, rule, rule_version, score) SELECT 'k' || i, 'from', 0,"
        " CASE WHEN i % 1000 = 0 THEN 'possible' WHEN i % 3 = 0 THEN 'unmatched' ELSE 'matched'"
        f" END, CASE WHEN i % 3 = 0 THEN NULL ELSE 'c' || (i % {CONTACTS}) END, '[]',"
        " 'exact_address', '2026.1', 0.95 FROM n",
    ),
    (
        "messages",
        "INSERT INTO crm_message_contacts (message_key, contact_id, roles, rule, score,"
        f" decided_by, decided_at) SELECT 'k' || i, 'c' || (i % {CONTACTS}), 'from',"
        " 'exact_address', 0.95, 'rules', {at} FROM n WHERE i % 3 <> 0",
    ),
    (
        "held",
        "INSERT INTO sync_quarantine (mailbox_id, folder, uidvalidity, uid, rule, reason, raw,"
        " state, attempts, batch_id, created_at, updated_at) SELECT 'm' || (i % 20), 'INBOX', 1,"
        f" i + 1, 'sender_missing', 'none', NULL, 'held', 1, {BATCH}, {{at}}, {{at}} FROM n",
    ),
)


def fill(connection: Connection, count: int) -> None:
    """Make all rows inside the database."""
    sizes = {"runs": len(MAILBOXES) * RUNS, "contacts": CONTACTS, "messages": count}
    for name, statement in STATEMENTS:
        rows = sizes.get(name, count // 500)
        dialect = connection.dialect.name
        words = statement.format(at=MOMENT[dialect].format(first=int(time.time()) - count * 60))
        head, _, select = words.partition(" SELECT ")
        # SQLite takes the numbers before INSERT, PostgreSQL before either.
        connection.execute(text(f"{NUMBERS}{head} SELECT {select}"), {"n": rows})
    connection.execute(text("ANALYZE"))


@contextmanager
def databases(only: str | None) -> Iterator[Sequence[tuple[str, str]]]:
    """Fresh ones, by kind."""
    with tempfile.TemporaryDirectory() as folder:
        found = [("sqlite", f"sqlite:///{Path(folder) / 'pages.db'}")]
        if only == "sqlite":
            yield found
            return
        with run_postgres() as server:
            found.append(("postgresql", server.create_database()))
            yield [one for one in found if only in (None, one[0])]


def timed(call: Callable[[], object]) -> tuple[float, float]:
    """Median and worst of some calls, in milliseconds."""
    spent = []
    for _ in range(CALLS):
        started = time.perf_counter()
        call()
        spent.append(1000 * (time.perf_counter() - started))
    return statistics.median(spent), max(spent)


def measure(url: str) -> Iterator[tuple[str, float, float]]:
    """Each call of the pages."""
    settings = Settings(database_url=SecretStr(url))
    with open_services(settings) as services, open_review_services(settings) as looks:
        cases = page_reviews(looks, MAILBOXES, None, 26)
        last = (cases[-1].sent_at, cases[-1].place)
        calls: dict[str, Callable[[], object]] = {
            "review queue": lambda: page_reviews(looks, MAILBOXES, None, 26),
            "review queue, next page": lambda: page_reviews(looks, MAILBOXES, last, 26),
            "why": lambda: view_case(looks, cases[0].place),
            "timeline": lambda: page_timeline(looks, "c1", MAILBOXES, None, 51),
            "contact search": lambda: search_contacts(looks, "name 999", 8),
            "quarantine": lambda: page_held(services, MAILBOXES, None, None, 51),
            "quarantine by rule": lambda: count_held(services, MAILBOXES),
            "unknown senders (kept)": lambda: count_unmatched(looks, MAILBOXES, 90, 25),
            "counts (kept)": lambda: measure_quality(looks, MAILBOXES),
        }
        for name, call in calls.items():
            yield name, *timed(call)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("count", nargs="?", type=int, default=1_000_000)
    parser.add_argument("--only", choices=("sqlite", "postgresql"))
    asked = parser.parse_args()
    with databases(asked.only) as found:
        for kind, url in found:
            upgrade_database(Settings(database_url=SecretStr(url)))
            engine = make_engine(url)
            with writing(engine) as connection:
                fill(connection, asked.count)
            engine.dispose()
            sys.stdout.write(f"{kind}, {asked.count:,} messages: milliseconds, median and worst\n")
            for name, median, worst in measure(url):
                sys.stdout.write(f"  {name:<28} {median:8.1f} {worst:8.1f}\n")
                sys.stdout.flush()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
