"""docker-compose.yaml proved without Docker: its commands and environment as plain processes.

Two Celery workers, real Redis and PostgreSQL, an S3 server, three mailboxes on a real Dovecot. Each
process has a MAILCRM_HOME, an AIRFLOW_HOME and a TMPDIR of its own.
"""

import base64
import dataclasses
import datetime as dt
import json
import os
import re
import secrets as random
import socket
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import psycopg
import pytest

from acceptance.compose_stack import Api, ComposeStack, Usage, open_stack, required_names
from mailcrm.records.metrics import METRICS
from servers.dovecot import PASSWORD, Append, DovecotServer, DovecotUser
from servers.ports import LOOPBACK
from servers.postgres import OWNER, PostgresServer
from servers.postgres import PASSWORD as DATABASE_PASSWORD
from servers.redis import find_redis, run_redis
from servers.s3 import S3Server, run_s3
from servers.smtp_sink import SmtpSink

pytestmark = [
    pytest.mark.slow,
    pytest.mark.needs_dovecot,
    pytest.mark.needs_postgres,
    pytest.mark.needs_compose,
]

MAILBOXES = ("sales", "support", "billing")
MESSAGES = 12
WORKERS = ("worker-1", "worker-2")
NOW = dt.datetime.now(dt.UTC).replace(microsecond=0)
CANARY = "Zebra-Crossing"
ENTRY = """\
id: {name}
address: {name}@acme.example
display_name: Acme {name}
imap: {{host: 127.0.0.1, port: {imap}, encryption: none}}
smtp: {{host: 127.0.0.1, port: {smtp}, encryption: none}}
folders: [INBOX]
backfill: {{days: 7}}
ownership: personal
"""
CONTACTS = """\
contact_id,full_name,primary_email,other_emails,company,domain
C1,Ada Customer,ada@firm.example,,Firm,firm.example
"""


class MetricsListener:
    """A real StatsD port: keeps every datagram."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((LOOPBACK, 0))
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        self.port = self._socket.getsockname()[1]
        self.lines: set[str] = set()
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        while line := self._socket.recv(4096).decode():
            if "mailcrm" in line:
                self.lines.add(line)

    def close(self) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            sender.sendto(b"", (LOOPBACK, self.port))

    def names(self) -> set[str]:
        return {re.split("[,:]", line)[0].removeprefix("airflow.") for line in self.lines}


@pytest.fixture
def statsd() -> Iterator[MetricsListener]:
    listener = MetricsListener()
    yield listener
    listener.close()


@pytest.fixture
def s3() -> Iterator[S3Server]:
    with run_s3() as server:
        yield server


@pytest.fixture
def stack(
    tmp_path: Path, postgres: PostgresServer, s3: S3Server, statsd: MetricsListener
) -> Iterator[ComposeStack]:
    """The compose file's services over empty databases, with the secrets that .env would hold."""
    find_redis()
    given = {name: random.token_hex(32) for name in required_names()}
    given |= {
        "AIRFLOW_FERNET_KEY": base64.urlsafe_b64encode(os.urandom(32)).decode(),
        "AIRFLOW_ADMIN_USERNAME": "ada",
        "AIRFLOW_ADMIN_EMAIL": "ada@acme.example",
        "CRM_DB_PASSWORD": DATABASE_PASSWORD,
        "AIRFLOW_WORKER_CONCURRENCY": "2",
        "AIRFLOW_STATSD_ON": "true",
        "MAILCRM_FILES_URL": f"{s3.make_bucket('mailcrm')}/shared",
    }
    postgres.execute(f"CREATE ROLE airflow LOGIN PASSWORD '{given['METADATA_DB_PASSWORD']}'")
    postgres.execute("CREATE DATABASE airflow OWNER airflow")
    postgres.execute(f"CREATE DATABASE mailcrm OWNER {OWNER}")
    try:
        with open_stack(tmp_path, postgres.port, statsd.port, given, s3.environment()) as found:
            yield found
    finally:
        postgres.drop_database("airflow")
        postgres.drop_database("mailcrm")
        postgres.execute("DROP ROLE airflow")


def fill(dovecot: DovecotServer, number: int) -> DovecotUser:
    """A mailbox of its own mail, every third message from a contact; one is sent to all."""
    user = dovecot.new_user()
    messages = []
    for index in range(MESSAGES):
        sender = "ada@firm.example" if index % 3 == 0 else f"p{number}-{index}@other.example"
        name = "to-all" if index == 0 else f"m{number}-{index}"
        raw = (
            f"From: Somebody <{sender}>\r\nTo: sales@acme.example\r\nSubject: {CANARY} {name}\r\n"
            f"Message-ID: <{name}@firm.example>\r\nDate: Fri, 20 Nov 2026 10:00:00 +0000\r\n\r\n"
            f"Hello, {CANARY} {name}.\r\n"
        )
        messages.append(Append(raw.encode(), NOW - dt.timedelta(days=1, minutes=index)))
    user.fill("INBOX", messages)
    return user


def connect(stack: ComposeStack, users: Sequence[DovecotUser], smtp: SmtpSink) -> None:
    """Register the mailboxes by the command line's container, and their Connections in Airflow."""
    place = stack.machine("mailcrm")
    (place / "contacts.csv").write_text(CONTACTS)
    stack.run("mailcrm", ["mailcrm", "contacts", "import", "contacts.csv"])
    connections = {}
    for name, user in zip(MAILBOXES, users, strict=True):
        entry = ENTRY.format(name=name, imap=user.server.imap_port, smtp=smtp.port)
        (place / f"{name}.yaml").write_text(entry)
        stack.run("mailcrm", ["mailcrm", "mailbox", "add", f"{name}.yaml"])
        for kind, login, password in (
            ("imap", user.name, PASSWORD),
            ("smtp", smtp.username, smtp.password),
        ):
            connections[f"mailbox_{name}_{kind}"] = {
                "conn_type": kind,
                "login": login,
                "password": password,
            }
    (place / "connections.json").write_text(json.dumps(connections))
    stack.run("mailcrm", ["airflow", "connections", "import", "connections.json"])


def start_all(stack: ComposeStack) -> Api:
    """Migrate as airflow-init does, then start every component, and two workers."""
    stack.run("airflow-init")
    for service in ("airflow-apiserver", "airflow-scheduler", "airflow-dag-processor"):
        stack.start(service)
    stack.start("airflow-triggerer")
    for worker in WORKERS:
        stack.start("airflow-worker", worker, "--celery-hostname", f"{worker}@%h")
    return Api(stack.ports.api, stack.secrets)


def sign_in(stack: ComposeStack, api: Api) -> None:
    """Wait for the API server and every mailbox's DAG, and unpause them."""
    stack.wait("API server", lambda: api.call("GET", "/execution/health"))
    api.sign_in()
    for name in MAILBOXES:
        path = f"/api/v2/dags/mailbox__{name}"
        stack.wait(f"DAG of {name}", lambda path=path: api.call("GET", path))
        api.call("PATCH", path, {"is_paused": False})


def run_mailboxes(stack: ComposeStack, api: Api, rounds: int) -> dict[str, set[str]]:
    """Run every mailbox's DAG once more; the states of its runs, of which there are `rounds`."""
    for name in MAILBOXES:
        assert api.call("POST", f"/api/v2/dags/mailbox__{name}/dagRuns", {"logical_date": None})

    def ended() -> dict[str, set[str]]:
        runs = api.call("GET", "/api/v2/dags/~/dagRuns")["dag_runs"]
        states: dict[str, set[str]] = {}
        for run in runs:
            states.setdefault(run["dag_id"].removeprefix("mailbox__"), set()).add(run["state"])
        is_over = len(runs) == rounds * len(MAILBOXES) and all(
            state in ("success", "failed") for found in states.values() for state in found
        )
        return states if is_over else {}

    found: dict[str, set[str]] = stack.wait("end of all runs", ended)
    return found


def show_usage(
    start: Mapping[str, Usage], first: Mapping[str, Usage], both: Mapping[str, Usage]
) -> None:
    """What docs/production.md cites; seen with pytest -s."""
    head = f"{'':24}{'memory MB':>12}{'CPU s: start':>14}{'first runs':>12}{'no news':>12}"
    rows = []
    for name, now in first.items():
        begun = start[name].cpu_s
        last = f"{both[name].cpu_s - now.cpu_s:.1f}" if name in both else "killed"
        rows.append(
            f"{name:24}{now.memory_mb:12.0f}{begun:14.1f}{now.cpu_s - begun:12.1f}{last:>12}"
        )
    print("\n".join(["", head, *rows]))  # noqa: T201


@dataclasses.dataclass
class Crm:
    """Queries on one of the databases."""

    postgres: PostgresServer
    database: str = "mailcrm"

    def rows(self, query: str) -> list[tuple[object, ...]]:
        """All rows of a query."""
        with psycopg.connect(
            host=LOOPBACK,
            port=self.postgres.port,
            user=OWNER,
            password=DATABASE_PASSWORD,
            dbname=self.database,
        ) as connection:
            return connection.execute(query.encode()).fetchall()


@pytest.mark.row("R217")
@pytest.mark.timeout(900)
def test_compose_two_workers_without_a_shared_disk_sync_every_mailbox(
    stack: ComposeStack,
    postgres: PostgresServer,
    dovecot: DovecotServer,
    smtp_sink: SmtpSink,
    s3: S3Server,
    statsd: MetricsListener,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    users = [fill(dovecot, number) for number in range(len(MAILBOXES))]
    password = stack.secrets["REDIS_PASSWORD"]
    env = stack.environment("redis", "redis")
    with run_redis(
        stack.command("redis"), env, stack.machine("redis"), stack.ports.redis, password
    ):
        api = start_all(stack)
        connect(stack, users, smtp_sink)
        sign_in(stack, api)
        usage = [stack.usage()]
        for rounds in (1, 2):
            states = run_mailboxes(stack, api, rounds)
            assert states == {name: {"success"} for name in MAILBOXES}, stack.tail()
            usage.append(stack.usage())
            if rounds == 1:
                stack.lose(WORKERS[0])  # the other one carries on alone
        stack.stop()
    show_usage(*usage)
    check_tables(Crm(postgres))
    check_both_workers_worked(stack)
    check_nothing_leaked(stack, Crm(postgres, "airflow"))
    for name, value in s3.environment().items():
        monkeypatch.setenv(name, value)
    check_reports(stack)
    assert {metric.name for metric in METRICS.values()} - statsd.names() <= {"mailcrm.failures"}


def check_tables(crm: Crm) -> None:
    """Every message once, the one that all got sighted everywhere; the second runs find nothing."""
    assert crm.rows("SELECT count(*) FROM crm_messages") == [(len(MAILBOXES) * (MESSAGES - 1) + 1,)]
    assert crm.rows("SELECT count(*) FROM crm_message_sightings") == [(len(MAILBOXES) * MESSAGES,)]
    assert crm.rows("SELECT DISTINCT contact_id FROM crm_message_contacts") == [("C1",)]
    runs = crm.rows("SELECT mailbox_id, state, certificate FROM sync_runs")
    assert sorted((name, state) for name, state, _ in runs) == sorted(
        (name, state) for name in MAILBOXES for state in ("nothing_new", "published")
    )
    assert all("false" not in json.dumps(certificate) for *_, certificate in runs)


def check_both_workers_worked(stack: ComposeStack) -> None:
    """Each worker has logs of tasks on its own disk, and no other machine has any of them."""
    for worker in WORKERS:
        logs = list((stack.machine(worker) / "logs").rglob("dag_id=mailbox__*/**/*.log"))
        assert logs, f"{worker} ran no task"


def check_nothing_leaked(stack: ComposeStack, metadata: Crm) -> None:
    """No secret in any log, and no text of mail in what Airflow keeps."""
    logs = stack.logs()
    secrets = {PASSWORD, *(v for k, v in stack.secrets.items() if k.endswith(("PASSWORD", "KEY")))}
    assert not [secret for secret in secrets if secret in logs]
    for table in ("xcom", "rendered_task_instance_fields", "asset_event"):
        assert metadata.rows(f"SELECT count(*) FROM {table} AS t WHERE t::text LIKE '%{CANARY}%'")[
            0
        ] == (0,)
    assert CANARY not in logs


def check_reports(stack: ComposeStack) -> None:
    """Every run's report is in the object store, and on no machine's own disk."""
    import fsspec

    from mailcrm.adapters.files_store import open_file_store

    # Another test of this process may have opened another server with the same arguments.
    fsspec.get_filesystem_class("s3").clear_instance_cache()
    store = open_file_store(stack.secrets["MAILCRM_FILES_URL"], Path("unused"))
    for name in MAILBOXES:
        assert len(store.list_names(f"reports/{name}")) == 2
    assert not list(stack.folder.glob("*/var/reports"))
    assert not list(stack.folder.glob("*/var/login.key"))
