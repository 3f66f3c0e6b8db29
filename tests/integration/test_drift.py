"""Drift over real runs: stored per run, compared with the mailbox's own, on both databases."""

import dataclasses
import datetime as dt
import json

import pytest
from sqlalchemy import insert

from fakes.mail_reader import FakeMailbox, FakeMessage
from faults.world import NOW, letter, make_services, prepare
from mailcrm.adapters.crm_database import schema
from mailcrm.records import BatchMeasures
from mailcrm.services.run import RunReport, run_mailbox
from mailcrm.services.wiring import Services

DAY = dt.timedelta(days=1)


def deliver(mailbox: FakeMailbox, count: int, sender: str) -> None:
    for number in range(count):
        moment = NOW - 2 * DAY
        raw = letter(f"{sender[:3]}-{number}", moment, sender=sender)
        mailbox.folders["INBOX"].add(FakeMessage(raw, moment))


def failed(report: RunReport) -> list[str]:
    assert report.summary is not None
    results = report.summary.checks["results"]
    return [r["name"] for r in results if not r["passed"] and r["group"] == "drift"]


def remember(services: Services, engine, measures: BatchMeasures, count: int) -> None:
    """Earlier runs of the mailbox, all alike."""
    with engine.begin() as connection:
        (first,) = connection.execute(schema.sync_runs.select()).mappings()
        for number in range(count):
            row = dict(first) | {
                "run_id": f"sales/earlier-{number}",
                "batch_id": f"earlier-{number}",
                "metrics": dataclasses.asdict(measures),
                "started_at": first["started_at"] - dt.timedelta(hours=number + 1),
            }
            connection.execute(insert(schema.sync_runs), row)


@pytest.fixture
def world(database_url):
    prepare(database_url)
    mailbox = FakeMailbox()
    for name in ("Archive", "Sent"):
        mailbox.create_folder(name, *(["\\sent"] if name == "Sent" else []))
    services, engine = make_services(
        database_url, mailbox, fetch_chunk_messages=250, slice_messages=5000
    )
    deliver(mailbox, 60, "ada@customer.example")
    first = run_mailbox(services, "sales")
    assert first.failure is None
    yield mailbox, services, engine, first
    engine.dispose()


def stored(services: Services, run_id: str) -> BatchMeasures:
    metrics = services.ledger.read_run(run_id)["metrics"]
    return BatchMeasures(**(json.loads(metrics) if isinstance(metrics, str) else metrics))


def test_drift_measures_are_stored_with_the_run(world) -> None:
    _, services, _, first = world
    measures = stored(services, first.run_id)
    assert (measures.messages, measures.matched, measures.listed) == (60, 60, 60)
    assert measures.is_comparable


@pytest.mark.parametrize("runs", [4, 9])
def test_drift_after_few_and_after_ten_runs(world, runs: int) -> None:
    mailbox, services, engine, first = world
    remember(services, engine, stored(services, first.run_id), runs)
    deliver(mailbox, 60, "stranger@else.example")
    report = run_mailbox(services, "sales")
    assert failed(report) == ["match_rate"]
    assert report.summary is not None
    assert report.summary.state == ("held" if runs == 9 else "published")


def test_drift_widened_window_is_neither_compared_nor_remembered(world) -> None:
    mailbox, services, engine, first = world
    remember(services, engine, stored(services, first.run_id), 12)
    deliver(mailbox, 60, "stranger@else.example")
    report = run_mailbox(services, "sales", since=NOW - 60 * DAY)
    assert report.failure is None
    assert failed(report) == []
    assert not stored(services, report.run_id).is_comparable


def test_drift_renumbered_folder_is_not_compared(world) -> None:
    mailbox, services, engine, first = world
    remember(services, engine, stored(services, first.run_id), 12)
    mailbox.folders["INBOX"].uidvalidity = 77
    deliver(mailbox, 60, "stranger@else.example")
    report = run_mailbox(services, "sales")
    assert report.failure is None
    assert not stored(services, report.run_id).is_comparable
