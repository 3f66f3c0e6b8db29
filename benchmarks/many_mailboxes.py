"""How Airflow on this machine takes many mailboxes: `python benchmarks/many_mailboxes.py -n N`.

Prints, for N mailboxes in a fresh home (no mail server: nothing runs): seconds until all DAGs are
visible, seconds until one changed mailbox is, what a worker takes to build its one DAG, and the
CPU of the idle components. Everything on loopback; stopped at the end.
"""

import argparse
import contextlib
import datetime as dt
import os
import platform
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from mailcrm.adapters.local_airflow import LocalAirflowProcesses
from mailcrm.adapters.processes import find_free_port
from mailcrm.records import Backfill, Encryption, Endpoint, Mailbox, Ownership
from mailcrm.services.wiring import Services, open_services, upgrade_database
from mailcrm.settings import load_settings

ROOT = Path(__file__).parents[1]
COMPONENTS = ("api-server", "scheduler", "dag-processor")
PATIENCE_S = 600.0
IDLE_S = 30.0
# Built in a process that has Airflow already, as a worker's is forked from one that has.
PARSE = """
import os, sys, time
import airflow.sdk
from airflow.dag_processing.dagbag import DagBag
import mailcrm_dags.mailbox_dag
seconds = []
for _ in range(5):
    started = time.perf_counter()
    bag = DagBag(sys.argv[1])
    seconds.append(time.perf_counter() - started)
assert list(bag.dags) == [os.environ["_AIRFLOW_PARSING_CONTEXT_DAG_ID"]], bag.import_errors
print(min(seconds))
"""


def main() -> None:
    """Measure, print one line each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-n", type=int, default=200, help="mailboxes")
    count = parser.parse_args().n
    today = dt.datetime.now(dt.UTC).date()
    print(f"{today}, {os.cpu_count()} cores, Python {platform.python_version()}, {count} mailboxes")
    with fresh_home() as home, running_airflow(home) as airflow:
        database = airflow.folder / "airflow.db"
        with open_services() as services:
            add_mailboxes(services, range(count))
        airflow.prepare()
        airflow.start(("api-server",), {})
        airflow.wait_ready(PATIENCE_S)
        started = time.monotonic()
        airflow.start(COMPONENTS[1:], {})
        wait(lambda: visible(database) >= count, f"{count} DAGs")
        show("all visible, from the DAG processor's start", time.monotonic() - started, "s")
        processor = airflow._children["dag-processor"]._process.pid
        show("CPU of the DAG processor for that", cpu_seconds(processor), "s")
        started = time.monotonic()
        with open_services() as services:
            add_mailboxes(services, [count])
        wait(lambda: visible(database) > count, "the new DAG")
        show("one new mailbox visible", time.monotonic() - started, "s")
        show("a worker builds its one DAG", worker_parse(airflow), "s")
        for name, share in idle_shares(airflow).items():
            show(f"idle CPU of the {name}", 100 * share, "% of a core")


@contextlib.contextmanager
def fresh_home() -> Iterator[Path]:
    """A home with CRM tables, in the environment, and gone afterwards."""
    home = Path(tempfile.mkdtemp(prefix="mailcrm-bench-"))
    os.environ |= {"MAILCRM_HOME": str(home), "MAILCRM_PROJECT": str(ROOT)}
    for name in ("MAILCRM_DATABASE_URL", "PYTHONDONTWRITEBYTECODE"):
        os.environ.pop(name, None)
    upgrade_database()
    try:
        yield home
    finally:
        shutil.rmtree(home, ignore_errors=True)


@contextlib.contextmanager
def running_airflow(home: Path) -> Iterator[LocalAirflowProcesses]:
    """An Airflow that is stopped at the end."""
    airflow = LocalAirflowProcesses(home, load_settings().database(), find_free_port())
    try:
        yield airflow
    finally:
        airflow.stop()


def add_mailboxes(services: Services, numbers: range | list[int]) -> None:
    """Register mailboxes straight in the tables: files of a thousand would be timed too."""
    now = services.clock.now()
    for number in numbers:
        server = Endpoint("127.0.0.1", 1, Encryption.NONE)
        services.registry.write_mailbox(
            Mailbox(
                id=f"box{number:05d}",
                address=f"box{number:05d}@acme.example",
                display_name=f"Box {number}",
                imap=server,
                smtp=server,
                folders=("INBOX",),
                backfill=Backfill(),
                schedule="*/15 * * * *",
                ownership=Ownership.PERSONAL,
            ),
            now,
        )


def visible(database: Path) -> int:
    """DAGs of mailboxes that Airflow shows: parsed and serialised."""
    with sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=10) as connection:
        return connection.execute(
            "SELECT count(*) FROM dag JOIN serialized_dag USING (dag_id) "
            "WHERE dag_id LIKE 'mailbox__%' AND NOT is_stale"
        ).fetchone()[0]


def worker_parse(airflow: LocalAirflowProcesses) -> float:
    """The best of five, of the fullest shard."""
    shards = airflow.folder / "bundles" / "mailboxes" / "registry"
    fullest = max(shards.glob("*.json"), key=lambda path: path.stat().st_size)
    mailbox_id = fullest.read_text(encoding="utf-8").rpartition('"id": "')[2].partition('"')[0]
    environment = airflow._environment() | {
        "_AIRFLOW_PARSING_CONTEXT_DAG_ID": f"mailbox__{mailbox_id}",
        "AIRFLOW__LOGGING__LOGGING_LEVEL": "ERROR",
    }
    command = [sys.executable, "-c", PARSE, str(fullest.with_suffix(".py"))]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    return float(done.stdout.split()[-1])


def idle_shares(airflow: LocalAirflowProcesses) -> dict[str, float]:
    """CPU seconds a second of scheduler and DAG processor, children included."""
    time.sleep(IDLE_S)  # what the new mailbox began is over
    processes = {name: airflow._children[name]._process.pid for name in COMPONENTS[1:]}
    before = {name: cpu_seconds(pid) for name, pid in processes.items()}
    time.sleep(IDLE_S)
    return {name: (cpu_seconds(pid) - before[name]) / IDLE_S for name, pid in processes.items()}


def cpu_seconds(pid: int) -> float:
    """User and system time of a process, its ended children, and its living ones."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    ticks = sum(int(fields[index]) for index in (11, 12, 13, 14))
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return ticks / os.sysconf("SC_CLK_TCK") + sum(cpu_seconds(int(child)) for child in children)


def wait(look: Callable[[], bool], what: str) -> None:
    """Wait until something shows."""
    deadline = time.monotonic() + PATIENCE_S
    while not look():
        if time.monotonic() > deadline:
            raise SystemExit(f"not seen in {PATIENCE_S:.0f} s: {what}")
        time.sleep(0.2)


def show(what: str, value: float, unit: str) -> None:
    """One line."""
    print(f"{what:<48} {value:8.2f} {unit}", flush=True)


if __name__ == "__main__":
    main()
