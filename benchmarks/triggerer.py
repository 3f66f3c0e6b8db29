"""Many watched mailboxes in one real triggerer of Airflow: memory, CPU, and latency.

The triggers are put into Airflow's tables as the DAG processor would; no DAG is parsed and no run
is started, so that only the watching is measured. Latency is from a message's arrival on the server
until Airflow has stored its event.
"""

import argparse
import contextlib
import json
import os
import random
import sqlite3
import ssl
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT / "include"), str(ROOT / "tests"), str(ROOT / "benchmarks")]

import psutil  # noqa: E402
from watchers import PASSWORD, fill_registry, mail_server  # noqa: E402

from mailcrm.adapters.local_airflow import LocalAirflowProcesses  # noqa: E402
from mailcrm.adapters.processes import find_free_port  # noqa: E402
from mailcrm.services.watch_choice import plan_capacity  # noqa: E402
from mailcrm.settings import Settings  # noqa: E402

PATIENCE_S = 900.0


class Triggerer:
    """One triggerer over tables that hold nothing but triggers."""

    def __init__(self, home: Path, ids: list[str]) -> None:
        self._ids = ids
        settings = Settings(home=home)
        self._airflow = LocalAirflowProcesses(home, settings.database(), find_free_port())
        self._database = home / "airflow" / "airflow.db"

    def start(self) -> None:
        """Migrate, put the triggers in, and start."""
        self._airflow.prepare()
        environment = self._airflow._environment()
        os.environ.update(environment)
        put_triggers(self._ids)
        login = {"conn_type": "imap", "password": PASSWORD}
        connections = {
            f"AIRFLOW_CONN_MAILBOX_{name}_IMAP".upper(): json.dumps({**login, "login": name})
            for name in self._ids
        }
        capacity = {"AIRFLOW__TRIGGERER__CAPACITY": str(plan_capacity(len(self._ids)))}
        quick = {"MAILCRM_WATCH_GAP_S": "0.01"}
        self._airflow.start(["triggerer"], {**connections, **capacity, **quick})

    def stop(self) -> None:
        """End it."""
        self._airflow.stop()

    def processes(self) -> list[psutil.Process]:
        """Supervisor and runner."""
        (child,) = self._airflow._children.values()
        supervisor = psutil.Process(child._process.pid)
        return [supervisor, *supervisor.children(recursive=True)]

    def events(self) -> int:
        """Events that Airflow has stored."""
        with contextlib.closing(sqlite3.connect(self._database, timeout=60)) as connection:
            return int(connection.execute("SELECT count(*) FROM asset_event").fetchone()[0])

    def wait_for_events(self, count: int) -> None:
        """Until so many are stored."""
        deadline = time.monotonic() + PATIENCE_S
        while self.events() < count:
            assert time.monotonic() < deadline, f"{self.events()} events; {self._airflow.logs}"
            time.sleep(0.05)


def put_triggers(ids: list[str]) -> None:
    """An asset with a watcher for each mailbox, as the DAG processor stores it."""
    from airflow.models.asset import AssetActive, AssetModel
    from airflow.models.trigger import Trigger
    from airflow.utils.session import create_session

    with create_session() as session:
        for name in ids:
            asset = AssetModel(
                name=f"mailcrm_new_mail_{name}", uri=f"mailcrm://new-mail/{name}", group="asset"
            )
            classpath = "mailcrm_dags.new_mail.NewMailTrigger"
            trigger = Trigger(classpath=classpath, kwargs={"mailbox_id": name})
            session.add_all([asset, trigger])
            session.flush()
            session.add(AssetActive.for_asset(asset))
            asset.add_trigger(trigger, f"new_mail_{name}")


def cpu_s(processes: list[psutil.Process]) -> list[float]:
    """CPU seconds of each."""
    return [sum(one.cpu_times()[:2]) for one in processes]


def latencies(triggerer: Triggerer, port: int, ca_file: str, ids: list[str]) -> list[float]:
    """Seconds until each delivery's event is stored."""
    import socket

    found = []
    context = ssl.create_default_context(cafile=ca_file)
    with (
        socket.create_connection(("127.0.0.1", port)) as plain,
        context.wrap_socket(plain, server_hostname="127.0.0.1") as sock,
    ):
        sock.recv(1000)
        for name in ids:
            before, began = triggerer.events(), time.perf_counter()
            sock.sendall(f"x DELIVER {name}\r\n".encode())
            sock.recv(1000)
            triggerer.wait_for_events(before + 1)
            found.append(time.perf_counter() - began)
    return found


def measure(home: Path, count: int, idle_s: float, port: int, ca_file: str) -> dict[str, Any]:
    """Start, wait for every first event, idle, deliver."""
    ids = [one.id for one in fill_registry(Settings(home=home), count, port, ca_file)]
    triggerer = Triggerer(home, ids)
    began = time.perf_counter()
    triggerer.start()
    try:
        triggerer.wait_for_events(count)
        watching_s = time.perf_counter() - began
        time.sleep(15)  # until what was told is remembered
        processes = triggerer.processes()
        before = cpu_s(processes)
        time.sleep(idle_s)
        used = [100 * (b - a) / idle_s for a, b in zip(before, cpu_s(processes), strict=True)]
        memory = [one.memory_full_info() for one in processes]
        some = random.Random(7).sample(ids, min(20, count))
        found = latencies(triggerer, port, ca_file, some)
    finally:
        triggerer.stop()
    return {
        "mailboxes": count,
        "all_told_s": round(watching_s, 1),
        "rss_mb": [round(one.rss / 2**20) for one in memory],
        "pss_mb": [round(one.pss / 2**20) for one in memory],
        "idle_cpu_percent": [round(one, 2) for one in used],
        "latency_s_median": round(statistics.median(found), 2),
        "latency_s_max": round(max(found), 2),
        "load": round(os.getloadavg()[0], 1),
    }


def main() -> None:
    """Print one JSON document."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mailboxes", type=int, default=1000)
    parser.add_argument("--idle-s", type=float, default=30.0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, mail_server(Path(name)) as (port, ca_file):
        print(json.dumps(measure(Path(name), options.mailboxes, options.idle_s, port, ca_file)))


if __name__ == "__main__":
    main()
