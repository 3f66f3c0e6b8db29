"""A whole Airflow with PostgreSQL for its metadata, whose parts may be killed while it runs.

What ended is started again, as the compose file's `restart: always` does.
"""

import contextlib
import datetime as dt
import json
import signal
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
from sqlalchemy import create_engine, text

from mailcrm.adapters.local_airflow import COMPONENTS, LocalAirflowProcesses
from mailcrm.adapters.processes import find_free_port
from mailcrm.errors import MailcrmError
from mailcrm.services.registry import add_mailbox, pause_mailbox
from mailcrm.services.wiring import open_services, upgrade_database
from mailcrm.settings import Settings
from servers.dovecot import PASSWORD, Append, DovecotServer, DovecotUser
from servers.fault_proxy import FaultProxy, run_fault_proxy
from servers.ports import stop_process
from servers.postgres_restart import CrashingPostgres, run_crashing_postgres
from servers.smtp_sink import SmtpSink, run_smtp_sink

__all__ = ["Crashes", "RealAirflow", "run_real_airflow"]

START_S = 180.0
RUN_S = 300.0
GRACE_S = 5.0
MAILBOX = """\
id: {name}
address: {name}@acme.example
imap: {{host: 127.0.0.1, port: {imap_port}, encryption: none}}
smtp: {{host: 127.0.0.1, port: {smtp_port}, encryption: none}}
folders: [INBOX]
backfill: {{days: 7}}
ownership: personal
idle: {idle}
"""


class RealAirflow(LocalAirflowProcesses):
    """The usual components with a few settings on top; `tend` starts again what ended."""

    def __init__(self, home: Path, database_url: str, extra: Mapping[str, str]) -> None:
        super().__init__(home, database_url, find_free_port())
        self._extra = dict(extra)
        self.restarts: list[str] = []

    def _environment(self) -> dict[str, str]:
        return {**super()._environment(), **self._extra}

    def tend(self) -> None:
        """Start again whatever ended by itself."""
        for name, child in list(self._children.items()):
            if not child.is_running():
                self.restarts.append(name)
                log = child.log
                log.rename(log.with_suffix(f".{len(self.restarts)}.log"))
                self._children[name] = self._spawn(name, COMPONENTS[name], {})

    def pid(self, name: str) -> int:
        """Process id of a component."""
        return self._children[name]._process.pid

    def ask(self, path: str) -> Any:
        """GET of the REST API; None while it does not answer."""
        with contextlib.suppress(MailcrmError):
            return self._api()._send("GET", f"/api/v2/{path}", None)
        return None


@dataclass
class Crashes:
    """The installation of all tests that run on a whole Airflow."""

    airflow: RealAirflow
    settings: Settings
    postgres: CrashingPostgres
    proxy: FaultProxy
    users: Mapping[str, DovecotUser]
    metadata_url: str

    def triggers(self) -> list[str]:
        """What Airflow keeps of its triggers."""
        engine = create_engine(self.metadata_url)
        try:
            with engine.connect() as connection:
                rows = connection.execute(text("SELECT classpath FROM trigger")).scalars().all()
        finally:
            engine.dispose()
        return list(rows)

    def pause(self, name: str) -> None:
        """Pause a mailbox, as a person does."""
        with open_services(self.settings) as services:
            pause_mailbox(services, name)

    def logs(self) -> str:
        """What all components have logged."""
        paths = self.airflow.logs.parent.rglob("*.log")
        return "".join(path.read_text(errors="replace") for path in paths)

    def trigger(self, name: str) -> str:
        """Start a run by hand."""
        return self.airflow.trigger(f"mailbox__{name}", {})

    def wait(self, what: str, condition: Callable[[], bool], timeout_s: float = RUN_S) -> None:
        """Wait while Airflow's components are kept alive."""
        deadline = time.monotonic() + timeout_s
        while not condition():
            self.airflow.tend()
            assert time.monotonic() < deadline, f"{what}; logs in {self.airflow.logs}"
            time.sleep(0.2)

    def run_state(self, name: str, run_id: str) -> str:
        """State of a run; "" while nobody answers."""
        found = self.airflow.ask(f"dags/mailbox__{name}/dagRuns/{run_id.replace('+', '%2B')}")
        return str(found["state"]) if found else ""

    def wait_for_end(self, name: str, run_id: str) -> str:
        """The state in which the run ended."""
        ends = ("success", "failed")
        self.wait(f"{run_id} of {name}", lambda: self.run_state(name, run_id) in ends)
        return self.run_state(name, run_id)

    def query(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        """Rows of the CRM's database."""
        with contextlib.closing(sqlite3.connect(self.settings.home / "mailcrm.db")) as connection:
            return connection.execute(statement, values).fetchall()

    def staged(self, name: str) -> int:
        """Messages of a mailbox that fetch has staged and committed."""
        return int(
            self.query(
                "SELECT count(*) FROM sync_ledger l JOIN sync_generations g USING (generation_id) "
                "WHERE g.mailbox_id = ? AND l.state = 'staged'",
                name,
            )[0][0]
        )

    def published(self, name: str) -> list[str]:
        """Message-IDs by sighting, sorted: one that is there twice shows twice."""
        rows = self.query(
            "SELECT m.message_id FROM crm_message_sightings s JOIN crm_messages m "
            "USING (message_key) WHERE s.mailbox_id = ? ORDER BY 1",
            name,
        )
        return [str(row[0]) for row in rows]

    def fetching(self) -> list[psutil.Process]:
        """The processes that are connected to the mail server through the proxy."""
        scheduler = psutil.Process(self.airflow.pid("scheduler"))
        found = []
        for process in scheduler.children(recursive=True):
            with contextlib.suppress(psutil.Error):
                remotes = [one.raddr for one in process.net_connections("tcp") if one.raddr]
                if any(remote.port == self.proxy.port for remote in remotes):
                    found.append(process)
        return found


def expected_ids(name: str, count: int) -> list[str]:
    """The Message-IDs of `messages`, sorted."""
    return sorted(f"{name}-{number}@firm.example" for number in range(count))


def messages(name: str, count: int) -> list[Append]:
    """Distinct mail of the last days, two kilobytes each."""
    now = dt.datetime.now(dt.UTC).replace(microsecond=0)
    return [
        Append(
            f"From: Ann <ann{number}@firm.example>\r\nTo: {name}@acme.example\r\n"
            f"Subject: Question {number} of {name}\r\n"
            f"Message-ID: <{name}-{number}@firm.example>\r\n"
            f"Date: Fri, 20 Nov 2026 10:00:00 +0000\r\n\r\n"
            f"{name} asks number {number}. {'All the same. ' * 140}\r\n".encode(),
            now - dt.timedelta(days=1, seconds=number),
        )
        for number in range(count)
    ]


def kill(processes: list[psutil.Process], how: signal.Signals) -> None:
    """Signal them all."""
    for process in processes:
        with contextlib.suppress(psutil.Error):
            process.send_signal(how)


def stop_machine(process: psutil.Process) -> None:
    """SIGTERM to it and to all below it, and after a grace SIGKILL to what is left."""
    everything = [*process.children(recursive=True), process]
    kill(everything, signal.SIGTERM)
    _, left = psutil.wait_procs(everything, timeout=GRACE_S)
    kill(left, signal.SIGKILL)


@contextlib.contextmanager
def stopped(postgres: CrashingPostgres, keep: Callable[[], None], for_s: float) -> Iterator[None]:
    """The block runs once the server is gone; it comes back after it, `for_s` later at least."""
    ends = time.monotonic() + for_s
    stop_process(postgres.process, signal.SIGINT)
    try:
        yield
        while time.monotonic() < ends:
            keep()
            time.sleep(0.2)
    finally:
        postgres._start()


@contextlib.contextmanager
def run_real_airflow(
    folder: Path, dovecot: DovecotServer, watched: str, others: tuple[str, ...]
) -> Iterator[Crashes]:
    """Everything up, one mailbox by name watched, the others run by hand."""
    settings = Settings(home=folder / "home")
    settings.home.mkdir()
    upgrade_database(settings)
    users = {name: dovecot.new_user() for name in (watched, *others)}
    with (
        run_smtp_sink() as smtp,
        run_crashing_postgres() as postgres,
        run_fault_proxy(dovecot.imap_port) as proxy,
    ):
        for name in users:
            _connect(settings, folder, name, proxy if name != watched else dovecot, smtp)
        url = postgres.url(postgres.create_database())
        extra = {
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": url,
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN_ASYNC": url,
            "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
            "MAILCRM_FETCH_CHUNK_MESSAGES": "10",
            "MAILCRM_WATCH_GAP_S": "2",
            **{
                key: value
                for name, user in users.items()
                for key, value in _logins(name, user, smtp)
            },
        }
        airflow = RealAirflow(settings.home, settings.database(), extra)
        try:
            airflow.prepare()
            airflow.start(list(COMPONENTS), {})
            airflow.wait_ready(START_S)
            for name in users:
                airflow.wait_for_dag(f"mailbox__{name}", START_S)
            yield Crashes(airflow, settings, postgres, proxy, users, url)
        finally:
            airflow.stop()


def _connect(
    settings: Settings, folder: Path, name: str, server: FaultProxy | DovecotServer, smtp: SmtpSink
) -> None:
    port = server.port if isinstance(server, FaultProxy) else server.imap_port
    path = folder / f"{name}.yaml"
    idle = "false" if isinstance(server, FaultProxy) else "true"
    path.write_text(MAILBOX.format(name=name, imap_port=port, smtp_port=smtp.port, idle=idle))
    with open_services(settings) as services:
        add_mailbox(services, path)


def _logins(name: str, user: DovecotUser, smtp: SmtpSink) -> list[tuple[str, str]]:
    prefix = f"AIRFLOW_CONN_MAILBOX_{name}_".upper()
    pairs = (("imap", user.name, PASSWORD), ("smtp", smtp.username, smtp.password))
    return [
        (
            prefix + kind.upper(),
            json.dumps({"conn_type": kind, "login": login, "password": password}),
        )
        for kind, login, password in pairs
    ]
