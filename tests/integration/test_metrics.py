"""What tasks tell those who watch: values of real runs, and the wire of StatsD."""

import datetime as dt
import gzip
import http.server
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

import pytest
from airflow.sdk._shared.observability.metrics.statsd_logger import SafeStatsdLogger
from airflow.sdk.observability import stats
from sqlalchemy import Engine
from statsd import StatsClient

from fakes.mail_reader import FakeMailbox, FakeMessage
from faults.world import NOW, letter, make_services, prepare
from mailcrm.errors import SettingsError
from mailcrm.records import Direction
from mailcrm.records.metrics import METRICS, Measurement
from mailcrm.services.check import run_check
from mailcrm.services.fetch import run_fetch
from mailcrm.services.match import run_match
from mailcrm.services.metrics import run_measured
from mailcrm.services.plan import run_plan
from mailcrm.services.publish import run_publish
from mailcrm.services.verify import run_verify
from mailcrm.services.wiring import Services
from mailcrm_dags.metrics import AirflowMetrics

ROOT = Path(__file__).parents[2]
NEWEST = NOW - dt.timedelta(hours=3)
Key = tuple[str, tuple[str, ...]]


@dataclass
class Collector:
    """Keeps what it is given: the last value of a gauge, the sum of everything else."""

    values: dict[Key, float] = field(default_factory=dict)
    is_broken: bool = False
    listens: bool = True

    def is_on(self) -> bool:
        return self.listens

    def send(self, measurement: Measurement) -> None:
        if self.is_broken:
            raise OSError("nobody listens")
        metric = measurement.metric
        assert tuple(measurement.labels) == metric.labels
        key = (metric.name, tuple(measurement.labels.values()))
        before = 0.0 if metric.kind == "gauge" else self.values.get(key, 0.0)
        self.values[key] = before + measurement.value

    def of(self, name: str) -> Mapping[tuple[str, ...], float]:
        """Values of one metric by labels, the mailbox left out."""
        return {
            labels[1:]: value for (found, labels), value in self.values.items() if found == name
        }


def filled() -> FakeMailbox:
    """Four messages, one of them without a sender."""
    mailbox = FakeMailbox()
    mailbox.create_folder("Archive")
    mailbox.create_folder("Sent", "\\sent")
    for number, sender in enumerate(("ada@customer.example", "", "x@y.example", "z@y.example")):
        moment = NEWEST - dt.timedelta(hours=number)
        raw = letter(f"m{number}", moment, sender=sender)
        mailbox.folders["INBOX"].add(FakeMessage(raw, moment))
    return mailbox


def run_tasks(services: Services, metrics: Collector, run_id: str = "sales/r1") -> None:
    """Every task of a run, as the DAG has them."""

    def measured(task: str, run):  # type: ignore[no-untyped-def]
        return run_measured(services, metrics, "sales", task, run)

    measured("verify_imap", lambda s: run_verify(s, "sales", [Direction.IMAP]))
    plan = measured("plan", lambda s: run_plan(s, "sales", run_id))
    for part in plan.slices:
        measured("fetch", lambda s, part=part: run_fetch(s, plan.lease, part))
    if plan.slices:
        measured("match", lambda s: run_match(s, plan.lease))
        measured("check", lambda s: run_check(s, plan.lease))
        measured("publish", lambda s: run_publish(s, plan.lease))


@pytest.fixture
def world(database_url: str) -> Iterator[tuple[Services, Engine]]:
    """The engine over four messages."""
    prepare(database_url)
    services, engine = make_services(database_url, filled())
    yield services, engine
    engine.dispose()


def test_metrics_of_a_run_are_what_is_stored(world: tuple[Services, Engine]) -> None:
    metrics = Collector()
    run_tasks(world[0], metrics)
    assert {name for ((name, _),) in zip(metrics.values, strict=True)} >= {"mailcrm.lag_s"}
    states = metrics.of("mailcrm.messages")
    assert states[("published",)] == 3
    assert states[("quarantined",)] == 1
    assert sum(states.values()) == 4
    (lag,) = metrics.of("mailcrm.lag_s").values()
    assert lag == pytest.approx(3 * 3600, abs=60)
    (last,) = metrics.of("mailcrm.last_good_run_unix_s").values()
    assert last == pytest.approx(NOW.timestamp(), abs=60)
    assert metrics.of("mailcrm.health") == {("imap",): 0}
    (days,) = metrics.of("mailcrm.coverage_days").values()
    assert days == pytest.approx(7, abs=1.1)
    assert set(metrics.of("mailcrm.quarantine_backlog").values()) == {1}
    stages = {labels[0] for labels in metrics.of("mailcrm.stage_s")}
    assert stages == {*("verify", "plan", "fetch", "parse", "dedupe", "match", "check", "publish")}
    assert set(metrics.of("mailcrm.held_batches").values()) == {0}
    assert "mailcrm.review_backlog" in {name for name, _ in metrics.values}
    assert not metrics.of("mailcrm.failures")


def test_metrics_a_run_without_news_refreshes_the_mailboxs_numbers(
    world: tuple[Services, Engine],
) -> None:
    run_tasks(world[0], Collector())
    metrics = Collector()
    run_tasks(world[0], metrics, "sales/r2")
    assert metrics.of("mailcrm.messages")[("published",)] == 3
    assert {labels[0] for labels in metrics.of("mailcrm.stage_s")} == {"verify", "plan"}


def test_metrics_a_failed_task_is_counted_by_its_error(world: tuple[Services, Engine]) -> None:
    metrics = Collector()

    def fail(services: Services) -> None:
        raise SettingsError(where="here", problem="on purpose")

    with pytest.raises(SettingsError):
        run_measured(world[0], metrics, "sales", "plan", fail)
    assert metrics.of("mailcrm.failures") == {("plan", "SettingsError"): 1}


def test_metrics_that_cannot_be_sent_harm_no_run(world: tuple[Services, Engine]) -> None:
    run_tasks(world[0], Collector(is_broken=True))
    assert world[0].overview.read_measures("sales").messages["published"] == 3


def test_metrics_nobody_collects_are_not_measured(world: tuple[Services, Engine]) -> None:
    metrics = Collector(listens=False)
    run_tasks(world[0], metrics)
    assert metrics.values == {}


def test_statsd_gets_every_kind_with_its_labels() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listener:
        listener.bind(("127.0.0.1", 0))
        listener.settimeout(5)
        client = StatsClient("127.0.0.1", listener.getsockname()[1], prefix="airflow")
        stats.initialize(
            factory=lambda: SafeStatsdLogger(
                client, influxdb_tags_enabled=True, statsd_influxdb_enabled=True
            ),
            export_legacy_names=False,
        )
        try:
            for name, value, labels in (
                ("lag_s", 12.5, {"mailbox": "sales"}),
                ("bytes_received", 4096, {"mailbox": "sales"}),
                ("stage_s", 0.25, {"mailbox": "sales", "stage": "fetch"}),
            ):
                AirflowMetrics().send(Measurement(METRICS[name], value, labels))
            lines = {listener.recv(2000).decode() for _ in range(3)}
        finally:
            stats.initialize(factory=stats_off, export_legacy_names=False)
    assert lines == {
        "airflow.mailcrm.lag_s,mailbox=sales:12.5|g",
        "airflow.mailcrm.bytes_received,mailbox=sales:4096|c",
        "airflow.mailcrm.stage_s,mailbox=sales,stage=fetch:250.000000|ms",
    }


def stats_off():  # type: ignore[no-untyped-def]
    """Airflow's own collector of nothing."""
    from airflow.sdk._shared.observability.metrics.base_stats_logger import NoStatsLogger

    return NoStatsLogger()


SENDER = """
from airflow.sdk.configuration import conf
from airflow.sdk.observability import stats
from airflow.sdk.observability.metrics import stats_utils
from mailcrm.records.metrics import METRICS, Measurement
from mailcrm_dags.metrics import AirflowMetrics

stats.initialize(factory=stats_utils.get_stats_factory(), export_legacy_names=False)
metrics = AirflowMetrics()
assert metrics.is_on()
for metric in METRICS.values():
    metrics.send(Measurement(metric, 3, {label: f"a-{label}" for label in metric.labels}))
"""


class OtelCollector(http.server.BaseHTTPRequestHandler):
    """OTLP by HTTP: keeps what is posted."""

    bodies: ClassVar[list[bytes]] = []

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        is_packed = self.headers.get("Content-Encoding") == "gzip"
        self.bodies.append(gzip.decompress(body) if is_packed else body)
        self.send_response(200)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


def test_opentelemetry_gets_every_metric_before_the_process_ends(tmp_path: Path) -> None:
    with http.server.HTTPServer(("127.0.0.1", 0), OtelCollector) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        done = subprocess.run(
            [sys.executable, "-c", SENDER],
            env={
                **{name: v for name, v in os.environ.items() if not name.startswith("AIRFLOW")},
                "AIRFLOW_HOME": str(tmp_path),
                "AIRFLOW__METRICS__OTEL_ON": "True",
                "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{server.server_port}",
                "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
                "NO_PROXY": "127.0.0.1",
                "PYTHONPATH": os.pathsep.join(str(ROOT / name) for name in ("include", "dags")),
            },
            capture_output=True,
            text=True,
            timeout=120,
        )
        server.shutdown()
    assert done.returncode == 0, done.stderr[-2000:]
    sent = b"".join(OtelCollector.bodies)
    assert not [m.name for m in METRICS.values() if m.name.encode() not in sent]
    assert b"a-mailbox" in sent
