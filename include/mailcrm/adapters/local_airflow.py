"""A whole Airflow on loopback, its components started and stopped one by one.

`airflow standalone` is not used: it orphans its children when it is stopped, and its log servers
listen on all interfaces.
"""

import base64
import importlib.metadata
import json
import os
import secrets
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import mailcrm
from mailcrm.adapters.local_airflow_api import AirflowApi
from mailcrm.adapters.processes import LOOPBACK, ChildProcess
from mailcrm.errors import ServerRefusedError, ServerUnreachableError, SettingsError
from mailcrm.ports.local import AirflowLogin, TaskProgress

__all__ = ["COMPONENTS", "LocalAirflowProcesses", "find_project"]

COMPONENTS: Mapping[str, tuple[str, ...]] = {
    "api-server": ("api-server",),
    "scheduler": ("scheduler", "--skip-serve-logs"),
    "dag-processor": ("dag-processor",),
    "triggerer": ("triggerer", "--skip-serve-logs"),
}
# The health report's names for them.
HEALTH_NAMES = {
    "scheduler": "scheduler",
    "dag-processor": "dag_processor",
    "triggerer": "triggerer",
}
# Settings without which Airflow starts slowly and holds task slots for seconds.
FIXED_SETTINGS: Mapping[str, str] = {
    "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
    "AIRFLOW__CORE__PARALLELISM": "4",
    "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
    "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "True",
    "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": "admin:admin",
    "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "False",
    "AIRFLOW__API__WORKERS": "1",
    "AIRFLOW__SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.2",
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "45",
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "5",
    # Tasks of a scheduler that was started again are looked for only so often.
    "AIRFLOW__SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL": "30",
    "AIRFLOW__WORKERS__MAX_FAILED_HEARTBEATS": "10",
    "AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL": "1",
    "AIRFLOW__WORKERS__EXECUTION_API_TIMEOUT": "30",
    # A shard is parsed again when it changed; for its own sake only every ten minutes.
    "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "600",
    "AIRFLOW__DAG_PROCESSOR__BUNDLE_REFRESH_CHECK_INTERVAL": "2",
    "AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST": json.dumps(
        [
            {
                "name": "mailboxes",
                "classpath": "mailcrm_dags.bundle.RegistryDagBundle",
                "kwargs": {"refresh_interval": 5},
            },
            {
                "name": "dags-folder",
                "classpath": "airflow.dag_processing.bundles.local.LocalDagBundle",
                "kwargs": {},
            },
        ]
    ),
    "AIRFLOW__LOGGING__NAMESPACE_LEVELS": "great_expectations=WARNING",
    "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
    "GX_ANALYTICS_ENABLED": "False",
    "SCARF_ANALYTICS": "False",
    "DO_NOT_TRACK": "1",
}
POLL_S = 0.3
MIGRATE_TIMEOUT_S = 180.0


def find_project() -> Path:
    """The folder that holds dags/ and include/: MAILCRM_PROJECT, else our checkout, else here.

    Raises:
        SettingsError: none of them holds dags/mailcrm_dags.
    """
    named = os.environ.get("MAILCRM_PROJECT")
    places = [Path(named)] if named else [Path(mailcrm.__file__).parents[2], Path.cwd()]
    for place in places:
        if (place / "dags" / "mailcrm_dags" / "bundle.py").is_file():
            return place.resolve()
    raise SettingsError(
        where="MAILCRM_PROJECT",
        problem="must name the project's folder, the one with dags/mailcrm_dags; "
        f"not found in {', '.join(str(place) for place in places)}",
    )


class LocalAirflowProcesses:
    """`mailcrm.ports.local.LocalAirflow` over real processes under one home."""

    def __init__(self, home: Path, database_url: str, port: int) -> None:
        """Prepare nothing yet.

        Args:
            home: MAILCRM_HOME, absolute; everything of Airflow's goes to its `airflow` folder.
            database_url: Of the CRM; passed on by environment.
            port: Loopback port of the API server and the pages.
        """
        self.url = f"http://localhost:{port}"
        self.folder = home / "airflow"
        self.logs = self.folder / "component-logs"
        self._home = home
        self._database_url = database_url
        self._port = port
        self._children: dict[str, ChildProcess] = {}
        self._made_api: AirflowApi | None = None

    def login(self) -> AirflowLogin:
        """The account `admin`; its password is generated once and kept for the owner only."""
        path = self.folder / "passwords.json"
        if not path.exists():
            _write_private(path, json.dumps({"admin": secrets.token_urlsafe(12)}) + "\n")
        return AirflowLogin("admin", json.loads(path.read_text(encoding="utf-8"))["admin"])

    def prepare(self) -> None:
        """Create or migrate Airflow's database; a marker tells which version did it last."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.login()
        marker = self.folder / "migrated"
        version = importlib.metadata.version("apache-airflow")
        if marker.exists() and marker.read_text(encoding="utf-8") == version:
            return
        child = self._spawn("db-migrate", ("db", "migrate"), {})
        try:
            code = child.wait(MIGRATE_TIMEOUT_S)
        finally:
            child.stop()
        if code != 0:
            raise SettingsError(where="airflow db migrate", problem=f"failed; see {child.log}")
        marker.write_text(version, encoding="utf-8")

    def start(self, components: Sequence[str], credentials: Mapping[str, str]) -> None:
        """Start them side by side; they find each other by themselves."""
        self._made_api = None
        for name in components:
            self._children[name] = self._spawn(name, COMPONENTS[name], credentials)

    def wait_ready(self, timeout_s: float) -> None:
        """Wait for every component's heartbeat, then warm the execution API."""
        deadline = time.monotonic() + timeout_s
        wanted = {HEALTH_NAMES[name] for name in self._children if name in HEALTH_NAMES}
        while True:
            health = self._health()
            if health and all(health.get(name) == "healthy" for name in wanted):
                break
            self._pause(deadline, "Airflow did not become healthy in time")
        self._api().warm_execution_api()

    def wait_for_dag(self, dag_id: str, timeout_s: float) -> None:
        """Wait for the DAG; an import error is reported as soon as it shows."""
        deadline = time.monotonic() + timeout_s
        while not self._api().has_dag(dag_id):
            errors = self._api().import_errors()
            if errors:
                raise SettingsError(where="DAG files", problem="; ".join(errors)[:400])
            self._pause(deadline, f"the DAG {dag_id} did not appear")

    def trigger(self, dag_id: str, params: Mapping[str, object]) -> str:
        """Start one run."""
        return self._api().trigger(dag_id, params)

    def read_run(self, dag_id: str, run_id: str) -> tuple[str, Sequence[TaskProgress]]:
        """State of one run and of its tasks."""
        return self._api().read_run(dag_id, run_id)

    def find_ended(self) -> str | None:
        """The first component that ended by itself."""
        for name, child in self._children.items():
            if not child.is_running():
                return name
        return None

    def stop(self) -> None:
        """Ask all at once, then wait for each."""
        children = list(reversed(self._children.values()))
        for child in children:
            child.ask_to_stop()
        for child in children:
            child.stop()
        self._children.clear()

    def _api(self) -> AirflowApi:
        if self._made_api is None:
            self._made_api = AirflowApi(self._port, self.login())
        return self._made_api

    def _health(self) -> Mapping[str, str]:
        try:
            return self._api().health()
        except (ServerUnreachableError, ServerRefusedError):
            return {}

    def _pause(self, deadline: float, complaint: str) -> None:
        ended = self.find_ended()
        if ended is not None:
            log = self._children[ended].log
            raise SettingsError(where=f"airflow {ended}", problem=f"ended by itself; see {log}")
        if time.monotonic() > deadline:
            raise SettingsError(where="airflow", problem=f"{complaint}; see {self.logs}")
        time.sleep(POLL_S)

    def _spawn(
        self, name: str, arguments: Sequence[str], credentials: Mapping[str, str]
    ) -> ChildProcess:
        command = [sys.executable, "-m", "airflow", *arguments]
        env = {**self._environment(), **credentials}
        return ChildProcess(name, command, env, self.logs / f"{name}.log", cwd=Path.cwd())

    def _environment(self) -> dict[str, str]:
        """What every component gets: nothing of another Airflow, all of ours."""
        project = find_project()
        inherited = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("AIRFLOW__", "AIRFLOW_HOME", "AIRFLOW_CONFIG"))
            and name not in ("PYTHONDONTWRITEBYTECODE", "PYTHONPATH")
        }
        folders = (str(project / "include"), str(project / "dags"))
        paths = [*folders, os.environ.get("PYTHONPATH", "")]
        keys = self._keys()
        return {
            **inherited,
            **FIXED_SETTINGS,
            "PYTHONPATH": os.pathsep.join(path for path in paths if path),
            "NO_PROXY": ",".join(filter(None, (os.environ.get("NO_PROXY"), "localhost", LOOPBACK))),
            "no_proxy": ",".join(filter(None, (os.environ.get("no_proxy"), "localhost", LOOPBACK))),
            "MAILCRM_HOME": str(self._home),
            "MAILCRM_DATABASE_URL": self._database_url,
            "AIRFLOW_HOME": str(self.folder),
            "AIRFLOW__CORE__DAGS_FOLDER": str(project / "dags"),
            "AIRFLOW__CORE__PLUGINS_FOLDER": str(project / "plugins"),
            "AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_STORAGE_PATH": str(self.folder / "bundles"),
            "AIRFLOW__CORE__FERNET_KEY": keys["fernet_key"],
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(
                self.folder / "passwords.json"
            ),
            "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"http://{LOOPBACK}:{self._port}/execution/",
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{self.folder / 'airflow.db'}",
            "AIRFLOW__API__HOST": LOOPBACK,
            "AIRFLOW__API__PORT": str(self._port),
            "AIRFLOW__API__BASE_URL": self.url,
            "AIRFLOW__API__SECRET_KEY": keys["secret_key"],
            "AIRFLOW__API_AUTH__JWT_SECRET": keys["jwt_secret"],
        }

    def _keys(self) -> dict[str, str]:
        path = self.folder / "keys.json"
        if not path.exists():
            keys = {
                "fernet_key": base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
                "jwt_secret": secrets.token_urlsafe(64),
                "secret_key": secrets.token_urlsafe(32),
            }
            _write_private(path, json.dumps(keys) + "\n")
        return dict(json.loads(path.read_text(encoding="utf-8")))


def _write_private(path: Path, text: str) -> None:
    """Create a file that only its owner reads, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(".new")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    draft.replace(path)
