"""One message that cannot be published, among others: they are, it is held, the ledger moves on."""

import datetime as dt
import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, text

from fakes.mail_reader import FakeMailbox, FakeMessage
from faults.poison import POISON, READABLE
from faults.world import NOW, letter, make_services, prepare
from mailcrm.services.run import RunReport, run_mailbox
from mailcrm.services.wiring import Services

MOMENT = NOW - dt.timedelta(days=2)
OTHERS = 12


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path: Path = tmp_path_factory.mktemp("poison") / "template.db"
    prepare(f"sqlite:///{path}")
    return path


def make_mail(others: int, poison: bytes) -> FakeMailbox:
    """The poison in the middle of the others."""
    mailbox = FakeMailbox()
    mailbox.create_folder("Archive")
    mailbox.create_folder("Sent", "\\sent")
    for number in range(others):
        if number == others // 2:
            mailbox.folders["INBOX"].add(FakeMessage(poison, MOMENT))
        mailbox.folders["INBOX"].add(FakeMessage(letter(f"good-{number}", MOMENT), MOMENT))
    return mailbox


def run(services: Services) -> RunReport:
    report = run_mailbox(services, "sales")
    assert report.failure is None, report.failure
    return report


def rows(engine: Engine, statement: str) -> list[Any]:
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(text(statement))]


def expect_one_held(services: Services, engine: Engine, poison: bytes, others: int) -> None:
    summary = run(services).summary
    assert summary is not None
    assert summary.certificate.total("published") == others
    assert summary.certificate.total("quarantined") == 1
    states = Counter(state for (state,) in rows(engine, "SELECT state FROM sync_ledger"))
    assert states == {"published": others, "quarantined": 1}
    ((raw, rule, reason, parser),) = rows(
        engine, "SELECT raw, rule, reason, parser_version FROM sync_quarantine"
    )
    assert bytes(raw) == poison
    assert rule
    assert parser
    assert reason.isprintable()
    again = run(services).summary
    assert again is not None
    assert again.state == "nothing_new"
    assert again.certificate.total("already_covered") == others + 1


def test_poison_kinds_are_at_least_sixty() -> None:
    assert len(POISON) >= 60
    assert len(set(POISON.values())) == len(POISON)


@pytest.fixture
def url(template: Path, tmp_path: Path) -> Iterator[str]:
    shutil.copyfile(template, tmp_path / "mailcrm.db")
    return f"sqlite:///{tmp_path / 'mailcrm.db'}"


@pytest.mark.row("R106")
@pytest.mark.parametrize("name", POISON)
def test_poison_one_among_others_is_held_and_they_are_published(name: str, url: str) -> None:
    mailbox = make_mail(OTHERS, POISON[name])
    services, engine = make_services(url, mailbox)
    expect_one_held(services, engine, POISON[name], OTHERS)
    engine.dispose()


@pytest.mark.row("R106")
def test_poison_one_among_999_on_both_databases(database_url: str) -> None:
    prepare(database_url)
    poison = POISON["sender_address_of_60_000"]
    mailbox = make_mail(999, poison)
    services, engine = make_services(
        database_url, mailbox, fetch_chunk_messages=250, slice_messages=5000
    )
    expect_one_held(services, engine, poison, 999)
    engine.dispose()


@pytest.mark.parametrize("name", READABLE)
def test_hostile_but_readable_is_published_like_the_others(name: str, url: str) -> None:
    services, engine = make_services(url, make_mail(4, READABLE[name]))
    summary = run(services).summary
    assert summary is not None
    assert summary.certificate.total("published") == 5
    engine.dispose()


@pytest.mark.row("R107")
def test_poison_every_fifth_message_holds_the_batch(url: str) -> None:
    mailbox = make_mail(16, POISON["noise"])
    for name in ("json", "sender_absent", "only_a_date"):
        mailbox.folders["INBOX"].add(FakeMessage(POISON[name], MOMENT))
    services, engine = make_services(url, mailbox)
    report = run_mailbox(services, "sales")
    assert "quarantine_share" in str(report.failure)
    assert rows(engine, "SELECT COUNT(*) FROM crm_messages") == [(0,)]
    engine.dispose()
