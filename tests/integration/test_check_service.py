"""`run_check` over the real services: report stored, unfit rows held back, bad batches held."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr
from sqlalchemy import select

from builders import NOON
from integration.gate_batch import Batch, make_batch
from mailcrm.adapters.crm_database import schema
from mailcrm.adapters.crm_database.engine import make_engine
from mailcrm.errors import ChecksFailedError
from mailcrm.services.check import run_check
from mailcrm.services.wiring import Services, open_services, upgrade_database
from mailcrm.settings import Settings


@pytest.fixture
def run(database_url: str, tmp_path: Path) -> Iterator[tuple[Services, Batch]]:
    settings = Settings(
        home=tmp_path, database_url=SecretStr(database_url), quarantine_hold_share=0.3
    )
    upgrade_database(settings)
    engine = make_engine(database_url)
    with open_services(settings) as services:
        yield services, make_batch(engine)
    engine.dispose()


def test_run_check_clean_batch_is_stored_as_passed(run: tuple[Services, Batch]) -> None:
    services, batch = run
    report = run_check(services, batch.lease)
    stored = services.ledger.read_run(batch.lease.run_id)
    assert not report.held
    assert stored["checks"]["held"] is False  # type: ignore[index]
    assert stored["batch_hash"] == services.staging.batch_hash(batch.lease.batch_id)
    assert services.publisher.publish_batch(batch.lease, NOON).published == 9


def test_run_check_failed_batch_is_held_and_not_published(run: tuple[Services, Batch]) -> None:
    services, batch = run
    batch.change("DELETE FROM staged_decisions WHERE uid = 1")
    report = run_check(services, batch.lease)
    assert report.failed == ("participant_decided",)
    assert services.ledger.read_run(batch.lease.run_id)["state"] == "held"
    with pytest.raises(ChecksFailedError, match="participant_decided"):
        services.publisher.publish_batch(batch.lease, NOON)
    with batch.engine.connect() as connection:
        assert connection.execute(select(schema.crm_messages.c.message_key)).all() == []


def test_run_check_unfit_row_goes_to_quarantine_and_the_rest_passes(
    run: tuple[Services, Batch],
) -> None:
    services, batch = run
    batch.change("UPDATE staged_messages SET size_bytes = 0 WHERE uid = 8")
    report = run_check(services, batch.lease)
    assert not report.held
    with batch.engine.connect() as connection:
        held = connection.execute(
            select(schema.sync_quarantine.c.uid, schema.sync_quarantine.c.rule).order_by("uid")
        ).all()
    assert [tuple(row) for row in held] == [(8, "size_out_of_range"), (9, "sender_missing")]
    counts = services.publisher.publish_batch(batch.lease, NOON)
    assert counts.published == 8
    assert services.ledger.certificate(batch.lease.run_id).balanced


def test_run_check_again_finds_the_same(run: tuple[Services, Batch]) -> None:
    services, batch = run
    assert run_check(services, batch.lease) == run_check(services, batch.lease)


def test_run_check_after_publishing_still_passes(run: tuple[Services, Batch]) -> None:
    services, batch = run
    run_check(services, batch.lease)
    services.publisher.publish_batch(batch.lease, NOON)
    report = services.gate.check_batch(batch.lease, services.ledger.read_window(batch.lease), "any")
    assert report.failed == ()


LOAD = """
import logging, socket, sys
logging.basicConfig(level=logging.INFO, stream=sys.stdout)
def refuse(*arguments, **options):
    raise AssertionError("the library wants the network")
socket.socket.connect = refuse
socket.getaddrinfo = refuse
from mailcrm.adapters.expectations import GxGate, start_import
assert "great_expectations" not in sys.modules
start_import().join()
assert "great_expectations" in sys.modules
import great_expectations
great_expectations.get_context(mode="ephemeral")
import os
assert os.environ["GX_ANALYTICS_ENABLED"] == "false"
"""


def test_start_import_loads_quietly_without_network_or_files(tmp_path: Path) -> None:
    include = Path(__file__).parents[2] / "include"
    environment = {**os.environ, "PYTHONPATH": str(include), "HOME": str(tmp_path)}
    environment.pop("GX_ANALYTICS_ENABLED", None)
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", LOAD],
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    assert list(tmp_path.iterdir()) == []
