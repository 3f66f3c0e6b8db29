"""kill -9 between any two steps: what is left after a plain re-run is as if nothing had happened.

`make test` samples the steps of every scenario; with MAILCRM_EVIDENCE=1 each step is taken, on
both databases, and far more runs are killed several times over.
"""

import os
from collections.abc import Callable, Iterator

import pytest

from fakes.mail_reader import FakeMailbox
from faults.kill_harness import Killer, KillResult, describe, start_killer
from faults.kill_scenarios import SCENARIOS, SINCE, UNTIL, fill_and_misbehave
from faults.world import make_services, prepare
from mailcrm.adapters.expectations import GxGate
from mailcrm.services.fetch import run_fetch
from mailcrm.services.match import run_match
from mailcrm.services.plan import run_plan
from servers.postgres import PostgresServer

EVIDENCE = os.environ.get("MAILCRM_EVIDENCE") == "1"
SEED = 20261120
SHARDS = range(4) if EVIDENCE else range(1)
NAMES = [name for name in SCENARIOS if name != "tied"]
Record = Callable[[str, object], None]


@pytest.fixture(scope="module")
def killer() -> Iterator[Killer]:
    with start_killer() as killer:
        yield killer


def check(result: KillResult, record: Record) -> None:
    record("count", result.points)
    record("seed", SEED)
    assert not result.failures, f"seed {SEED}\n{describe([result])}"
    assert result.kills >= result.points * 0.9


@pytest.mark.row("R033", "R088", "R089", "R090", "R095")
@pytest.mark.parametrize("shard", SHARDS)
@pytest.mark.parametrize("scenario", NAMES)
def test_run_killed_at_any_step_on_sqlite_resumes_to_the_undisturbed_state(
    killer: Killer, scenario: str, shard: int, record_property: Record
) -> None:
    most, repeated = (None, 50) if EVIDENCE else (35, 3)
    how = {"shard": shard, "shards": len(SHARDS), "most": most, "repeated": repeated}
    check(killer.run(scenario, None, seed=SEED, **how), record_property)


@pytest.mark.needs_postgres
@pytest.mark.row("R033", "R088", "R089", "R090", "R095")
@pytest.mark.parametrize("shard", SHARDS)
@pytest.mark.parametrize("scenario", NAMES)
def test_run_killed_at_any_step_on_postgres_resumes_to_the_undisturbed_state(
    killer: Killer, postgres: PostgresServer, scenario: str, shard: int, record_property: Record
) -> None:
    most, repeated = (None, 25) if EVIDENCE else (8, 1)
    how = {"shard": shard, "shards": len(SHARDS), "most": most, "repeated": repeated}
    check(killer.run(scenario, postgres.port, seed=SEED, **how), record_property)


@pytest.mark.row("R091")
def test_run_killed_among_500_messages_of_one_second_loses_none(
    killer: Killer, record_property: Record
) -> None:
    most, repeated = (200, 20) if EVIDENCE else (3, 1)
    check(killer.run("tied", None, most=most, repeated=repeated, seed=SEED), record_property)


@pytest.mark.row("R089")
def test_harness_finds_a_ledger_that_is_committed_before_its_messages(killer: Killer) -> None:
    result = killer.run("first_by_tasks", None, sabotage=True, most=60, seed=SEED)
    assert result.failures


def test_light_gate_judges_the_killed_runs_as_the_gate_does(database_url: str) -> None:
    prepare(database_url)
    mailbox = FakeMailbox()
    fill_and_misbehave(mailbox)
    services, engine = make_services(database_url, mailbox)
    plan = run_plan(services, "sales", "r1", SINCE, UNTIL)
    for part in plan.slices:
        run_fetch(services, plan.lease, part)
    run_match(services, plan.lease)
    window = services.ledger.read_window(plan.lease)
    light, real = (
        gate.check_batch(plan.lease, window, "x")
        for gate in (services.gate, GxGate(engine, services.settings))
    )
    assert [(r.name, r.passed) for r in light.results] == [(r.name, r.passed) for r in real.results]
    assert not light.held
    engine.dispose()
