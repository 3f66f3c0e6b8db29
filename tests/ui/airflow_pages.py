"""A real Airflow API server with the pages, on loopback; other components where needed."""

import contextlib
import json
import os
import sqlite3
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx
from pydantic import SecretStr

from mailcrm.adapters.local_airflow import COMPONENTS, FIXED_SETTINGS
from mailcrm.adapters.processes import LOOPBACK, ChildProcess
from mailcrm.services.wiring import Services, open_services, upgrade_database
from mailcrm.settings import Settings
from servers.ports import free_port

ROOT = Path(__file__).parents[2]
# One account for each role of docs/pages.md, and one for each of two teams.
USERS = {
    "vera": "viewer",
    "ann": "user",
    "otto": "op",
    "ada": "admin",
    "sam": "op:Sales",
    "sue": "op:Support",
}
PASSWORD = "pages-test-secret"
START_TIMEOUT_S = 120.0


@dataclass
class AirflowPages:
    """A running API server. `home` is MAILCRM_HOME, with migrated tables."""

    home: Path
    port: int
    allowed_hosts: tuple[str, ...] = ()
    children: dict[str, ChildProcess] = field(default_factory=dict)
    tokens: dict[str, str] = field(default_factory=dict)

    @property
    def url(self) -> str:
        """Where Airflow is; the pages are below /mailcrm."""
        return f"http://localhost:{self.port}"

    def settings(self) -> Settings:
        """The product's settings, as the API server has them."""
        return Settings(
            home=self.home, database_url=SecretStr(f"sqlite:///{self.home / 'mailcrm.db'}")
        )

    def services(self) -> contextlib.AbstractContextManager[Services]:
        """The same services over the same database, in the test's process."""
        return open_services(self.settings())

    def token(self, user: str) -> str:
        """A person's Airflow token."""
        if user not in self.tokens:
            answer = httpx.post(
                f"{self.url}/auth/token",
                json={"username": user, "password": PASSWORD},
                trust_env=False,
                timeout=30,
            )
            self.tokens[user] = answer.raise_for_status().json()["access_token"]
        return self.tokens[user]

    def client(self, user: str | None) -> httpx.Client:
        """A client with a person's session cookie, as a browser has it; None is anonymous."""
        cookies = {} if user is None else {"_token": self.token(user)}
        return httpx.Client(base_url=self.url, cookies=cookies, trust_env=False, timeout=60)

    def start(self, *names: str) -> None:
        """Start further components, each once."""
        for name in names:
            if name not in self.children:
                command = [sys.executable, "-m", "airflow", *COMPONENTS[name]]
                log = self.home / f"{name}.log"
                self.children[name] = ChildProcess(name, command, self.environment(), log, ROOT)

    def environment(self) -> dict[str, str]:
        """What every component gets."""
        clean = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("AIRFLOW", "MAILCRM_")) and name != "PYTHONDONTWRITEBYTECODE"
        }
        airflow = self.home / "airflow"
        return clean | {
            **FIXED_SETTINGS,
            "PYTHONPATH": os.pathsep.join([str(ROOT / "include"), str(ROOT / "dags")]),
            "NO_PROXY": "localhost,127.0.0.1",
            "no_proxy": "localhost,127.0.0.1",
            "MAILCRM_HOME": str(self.home),
            "MAILCRM_DATABASE_URL": f"sqlite:///{self.home / 'mailcrm.db'}",
            "MAILCRM_ALLOWED_HOSTS": ",".join(self.allowed_hosts),
            "AIRFLOW_HOME": str(airflow),
            "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "dags"),
            "AIRFLOW__CORE__PLUGINS_FOLDER": str(ROOT / "plugins"),
            "AIRFLOW__CORE__FERNET_KEY": "cGFnZXMtdGVzdC1rZXktcGFnZXMtdGVzdC1rZXktMDE=",
            "AIRFLOW__CORE__MULTI_TEAM": "True",
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": ",".join(
                f"{name}:{role}" for name, role in USERS.items()
            ),
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(airflow / "passwords.json"),
            "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"http://{LOOPBACK}:{self.port}/execution/",
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{airflow / 'airflow.db'}",
            "AIRFLOW__API__HOST": LOOPBACK,
            "AIRFLOW__API__PORT": str(self.port),
            "AIRFLOW__API__BASE_URL": self.url,
            "AIRFLOW__API__SECRET_KEY": "pages-test-" * 4,
            "AIRFLOW__API_AUTH__JWT_SECRET": "pages-test-" * 8,
            "AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_STORAGE_PATH": str(airflow / "bundles"),
            "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "2",
        }

    def log(self, name: str = "api-server") -> str:
        """What a component wrote."""
        return (self.home / f"{name}.log").read_text(errors="replace")


@contextlib.contextmanager
def run_airflow_pages(home: Path, allowed_hosts: tuple[str, ...] = ()) -> Iterator[AirflowPages]:
    """Migrate both databases and start the API server; `allowed_hosts` may be typed on pages."""
    found = AirflowPages(home, free_port(), allowed_hosts)
    (home / "airflow").mkdir()
    passwords = dict.fromkeys(USERS, PASSWORD)
    (home / "airflow" / "passwords.json").write_text(json.dumps(passwords))
    upgrade_database(found.settings())
    migrate = [sys.executable, "-m", "airflow", "db", "migrate"]
    migration = ChildProcess("migrate", migrate, found.environment(), home / "migrate.log", ROOT)
    try:
        assert migration.wait(START_TIMEOUT_S) == 0, (home / "migrate.log").read_text()[-3000:]
        _add_teams(home / "airflow" / "airflow.db")
        found.start("api-server")
        _wait_for(found)
        yield found
    finally:
        for child in reversed(found.children.values()):
            child.ask_to_stop()
        for child in found.children.values():
            child.stop()
        migration.stop()


def _add_teams(database: Path) -> None:
    """As `airflow teams create` does, without four seconds for each."""
    teams = {role.partition(":")[2] for role in USERS.values()} - {""}
    with contextlib.closing(sqlite3.connect(database)) as connection, connection:
        connection.executemany("INSERT INTO team (name) VALUES (?)", [(team,) for team in teams])


def _wait_for(pages: AirflowPages) -> None:
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline and pages.children["api-server"].is_running():
        with contextlib.suppress(httpx.HTTPError):
            url = f"{pages.url}/api/v2/monitor/health"
            if httpx.get(url, trust_env=False, timeout=5).status_code == 200:
                return
        time.sleep(0.1)
    raise AssertionError(pages.log()[-3000:])
