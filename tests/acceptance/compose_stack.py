"""docker-compose.yaml as plain processes: its own commands and environment, hosts put on loopback.

Every service gets a folder that stands for the root of its container's /opt/airflow, so that
nothing can pass between two of them but through the databases, Redis and the object store.
"""

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from servers.ports import LOOPBACK, free_ports, stop_process

ROOT = Path(__file__).parents[2]
IMAGE_ROOT = "/opt/airflow"
# Their log servers listen on all interfaces, and a test may not.
WITH_LOG_SERVER = ("scheduler", "triggerer", "celery worker")
TIMEOUT_S = 240.0
POLL_S = 1.0


@dataclass
class Ports:
    """Where the services' hosts are here."""

    postgres: int
    redis: int
    api: int
    health: int
    statsd: int

    def localise(self, text: str) -> str:
        """Put the hosts of the compose network on loopback."""
        for host, here in (
            ("@metadata-db/", f"@{LOOPBACK}:{self.postgres}/"),
            ("@crm-db/", f"@{LOOPBACK}:{self.postgres}/"),
            ("@redis:6379/", f"@{LOOPBACK}:{self.redis}/"),
            ("http://airflow-apiserver:8080/", f"http://{LOOPBACK}:{self.api}/"),
            ("exec redis-server -", f"exec redis-server - --bind {LOOPBACK} --port {self.redis}"),
        ):
            text = text.replace(host, here)
        return text


@dataclass(frozen=True, slots=True)
class Usage:
    """Memory (PSS) and processor seconds."""

    memory_mb: float
    cpu_s: float


@dataclass
class ComposeStack:
    """The services of the file, started one by one."""

    services: Mapping[str, Any]
    folder: Path
    ports: Ports
    secrets: Mapping[str, str]
    extra: Mapping[str, str]
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def machine(self, name: str) -> Path:
        """A folder that looks like /opt/airflow of the image; made at the first look."""
        place = self.folder / name
        if not place.exists():
            (place / "tmp").mkdir(parents=True)
            for part in ("include", "dags", "plugins"):
                (place / part).symlink_to(ROOT / part)
        return place

    def environment(self, service: str, machine: str) -> dict[str, str]:
        """The service's own environment, and what only loopback and one machine need."""
        place = self.machine(machine)
        given = {
            name: self.ports.localise(str(value)).replace("$$", "$").replace(IMAGE_ROOT, str(place))
            for name, value in self.services[service].get("environment", {}).items()
        }
        if "AIRFLOW__METRICS__STATSD_HOST" in given:
            given |= {
                "AIRFLOW__METRICS__STATSD_HOST": LOOPBACK,
                "AIRFLOW__METRICS__STATSD_PORT": str(self.ports.statsd),
            }
        return {
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "HOME": str(place),
            "TMPDIR": str(place / "tmp"),
            "LANG": "C.UTF-8",
            "NO_PROXY": f"{LOOPBACK},localhost",
            "AIRFLOW_HOME": str(place),
            "AIRFLOW__API__HOST": LOOPBACK,
            "AIRFLOW__API__PORT": str(self.ports.api),
            "AIRFLOW__SCHEDULER__SCHEDULER_HEALTH_CHECK_SERVER_HOST": LOOPBACK,
            "AIRFLOW__SCHEDULER__SCHEDULER_HEALTH_CHECK_SERVER_PORT": str(self.ports.health),
            "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
            **self.extra,
            **given,
        }

    def command(self, service: str, *more: str) -> list[str]:
        """The service's command line, as the image's entry point runs it."""
        given = self.services[service]["command"]
        if not isinstance(given, str):
            return [self.ports.localise(part).replace("$$", "$") for part in given]
        skip = ["--skip-serve-logs"] if given in WITH_LOG_SERVER else []
        return ["airflow", *shlex.split(given), *skip, *more]

    def start(self, service: str, machine: str | None = None, *more: str) -> None:
        """Start one service on a machine of its own, in the background."""
        machine = machine or service
        env = self.environment(service, machine)
        with (self.folder / f"{machine}.log").open("wb") as log:
            self.processes[machine] = subprocess.Popen(
                self.command(service, *more),
                env=env,
                cwd=self.machine(machine),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def run(self, service: str, command: Sequence[str] | None = None) -> str:
        """Run a one-off service, or another command in its place, to its end; what it printed."""
        done = subprocess.run(
            command or self.command(service),
            env=self.environment(service, service),
            cwd=self.machine(service),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
        )
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
        return done.stdout

    def usage(self) -> dict[str, Usage]:
        """What each service's whole session takes and has taken."""
        sessions: dict[int, list[int]] = {}
        for pid in _pids():
            sessions.setdefault(_session(pid), []).append(pid)
        return {
            name: Usage(
                sum(map(_pss_kb, found := sessions.get(process.pid, []))) / 1024,
                sum(map(_cpu_s, found)),
            )
            for name, process in self.processes.items()
        }

    def lose(self, machine: str) -> None:
        """Kill everything that runs on a machine, as when its power fails."""
        process = self.processes.pop(machine)
        for pid in [pid for pid in _pids() if _session(pid) == process.pid]:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        process.wait()

    def stop(self) -> None:
        """Ask all at once, then wait for each."""
        for process in self.processes.values():
            if process.poll() is None:
                process.terminate()
        for process in self.processes.values():
            stop_process(process)

    def logs(self) -> str:
        """Everything that every process and every task wrote."""
        return "\n".join(
            path.read_text(errors="replace") for path in sorted(self.folder.rglob("*.log"))
        )

    def tail(self) -> str:
        """The end of each process's log, for a failed test."""
        logs = sorted(self.folder.glob("*.log"))
        return "\n".join(f"== {p.name}\n{p.read_text(errors='replace')[-1500:]}" for p in logs)

    def wait(self, what: str, found: Any, timeout_s: float = TIMEOUT_S) -> Any:
        """Wait until `found()` gives something; a process that ended is an error at once."""
        deadline = time.monotonic() + timeout_s
        while True:
            if answer := found():
                return answer
            ended = [name for name, process in self.processes.items() if process.poll() is not None]
            assert not ended, f"{ended} ended while waiting for {what}\n{self.tail()}"
            assert time.monotonic() < deadline, f"no {what}\n{self.tail()}"
            time.sleep(POLL_S)


def _pids() -> list[int]:
    return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]


def _session(pid: int) -> int:
    with suppress(OSError):
        return os.getsid(pid)
    return 0


def _pss_kb(pid: int) -> int:
    with suppress(OSError):
        found = re.search(r"^Pss: +(\d+)", Path(f"/proc/{pid}/smaps_rollup").read_text(), re.M)
        return int(found[1]) if found else 0
    return 0


def _cpu_s(pid: int) -> float:
    """Own time and that of children that have ended."""
    with suppress(OSError):
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")
    return 0.0


@dataclass
class Api:
    """The pages' REST API, signed in as the administrator that airflow-init made."""

    port: int
    secrets: Mapping[str, str]
    token: str = ""

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """One request; None where there is nobody (yet), or no such thing."""
        headers = {"Content-Type": "application/json"}
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        data = None if body is None else json.dumps(body).encode()
        url = f"http://{LOOPBACK}:{self.port}{path}"
        request = urllib.request.Request(url, data, headers, method=method)
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=60) as answer:
                return json.loads(answer.read() or b"{}")
        except urllib.error.HTTPError as error:
            if error.code == 404:
                return None
            raise AssertionError(f"{path}: {error.code} {error.read()[:500]!r}") from None
        except OSError:
            return None

    def sign_in(self) -> None:
        """Take a token."""
        login = {
            "username": self.secrets["AIRFLOW_ADMIN_USERNAME"],
            "password": self.secrets["AIRFLOW_ADMIN_PASSWORD"],
        }
        self.token = self.call("POST", "/auth/token", login)["access_token"]


def read_compose(secrets: Mapping[str, str], folder: Path) -> Mapping[str, Any]:
    """The services as docker-compose understands the file; skips where it is not installed."""
    compose = shutil.which("docker-compose")
    if compose is None:
        pytest.skip("not installed: docker-compose")
    env_file = folder / "env"
    env_file.write_text("".join(f"{name}={value}\n" for name, value in secrets.items()))
    done = subprocess.run(
        [compose, "--file", "docker-compose.yaml", "--env-file", str(env_file), "config"],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "HOME": str(folder)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    services: Mapping[str, Any] = yaml.safe_load(done.stdout)["services"]
    return services


def required_names() -> list[str]:
    """The variables that the file cannot do without."""
    text = (ROOT / "docker-compose.yaml").read_text()
    return sorted(set(re.findall(r"\$\{([A-Z_]+):\?", text)))


@contextmanager
def open_stack(
    folder: Path, postgres: int, statsd: int, secrets: Mapping[str, str], extra: Mapping[str, str]
) -> Iterator[ComposeStack]:
    """The file's services over a PostgreSQL that runs; everything is stopped at the end."""
    redis, api, health = free_ports(3)
    services = read_compose(secrets, folder)
    ports = Ports(postgres, redis, api, health, statsd)
    stack = ComposeStack(services, folder / "machines", ports, secrets, extra)
    stack.folder.mkdir()
    with ExitStack() as cleanup:
        cleanup.callback(stack.stop)
        yield stack
