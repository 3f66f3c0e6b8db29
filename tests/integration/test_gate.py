"""The gate on both databases: a clean batch passes, and each broken one fails by the right name."""

import json
import logging
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import pytest
from sqlalchemy import Engine, event, text
from sqlalchemy.exc import DBAPIError

from integration.gate_batch import SECRET, Batch, make_batch
from integration.gate_mutants import MUTANTS, WARNINGS, Mutant
from mailcrm.adapters.crm_database.engine import make_engine
from mailcrm.adapters.expectations import GxGate
from mailcrm.check import SUITE
from mailcrm.errors import DatabaseError, MailcrmError
from mailcrm.records import Lease

BOTH = ["sqlite", pytest.param("postgres", marks=pytest.mark.needs_postgres)]


@pytest.fixture(scope="module", params=BOTH)
def shared(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Batch]:
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path_factory.mktemp('gate') / 'mailcrm.db'}"
    else:
        server = request.getfixturevalue("postgres")
        url = server.url(server.create_database())
    engine = make_engine(url)
    yield make_batch(engine)
    engine.dispose()


@pytest.fixture
def batch(shared: Batch) -> Iterator[Batch]:
    yield shared
    shared.restore()


def test_gate_clean_batch_passes(batch: Batch) -> None:
    report = batch.check()
    assert [r for r in report.results if not r.passed] == []
    assert not report.held
    assert {rule.name for rule in SUITE} < {result.name for result in report.results}


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda m: m.name)
def test_gate_corrupted_batch_fails_the_check_that_names_it(batch: Batch, mutant: Mutant) -> None:
    assert batch.change(*mutant.statements) > 0
    report = batch.check()
    assert mutant.caught_by in {r.name for r in report.results if not r.passed}
    assert report.held


@pytest.mark.parametrize("mutant", WARNINGS, ids=lambda m: m.name)
def test_gate_odd_batch_warns_and_passes(batch: Batch, mutant: Mutant) -> None:
    assert batch.change(*mutant.statements) > 0
    report = batch.check()
    assert mutant.caught_by in {r.name for r in report.results if not r.passed}
    assert not report.held


def test_gate_text_with_nul_is_caught_where_the_database_holds_it(batch: Batch) -> None:
    if batch.engine.dialect.name != "sqlite":
        with pytest.raises(DBAPIError, match="null character not permitted"):
            batch.change("UPDATE staged_messages SET body_text = 'a' || chr(0)")
        return
    for change in (
        "UPDATE staged_messages SET body_text = 'a' || char(0) WHERE uid = 1",
        "UPDATE staged_participants SET display_name = char(0) WHERE uid = 2",
        "UPDATE staged_attachments SET filename = char(0) || 'x' WHERE uid = 4",
        'UPDATE staged_messages SET bounces = \'[{"diagnostic": "\\u0000"}]\' WHERE uid = 1',
    ):
        assert batch.change(change) > 0
        report = batch.check()
        assert "text_unstorable" in {r.name for r in report.results if not r.passed}
        assert report.held
        batch.restore()


def test_gate_moment_that_is_none_in_utc_is_caught(batch: Batch) -> None:
    change = "UPDATE staged_messages SET sent_at = '2026-11-10 12:00:00+05:30' WHERE uid = 1"
    if batch.engine.dialect.name != "sqlite":
        change = "UPDATE staged_messages SET sent_at = 'infinity' WHERE uid = 1"
    assert batch.change(change) > 0
    window = batch.ledger.read_window(batch.lease)
    report = batch.gate.check_batch(batch.lease, window, "")
    assert "time_not_utc" in {r.name for r in report.results if not r.passed}


def test_gate_unknown_batch_does_not_pass(batch: Batch) -> None:
    lease = Lease("sales", batch.lease.run_id, "0" * 64, 1)
    window = batch.ledger.read_window(batch.lease)
    report = batch.gate.check_batch(lease, window, "")
    assert {"batch_not_empty", "run_known"} <= set(report.failed)


def test_gate_emptied_batch_does_not_pass(batch: Batch) -> None:
    for table in ("decisions", "participants", "attachments", "messages"):
        batch.change(f"DELETE FROM staged_{table}")
    assert {"staged_as_listed"} <= set(batch.check().failed)


def test_gate_batch_of_vanished_messages_passes(batch: Batch) -> None:
    for table in ("decisions", "participants", "attachments", "messages"):
        batch.change(f"DELETE FROM staged_{table}")
    batch.change("UPDATE sync_ledger SET state = 'vanished' WHERE state = 'staged'")
    assert not batch.check().held


def test_gate_too_many_quarantined_holds(batch: Batch) -> None:
    batch.change(
        "UPDATE staged_messages SET disposition = 'quarantined', reason = 'x' WHERE uid IN (2, 3)"
    )
    assert "quarantine_share" in batch.check().failed


def test_find_faults_names_rows_and_rules(batch: Batch) -> None:
    batch.change(
        "UPDATE staged_messages SET size_bytes = 0 WHERE uid = 3 AND kind = 'person'",
        "UPDATE staged_messages SET from_address = NULL WHERE uid = 4",
    )
    window = batch.ledger.read_window(batch.lease)
    faults = batch.gate.find_faults(batch.lease, window)
    assert [(f.uid, f.rule) for f in faults] == [(3, "size_out_of_range"), (4, "sender_missing")]
    assert all(fault.reason for fault in faults)


def test_gate_results_and_logs_hold_no_mail_text(
    batch: Batch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    batch.change("UPDATE staged_messages SET size_bytes = 0, message_key = 'short'")
    report = batch.check()
    assert report.held
    seen = json.dumps([asdict(result) for result in report.results]) + caplog.text
    assert SECRET not in seen
    assert "customer.example" not in seen


def test_gate_check_that_cannot_run_never_passes(batch: Batch) -> None:
    with batch.engine.begin() as connection:
        connection.execute(text("ALTER TABLE sync_quarantine RENAME TO sync_quarantine_gone"))
    try:
        with pytest.raises(DatabaseError):
            batch.check()
    finally:
        with batch.engine.begin() as connection:
            connection.execute(text("ALTER TABLE sync_quarantine_gone RENAME TO sync_quarantine"))


def test_gate_leaves_the_database_and_its_connections_alone(batch: Batch) -> None:
    report = batch.check()
    assert batch.check() == report
    assert batch.engine.pool.checkedout() == 0  # type: ignore[attr-defined]
    with pytest.raises(DBAPIError, match="mailcrm_gate_facts"):
        batch.change("DELETE FROM mailcrm_gate_facts")


def test_gate_few_statements_whatever_the_batch(batch: Batch) -> None:
    statements: list[str] = []

    def count(*arguments: object) -> None:
        statements.append(str(arguments[2]))

    event.listen(Engine, "before_cursor_execute", count)
    try:
        window = batch.ledger.read_window(batch.lease)
        statements.clear()
        batch.gate.check_batch(batch.lease, window, "")
    finally:
        event.remove(Engine, "before_cursor_execute", count)
    assert len(statements) < 15


def test_gate_database_away_is_an_error_of_ours(batch: Batch, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'empty.db'}"
    if batch.engine.dialect.name != "sqlite":
        url = "postgresql+psycopg://nobody:hunter2@127.0.0.1:9/none"
    engine = make_engine(url)
    gate = GxGate(engine, batch.settings)
    with pytest.raises(MailcrmError) as caught:
        gate.check_batch(batch.lease, batch.ledger.read_window(batch.lease), "")
    assert "hunter2" not in str(caught.value)
    engine.dispose()
