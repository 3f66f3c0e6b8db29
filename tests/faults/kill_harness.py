"""Kill a run at step k, resume it, and compare what is left with an undisturbed run.

A helper process (`python -m faults.kill_harness`) imports everything once, has no threads, and
forks a child for each kill, so that one kill and its resume cost about 150 ms. The child raises
SIGKILL on itself at step k; the helper, as the operator's next plain run, then carries on. Four
phases, as in the tests of mbsync (isync, src/run-tests.pl): reference, idempotence, kill, resume.
"""

import contextlib
import dataclasses
import datetime as dt
import itertools
import json
import logging
import os
import pickle
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from sqlalchemy import update

from fakes.mail_reader import FakeMailbox
from faults.kill_scenarios import SCENARIOS, Scenario
from faults.steps import Steps, kill
from faults.world import NOW, Dump, compare, dump, make_services, prepare
from mailcrm.adapters.crm_database import schema
from mailcrm.adapters.crm_database.engine import make_engine, writing
from mailcrm.adapters.staging import StagingTables
from mailcrm.errors import IncompleteRunError, MailcrmError
from mailcrm.records import Lease, StagedMessage
from mailcrm.services.check import run_check
from mailcrm.services.fetch import run_fetch
from mailcrm.services.match import run_match
from mailcrm.services.plan import PlanResult, run_plan
from mailcrm.services.publish import read_summary, run_publish
from mailcrm.services.run import run_mailbox
from mailcrm.services.wiring import Services
from servers.postgres import PostgresServer

__all__ = ["KillResult", "Killer", "start_killer"]

MAILBOX = "sales"
HOUR = dt.timedelta(hours=1)
_NUMBERS = itertools.count()
# What readers see: all of it as before the killed run, or all as after it, never in between.
PUBLISHED_TABLES = (
    "crm_messages",
    "crm_message_participants",
    "crm_message_contacts",
    "crm_attachments",
    "crm_conversations",
    "match_decisions",
)


class Database:
    """The database that runs work on, and how it was before the run that is killed.

    `port` is PostgreSQL's; None is SQLite. Nobody may be connected while it is kept or restored.
    """

    def __init__(self, port: int | None, folder: Path) -> None:
        self._server = None if port is None else PostgresServer(port)
        self._names = [f"kill_{os.getpid()}_{next(_NUMBERS)}_{what}" for what in ("work", "kept")]
        self._files = [folder / f"{name}.db" for name in self._names]
        if self._server is None:
            self.url = f"sqlite:///{self._files[0]}"
        else:
            self.url = self._server.url(self._names[0])
            self._server.execute(f"CREATE DATABASE {self._names[0]}")

    def keep(self) -> None:
        """Remember the database as it is now."""
        work, kept = self._names
        if self._server is None:
            shutil.copyfile(*self._files)
        else:
            self._server.execute(f"CREATE DATABASE {kept} TEMPLATE {work}")

    def restore(self) -> None:
        """Make it as it was when it was kept."""
        work, kept = self._names
        if self._server is None:
            for suffix in ("-wal", "-shm"):
                self._files[0].with_name(self._files[0].name + suffix).unlink(missing_ok=True)
            shutil.copyfile(self._files[1], self._files[0])
        else:
            self._server.drop_database(work)
            self._server.execute(f"CREATE DATABASE {work} TEMPLATE {kept}")

    def drop(self) -> None:
        """Remove both; files go with their folder."""
        if self._server is None:
            return
        for name in self._names:
            self._server.drop_database(name)


class LedgerFirst(StagingTables):
    """What must never be: the ledger's rows in one transaction, the messages in the next."""

    def write_messages(
        self, lease: Lease, generation_id: int, rows: Sequence[StagedMessage], now: dt.datetime
    ) -> None:
        table = schema.sync_ledger
        with writing(self._engine) as connection:
            for row in rows:
                connection.execute(
                    update(table)
                    .where(table.c.generation_id == generation_id, table.c.uid == row.uid)
                    .values(state="staged")
                )
        super().write_messages(lease, generation_id, rows, now)


class Journal:
    """What Airflow would remember of a run: the results of the tasks that came to their end."""

    def __init__(self, path: Path) -> None:
        self._path = path
        path.write_bytes(b"")

    def read(self) -> list[tuple[str, Any]]:
        entries = []
        with self._path.open("rb") as file, contextlib.suppress(EOFError):
            while True:
                entries.append(pickle.load(file))  # noqa: S301 - written by ourselves
        return entries

    def write(self, task: str, value: Any) -> None:
        with self._path.open("ab", buffering=0) as file:
            file.write(pickle.dumps((task, value)))


def run_whole(services: Services, scenario: Scenario, since: dt.datetime) -> str:
    """One run by the service that does everything; the state in which it ended."""
    report = run_mailbox(services, MAILBOX, since, scenario.until)
    if report.summary is None or report.summary.state == "failed":
        raise report.failure or RuntimeError("no summary")
    if not report.summary.certificate.balanced:
        raise AssertionError(f"does not balance: {report.summary.certificate}")
    return report.summary.state


def run_by_tasks(services: Services, scenario: Scenario, journal: Journal) -> str:
    """The DAG's tasks in order; those that ended before are not run again."""
    done = dict(journal.read())
    run_id = f"{MAILBOX}/scheduled__2026-11-20T12:00:00+00:00"
    plan: PlanResult
    if "plan" not in done:
        plan = run_plan(services, MAILBOX, run_id, scenario.since, scenario.until)
        journal.write("plan", plan)
    else:
        plan = done["plan"]
    tasks: list[tuple[str, Callable[[], object]]] = [
        (f"fetch {n}", lambda part=part: run_fetch(services, plan.lease, part))  # type: ignore[misc]
        for n, part in enumerate(plan.slices)
    ]
    if plan.slices:
        tasks.append(("match", lambda: run_match(services, plan.lease)))
        tasks.append(("check", lambda: run_check(services, plan.lease)))
        tasks.append(("publish", lambda: run_publish(services, plan.lease)))
    for name, task in tasks:
        if name not in done:
            task()
            journal.write(name, None)
    summary = read_summary(services, run_id)
    if not summary.certificate.balanced:
        raise AssertionError(f"does not balance: {summary.certificate}")
    return summary.state


@dataclass(slots=True)
class KillResult:
    """How many kills there were in how many steps, and what differed afterwards."""

    scenario: str
    steps: int = 0
    points: int = 0
    kills: int = 0
    failures: list[str] = field(default_factory=list)


class Harness:
    """One scenario on one kind of database.

    One engine serves all runs, with no connection left open in between: compiling the statements
    anew would cost half of the time, and a forked child inherits what is compiled.
    """

    def __init__(
        self, scenario: Scenario, database: Database, folder: Path, *, sabotage: bool = False
    ) -> None:
        self.scenario = scenario
        self._sabotage = sabotage
        self._database = database
        self._engine = make_engine(database.url)
        self._folder = folder
        self._mailbox = FakeMailbox()
        self._start = NOW
        prepare(self._engine)
        for change in scenario.before:
            change(self._mailbox)
            self._start += HOUR
            self._run(scenario.first_since)
        database.keep()
        self._before = self._dump()
        scenario.change(self._mailbox)
        self.steps, self._after = self._refer()

    def _refer(self) -> tuple[int, Dump]:
        """Reference run, then the idempotence run, which must change nothing."""
        self._start += HOUR
        state = self._run(self.scenario.since, Journal(self._folder / "journal"))
        if state != self.scenario.ends:
            raise AssertionError(f"the undisturbed run ended {state}")
        after = self._dump()
        self._start += HOUR
        again = self._run(self.scenario.since)
        differences = compare(after, self._dump())
        if differences or again not in ("nothing_new", self.scenario.ends):
            raise AssertionError(f"a second run ended {again} and changed: {differences}")
        return self._count_steps(), after

    def _count_steps(self) -> int:
        """How many steps the run has: its child counts them, and tells by a file."""
        self._database.restore()
        counted = self._folder / "steps"
        steps = Steps()

        def count() -> None:
            self._run(self.scenario.since, Journal(self._folder / "journal"), steps)
            counted.write_text(str(steps.count))

        if fork(count) != 0:
            raise AssertionError("the run that counts the steps failed")
        return int(counted.read_text())

    def _run(
        self, since: dt.datetime, journal: Journal | None = None, steps: Steps | None = None
    ) -> str:
        services, _ = make_services(self._engine, self._mailbox, steps, self._start)
        if self._sabotage:
            services = dataclasses.replace(services, staging=LedgerFirst(self._engine))
        try:
            if self.scenario.resume == "tasks" and journal is not None:
                return run_by_tasks(services, self.scenario, journal)
            return run_whole(services, self.scenario, since)
        except IncompleteRunError:  # raised by the task `publish`, after it published
            return "incomplete"
        finally:
            self._engine.dispose()

    def _dump(self) -> Dump:
        try:
            return dump(self._engine)
        finally:
            self._engine.dispose()

    def kill_at(self, points: Sequence[int]) -> tuple[int, list[str]]:
        """Kill a run at the first step number, its successor at the second …, then resume.

        Returns:
            How many of them met their end by SIGKILL, and what went wrong.
        """
        self._database.restore()
        journal = Journal(self._folder / "journal")
        problems: list[str] = []
        kills = 0
        for point in points:
            steps = Steps({point}, kill)
            ended_by = fork(lambda steps=steps: self._run(self.scenario.since, journal, steps))  # type: ignore[misc]
            kills += ended_by == signal.SIGKILL
            if ended_by not in (0, signal.SIGKILL):
                problems.append(f"the child ended by {ended_by}")
            problems += self._find_half_published()
            if self.scenario.resume == "new run":
                self._start += HOUR
        state = self._resume(journal)
        if state not in (self.scenario.ends, "nothing_new"):
            problems.append(f"the resumed run ended {state}")
        problems += compare(self._after, self._dump())
        return kills, [f"{self.scenario.name} killed at {list(points)}: {p}" for p in problems]

    def _resume(self, journal: Journal) -> str:
        try:
            return self._run(self.scenario.since, journal)
        except (MailcrmError, AssertionError) as error:
            return f"with {error!r}"

    def _find_half_published(self) -> list[str]:
        now = self._dump()
        views = [{name: d[name] for name in PUBLISHED_TABLES} for d in (now, self._before)]
        if views[0] == views[1]:
            return []
        return compare({name: self._after[name] for name in PUBLISHED_TABLES}, now)


def fork(work: Callable[[], object]) -> int:
    """Do it in a child; 0, or the signal or exit code that ended it."""
    child = os.fork()
    if child == 0:
        try:
            work()
            os._exit(0)
        except BaseException:
            traceback.print_exc()
            os._exit(70)  # a forked child must never return
    status = os.waitpid(child, 0)[1]
    return os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)


def plan_points(
    steps: int, shard: int, shards: int, most: int | None, repeated: int, seed: int
) -> Iterator[list[int]]:
    """The kills of one shard: single ones, at most `most` spread evenly, then repeated ones."""
    mine = list(range(1 + shard, steps + 1, shards))
    if most is not None and len(mine) > most:
        mine = [mine[i * len(mine) // most] for i in range(most)]
    yield from ([point] for point in mine)
    chance = random.Random(f"{seed}/{shard}")
    for _ in range(repeated):
        yield [chance.randint(1, steps) for _ in range(chance.randint(2, 5))]


def _work(job: dict[str, Any], folder: Path) -> KillResult:
    database = Database(job["port"], folder)
    scenario = SCENARIOS[job["scenario"]]
    harness = Harness(scenario, database, folder, sabotage=job["sabotage"])
    result = KillResult(job["scenario"], harness.steps)
    shard, shards, most = job["shard"], job["shards"], job["most"]
    for points in plan_points(harness.steps, shard, shards, most, job["repeated"], job["seed"]):
        kills, problems = harness.kill_at(points)
        result.points += 1
        result.kills += kills
        result.failures += problems
        if len(result.failures) > 20:
            break
    database.drop()
    return result


def main() -> None:
    """Answer jobs, one JSON line each, until the input ends."""
    logging.disable()
    for line in sys.stdin:
        with tempfile.TemporaryDirectory(dir=_memory_folder()) as folder:
            try:
                answer = vars_of(_work(json.loads(line), Path(folder)))
            except Exception:
                answer = {"error": traceback.format_exc()}
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


def vars_of(result: KillResult) -> dict[str, Any]:
    return {name: getattr(result, name) for name in result.__dataclass_fields__}


def _memory_folder() -> str | None:
    """Where fsync costs nothing; the default folder where there is no such place."""
    return "/dev/shm" if os.access("/dev/shm", os.W_OK) else None


@dataclass(slots=True)
class Killer:
    """The helper process, as the tests see it."""

    _process: "subprocess.Popen[str]"

    def run(self, scenario: str, port: int | None, **how: Any) -> KillResult:
        """Kill one shard of a scenario's steps (see `plan_points`); `port` is PostgreSQL's."""
        job = {"scenario": scenario, "port": port, "shard": 0, "shards": 1, "most": None}
        job |= {"repeated": 0, "seed": 1, "sabotage": False} | how
        _pipe(self._process.stdin).write(json.dumps(job) + "\n")
        _pipe(self._process.stdin).flush()
        answer = json.loads(_pipe(self._process.stdout).readline() or '{"error": "it ended"}')
        if "error" in answer:
            raise AssertionError(answer["error"])
        return KillResult(**answer)


def _pipe(pipe: IO[str] | None) -> IO[str]:
    if pipe is None:
        raise AssertionError("started without pipes")
    return pipe


@contextlib.contextmanager
def start_killer() -> Iterator[Killer]:
    """Start the helper process."""
    tests = Path(__file__).resolve().parents[1]
    paths = os.pathsep.join([str(tests.parent / "include"), str(tests)])
    process = subprocess.Popen(
        [sys.executable, "-m", "faults.kill_harness"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": paths},
    )
    try:
        yield Killer(process)
    finally:
        _pipe(process.stdin).close()
        process.wait(timeout=60)
        _pipe(process.stdout).close()


def describe(results: Iterable[KillResult]) -> str:
    """All failures of some shards, one a line."""
    return "\n".join(failure for result in results for failure in result.failures)


if __name__ == "__main__":
    main()
