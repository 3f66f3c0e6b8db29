"""A publish that is cut short at any of its statements, or never hears of its commit."""

import contextlib
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import psycopg
import pytest
from sqlalchemy import text

from faults.arena import BOTH, EVIDENCE, Arena, filled, make_arena, spread
from faults.kill_scenarios import SINCE, UNTIL
from faults.steps import Crash, Steps
from faults.world import NOW, Dump, compare, make_services
from mailcrm.adapters.crm_database import engine as engine_module
from mailcrm.adapters.crm_database.engine import make_engine
from mailcrm.errors import PublishConflictError, StoreBusyError
from mailcrm.records import Lease
from mailcrm.services.check import run_check
from mailcrm.services.fetch import run_fetch
from mailcrm.services.match import run_match
from mailcrm.services.plan import run_plan
from mailcrm.services.publish import run_publish
from servers.postgres import PostgresServer

Record = Callable[[str, object], None]
PUBLISHED = ("crm_messages", "crm_message_participants", "crm_message_contacts", "match_decisions")


@dataclass
class Checked:
    """A database whose batch has passed the gate; each test publishes a copy of its own."""

    arena: Arena
    lease: Lease
    before: Dump
    names: list[str] = field(default_factory=list)
    after: Dump = field(default_factory=dict)

    def publish(self, url: str, steps: Callable[[str], None] | None = None) -> None:
        services, engine = make_services(url, filled(), steps, NOW)
        try:
            run_publish(services, self.lease)
        finally:
            engine.dispose()

    def seen(self, url: str) -> bool:
        """Whether readers see all of the batch; it is all or nothing."""
        found = self.arena.dump(url)
        assert found["sync_ledger"] in (self.before["sync_ledger"], self.after["sync_ledger"])
        views = [[d[name] for name in PUBLISHED] for d in (found, self.before, self.after)]
        assert views[0] in views[1:]
        return views[0] == views[2]

    def settle(self, url: str, why: object) -> None:
        """Published again, as a retried task does, and again: the same, once."""
        for _ in range(2):
            self.publish(url)
            assert compare(self.after, self.arena.dump(url)) == [], why


@pytest.fixture(scope="module", params=BOTH)
def checked(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Checked]:
    server: PostgresServer | None = None
    if request.param == "postgres":
        server = request.getfixturevalue("postgres")
    for arena in make_arena(request.param, tmp_path_factory.mktemp("publish"), server):
        url = arena.fresh()
        lease = check(url)
        before = arena.dump(url)
        # From here on every fresh database is a copy of this one.
        arena.template = url.rpartition("/")[2] if server else url.removeprefix("sqlite:///")
        found = Checked(arena, lease, before)
        steps = Steps(keep=True)
        first = arena.fresh()
        found.publish(first, steps)
        found.names, found.after = steps.names, arena.dump(first)
        yield found


def check(url: str) -> Lease:
    """Everything up to the gate, as the DAG's tasks do it."""
    services, engine = make_services(url, filled(), None, NOW)
    plan = run_plan(services, "sales", "sales/run", SINCE, UNTIL)
    for part in plan.slices:
        run_fetch(services, plan.lease, part)
    run_match(services, plan.lease)
    assert not run_check(services, plan.lease).held
    engine.dispose()
    return plan.lease


@pytest.fixture(autouse=True)
def quick_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine_module, "FIRST_PAUSE_S", 0.005)


def test_publish_has_a_step_for_every_table_that_it_writes(checked: Checked) -> None:
    written = "\n".join(checked.names)
    for table in (*PUBLISHED, "crm_conversations", "message_identities", "crm_message_sightings"):
        assert f"INSERT INTO {table} " in written
    assert "before UPDATE sync_ledger" in written
    assert "DELETE FROM staged_messages" in written


@pytest.mark.row("R095", "R103")
def test_publish_that_dies_at_any_statement_shows_nothing_and_is_made_good(
    checked: Checked, record_property: Record
) -> None:
    points = spread(list(range(1, len(checked.names) + 1)), 24)
    record_property("count", len(points))
    assert EVIDENCE or len(points) == 24
    shown = []
    for point in points:
        url = checked.arena.fresh()
        with contextlib.suppress(Crash):
            checked.publish(url, Steps({point}))
        shown.append(checked.seen(url))
        checked.settle(url, (point, checked.names[point - 1]))
    # Nothing up to the commit, everything from then on.
    assert shown == sorted(shown)


@pytest.mark.row("R094", "R095")
@pytest.mark.parametrize("when", ["before COMMIT", "after COMMIT"])
def test_publish_that_never_hears_of_its_commit_doubles_and_loses_nothing(
    checked: Checked, when: str, record_property: Record
) -> None:
    """The connection dies with the COMMIT: not arrived, or carried out and not answered."""
    broken: type[Exception] = psycopg.OperationalError
    if checked.arena.kind == "sqlite":
        broken = sqlite3.OperationalError

    def break_off(_step: str) -> None:
        raise broken("disk I/O error")

    points = [n for n, name in enumerate(checked.names, 1) if name == when]
    record_property("count", len(points))
    assert points
    for point in points:
        url = checked.arena.fresh()
        steps = Steps({point}, break_off)
        with contextlib.suppress(StoreBusyError):  # where it does not try again by itself
            checked.publish(url, steps)
        assert steps.count >= point
        checked.seen(url)
        checked.settle(url, point)


@pytest.mark.row("R108", "R095")
def test_publish_of_rows_changed_after_the_gate_writes_nothing(checked: Checked) -> None:
    changes = (
        "UPDATE staged_messages SET body_text = body_text || 'x' WHERE uid = 1",
        "UPDATE staged_participants SET display_name = 'x' WHERE role = 'from'",
        "UPDATE staged_decisions SET score = score + 1",
        "DELETE FROM staged_attachments",
        "UPDATE staged_messages SET is_conflict = NOT is_conflict WHERE uid = 2",
    )
    for change in changes:
        url = checked.arena.fresh()
        engine = make_engine(url)
        with engine.begin() as connection:
            assert connection.execute(text(change)).rowcount > 0
        engine.dispose()
        with pytest.raises(PublishConflictError, match="changed after the checks"):
            checked.publish(url)
        assert checked.arena.dump(url)["crm_messages"] == []
