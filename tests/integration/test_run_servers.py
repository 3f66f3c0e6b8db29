"""The whole pipeline on real servers and both databases: exactly the window, exactly once."""

import datetime as dt
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr
from sqlalchemy import Engine, text

from mailcrm.adapters.crm_database.engine import make_engine, reading
from mailcrm.records import Contact, ContactAddress, VerifyState
from mailcrm.records.mailbox import Direction
from mailcrm.services.preview import run_preview
from mailcrm.services.run import RunReport, run_mailbox
from mailcrm.services.status import read_status
from mailcrm.services.wiring import Services, open_services, upgrade_database
from mailcrm.settings import Settings
from servers.imap_user import Append, ImapUser
from servers.mailboxes import make_mailbox

SINCE = dt.datetime(2026, 11, 10, tzinfo=dt.UTC)
UNTIL = dt.datetime(2026, 11, 12, tzinfo=dt.UTC)
SECOND = dt.timedelta(seconds=1)


def mail(number: int, sender: str = "ann@customer.example", extra: str = "") -> bytes:
    return (
        f"From: {sender}\r\nTo: sales@acme.example\r\nSubject: Question {number}\r\n"
        f"Message-ID: <q{number}@customer.example>\r\n{extra}"
        f"Date: Tue, 10 Nov 2026 10:00:00 +0000\r\n\r\nQuestion {number}, at some length.\r\n"
    ).encode()


def connect(services: Services, user: ImapUser, *folders: str) -> None:
    mailbox = make_mailbox(imap_port=user.server.imap_port, folders=folders or ("INBOX",))
    services.registry.write_mailbox(mailbox, services.clock.now())


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    engine = make_engine(database_url)
    yield engine
    engine.dispose()


@pytest.fixture
def services(
    database_url: str,
    tmp_path: Path,
    imap_user: ImapUser,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Services]:
    for direction in ("IMAP", "SMTP"):
        login = {"login": imap_user.name, "password": imap_user.server.password}
        secret = json.dumps({"conn_type": "imap"} | login)
        monkeypatch.setenv(f"AIRFLOW_CONN_MAILBOX_SALES_{direction}", secret)
    settings = Settings(home=tmp_path, database_url=SecretStr(database_url))
    upgrade_database(settings)
    with open_services(settings) as services:
        yield services


def published(engine: Engine) -> list[str]:
    with reading(engine) as connection:
        rows = connection.execute(text("SELECT message_id FROM crm_messages ORDER BY message_id"))
        return [row[0].partition("@")[0] for row in rows]


def fine(report: RunReport) -> RunReport:
    assert report.failure is None
    assert report.summary is not None
    assert report.summary.certificate.balanced
    return report


def test_run_window_publishes_exactly_what_lies_inside_to_the_second(
    services: Services, engine: Engine, imap_user: ImapUser
) -> None:
    moments = [SINCE - SECOND, SINCE, UNTIL - SECOND, UNTIL]
    imap_user.append("INBOX", *[Append(mail(n), m) for n, m in enumerate(moments)])
    connect(services, imap_user)
    before = imap_user.flags()
    report = fine(run_mailbox(services, "sales", SINCE, UNTIL))
    assert published(engine) == ["q1", "q2"]
    assert report.to_json()["totals"]["listed"] == 2
    assert imap_user.flags() == before


@pytest.mark.parametrize("zone_hours", [-12, 14])
def test_run_window_far_zone_is_utc_all_the_same(
    services: Services, engine: Engine, imap_user: ImapUser, zone_hours: int
) -> None:
    zone = dt.timezone(dt.timedelta(hours=zone_hours))
    moments = [SINCE - SECOND, SINCE, UNTIL - SECOND, UNTIL]
    appends = [Append(mail(n), m.astimezone(zone)) for n, m in enumerate(moments)]
    imap_user.append("INBOX", *appends)
    connect(services, imap_user)
    fine(run_mailbox(services, "sales", SINCE, UNTIL))
    assert published(engine) == ["q1", "q2"]


def test_run_again_publishes_nothing_and_reads_no_body(
    services: Services, engine: Engine, imap_user: ImapUser
) -> None:
    imap_user.append("INBOX", *[Append(mail(n), SINCE) for n in range(30)])
    connect(services, imap_user)
    first = fine(run_mailbox(services, "sales", SINCE))
    again = fine(run_mailbox(services, "sales", SINCE))
    totals = again.to_json()["totals"]
    assert (totals["published"], totals["already_covered"]) == (0, 30)
    assert again.bytes_received < first.bytes_received / 2
    assert again.commands_sent <= 20
    assert len(published(engine)) == 30


def test_run_widened_narrowed_shifted_gives_the_union(
    services: Services, engine: Engine, imap_user: ImapUser
) -> None:
    day = dt.timedelta(days=1)
    imap_user.append("INBOX", *[Append(mail(n), SINCE + n * day) for n in range(9)])
    connect(services, imap_user)
    for low, high in ((3, 5), (4, 5), (2, 6), (7, 8)):
        fine(run_mailbox(services, "sales", SINCE + low * day, SINCE + high * day))
    assert published(engine) == ["q2", "q3", "q4", "q5", "q7"]


def test_run_same_message_in_two_folders_is_one_with_two_sightings(
    services: Services, engine: Engine, imap_user: ImapUser
) -> None:
    imap_user.append("INBOX", Append(mail(1), SINCE))
    sent = imap_user.folder("Sent")
    imap_user.append(sent, Append(mail(1), SINCE))
    connect(services, imap_user, "INBOX", sent)
    totals = fine(run_mailbox(services, "sales", SINCE)).to_json()["totals"]
    assert (totals["listed"], totals["published"], totals["duplicate"]) == (2, 1, 1)
    with reading(engine) as connection:
        sightings = connection.execute(
            text("SELECT folder FROM crm_message_sightings ORDER BY folder")
        )
        assert [row[0] for row in sightings] == ["INBOX", sent]


def test_run_folder_made_anew_is_relinked_without_reading(
    services: Services, engine: Engine, imap_user: ImapUser
) -> None:
    work = imap_user.folder("Work")
    imap_user.create_folder(work)
    appends = [Append(mail(n), SINCE + n * SECOND) for n in range(5)]
    imap_user.append(work, *appends)
    connect(services, imap_user, work)
    fine(run_mailbox(services, "sales", SINCE))
    with reading(engine) as connection:
        keys = connection.execute(text("SELECT message_key FROM crm_messages ORDER BY 1")).all()
    imap_user.delete_folder(work)
    imap_user.create_folder(work)
    imap_user.append(work, *appends, Append(mail(9), SINCE))
    report = fine(run_mailbox(services, "sales", SINCE)).to_json()
    assert report["folders"][0]["generation"] == 2
    assert (report["totals"]["published"], report["totals"]["duplicate"]) == (1, 5)
    assert report["notes"] == [f"folder '{work}': generation 2, 5 relinked"]
    with reading(engine) as connection:
        after = connection.execute(text("SELECT message_key FROM crm_messages ORDER BY 1")).all()
    assert set(keys) < set(after)
    assert len(after) == 6


def test_run_missing_folder_harms_only_itself(
    services: Services, engine: Engine, imap_user: ImapUser
) -> None:
    imap_user.append("INBOX", Append(mail(1), SINCE))
    connect(services, imap_user, "INBOX", imap_user.folder("Nowhere"))
    report = run_mailbox(services, "sales", SINCE)
    assert published(engine) == ["q1"]
    assert report.failure is not None
    assert "Nowhere" in str(report.failure)


def test_run_smtp_unreachable_reads_all_the_same(
    services: Services, engine: Engine, imap_user: ImapUser
) -> None:
    imap_user.append("INBOX", Append(mail(1), SINCE))
    connect(services, imap_user)
    report = fine(run_mailbox(services, "sales", SINCE))
    assert report.verify[Direction.SMTP].state is VerifyState.UNREACHABLE
    assert published(engine) == ["q1"]


def test_run_broken_message_is_quarantined_with_its_bytes(
    services: Services, engine: Engine, imap_user: ImapUser
) -> None:
    headers = b"\x00" if imap_user.takes_anything else b"X-Odd: 1\r\n\r\n"
    broken = headers + b"\xff no message at all\r\n"
    imap_user.append("INBOX", Append(mail(1), SINCE), Append(broken, SINCE))
    connect(services, imap_user)
    totals = fine(run_mailbox(services, "sales", SINCE)).to_json()["totals"]
    assert (totals["published"], totals["quarantined"]) == (1, 1)
    with reading(engine) as connection:
        row = connection.execute(text("SELECT raw, state, rule FROM sync_quarantine")).one()
    assert b"no message at all" in bytes(row[0])
    assert row[1] == "held"


def test_run_shared_address_is_ambiguous_with_both_candidates(
    services: Services, engine: Engine, imap_user: ImapUser
) -> None:
    contacts = [
        Contact(f"C{n}", f"Person {n}", "", "", (ContactAddress("ann@customer.example", True),))
        for n in (1, 2)
    ]
    services.contacts.upsert_contacts(contacts, services.clock.now())
    imap_user.append("INBOX", Append(mail(1), SINCE))
    connect(services, imap_user)
    report = fine(run_mailbox(services, "sales", SINCE)).to_json()
    assert report["decisions"]["ambiguous"] == 1
    assert report["decisions"]["matched"] == 0
    with reading(engine) as connection:
        query = text("SELECT candidates FROM match_decisions WHERE outcome = 'ambiguous'")
        stored = connection.execute(query).scalar_one()
    candidates = json.loads(stored) if isinstance(stored, str) else stored
    assert {candidate["contact_id"] for candidate in candidates} == {"C1", "C2"}


def test_preview_counts_what_a_run_then_reads(services: Services, imap_user: ImapUser) -> None:
    imap_user.append("INBOX", *[Append(mail(n), SINCE) for n in range(3)])
    connect(services, imap_user)
    before = run_preview(services, "sales", SINCE).folders[0]
    assert (before.messages, before.already_covered) == (3, 0)
    assert before.size_bytes == sum(len(mail(n)) for n in range(3))
    fine(run_mailbox(services, "sales", SINCE))
    after = run_preview(services, "sales", SINCE).folders[0]
    assert (after.messages, after.already_covered) == (3, 3)


def test_status_after_a_run_shows_coverage_and_health(
    services: Services, imap_user: ImapUser
) -> None:
    connect(services, imap_user)
    fine(run_mailbox(services, "sales", SINCE, UNTIL))
    (found,) = read_status(services, "sales")["mailboxes"]
    assert found["imap"]["state"] == "ok"
    assert found["smtp"]["state"] == "unreachable"
    assert [(c["since"], c["until"]) for c in found["coverage"]] == [(SINCE, UNTIL)]
    assert found["last_run"]["state"] == "nothing_new"


def test_run_json_has_exactly_the_stable_keys(services: Services, imap_user: ImapUser) -> None:
    connect(services, imap_user)
    document = fine(run_mailbox(services, "sales", SINCE, UNTIL)).to_json()
    stable = {
        *("mailbox", "run_id", "batch_id", "window", "verify", "published", "folders", "totals"),
        *("decisions", "checks", "bytes_received", "commands_sent", "seconds", "peak_rss_mb"),
    }
    assert stable <= set(document)
    assert set(document["folders"][0]) == {
        *("folder", "generation", "uidvalidity", "listed", "published", "duplicate", "excluded"),
        *("quarantined", "vanished", "unavailable", "pending", "already_covered", "balanced"),
    }
    assert set(document["decisions"]) == {
        *("matched", "possible", "ambiguous", "unmatched", "ignored"),
    }
    assert set(document["checks"]) == {"passed", "failed", "held"}
    assert set(document["seconds"]) == {
        *("verify", "plan", "fetch", "parse", "dedupe", "match", "check", "publish", "total"),
    }
