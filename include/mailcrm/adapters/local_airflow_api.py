"""The few calls of Airflow's REST API that a local run needs, on loopback and never by a proxy.

Source: Airflow 3.3, /api/v2 and SimpleAuthManager's /auth/token.
"""

import json
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping, Sequence
from typing import Any

from mailcrm.errors import ServerRefusedError, ServerUnreachableError
from mailcrm.ports.local import AirflowLogin, TaskProgress
from mailcrm.records.text import escape_text

__all__ = ["AirflowApi"]

TIMEOUT_S = 30.0


class AirflowApi:
    """One signed-in client."""

    def __init__(self, port: int, login: AirflowLogin) -> None:
        """Talk to the API server on this loopback port; the first call signs in."""
        self._port = port
        self._base = f"http://127.0.0.1:{port}"
        self._login = login
        self._token: str | None = None
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def health(self) -> Mapping[str, str]:
        """Status by component: healthy, unhealthy, or absent where it never reported."""
        body = self._send("GET", "/api/v2/monitor/health", None, signed=False)
        return {
            name: str(part.get("status"))
            for name, part in body.items()
            if isinstance(part, Mapping) and part.get("status")
        }

    def warm_execution_api(self) -> None:
        """Pay the execution API's slow first request here, not in the first task."""
        self._send("GET", "/execution/health", None, signed=False)

    def has_dag(self, dag_id: str) -> bool:
        """Whether the DAG was parsed and is runnable."""
        try:
            found = self._send("GET", f"/api/v2/dags/{_quote(dag_id)}", None)
        except ServerRefusedError as error:
            if error.fields["detail"].startswith("404"):
                return False
            raise
        return not found.get("is_stale")

    def import_errors(self) -> Sequence[str]:
        """What the DAG processor could not import, one line each."""
        found = self._send("GET", "/api/v2/importErrors", None)
        return [
            f"{error['filename']}: {str(error['stack_trace']).strip().splitlines()[-1]}"
            for error in found.get("import_errors", [])
        ]

    def trigger(self, dag_id: str, params: Mapping[str, object]) -> str:
        """Unpause the DAG, start a run now, and return its id."""
        path = f"/api/v2/dags/{_quote(dag_id)}"
        self._send("PATCH", path, {"is_paused": False})
        started = self._send("POST", f"{path}/dagRuns", {"logical_date": None, "conf": params})
        return str(started["dag_run_id"])

    def read_run(self, dag_id: str, run_id: str) -> tuple[str, Sequence[TaskProgress]]:
        """State of the run, and its task instances in the order in which they started."""
        path = f"/api/v2/dags/{_quote(dag_id)}/dagRuns/{_quote(run_id)}"
        state = str(self._send("GET", path, None)["state"])
        rows = self._send("GET", f"{path}/taskInstances?limit=1000", None)["task_instances"]
        rows.sort(key=lambda row: (row["start_date"] or "9", row["task_id"], row["map_index"]))
        return state, [
            TaskProgress(
                task_id=row["task_id"],
                label=row.get("rendered_map_index") or "",
                state=row["state"] or "waiting",
                try_number=row["try_number"] or 0,
            )
            for row in rows
        ]

    def _sign_in(self) -> str:
        body = {"username": self._login.username, "password": self._login.password}
        return str(self._send("POST", "/auth/token", body, signed=False)["access_token"])

    def _send(
        self, method: str, path: str, body: Mapping[str, object] | None, signed: bool = True
    ) -> Any:
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        if signed:
            self._token = self._token or self._sign_in()
            headers["Authorization"] = f"Bearer {self._token}"
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(  # noqa: S310 always http on loopback
            self._base + path, data, headers, method=method
        )
        try:
            with self._opener.open(request, timeout=TIMEOUT_S) as answer:
                return json.loads(answer.read() or b"{}")
        except urllib.error.HTTPError as error:
            detail = escape_text(f"{error.code} {error.read(600).decode(errors='replace')}")
            raise ServerRefusedError(
                protocol="airflow", host="127.0.0.1", command=f"{method} {path}", detail=detail
            ) from None
        except (OSError, ValueError) as error:
            raise ServerUnreachableError(
                protocol="airflow",
                host="127.0.0.1",
                port=self._port,
                detail=escape_text(str(error)),
            ) from None


def _quote(text: str) -> str:
    return urllib.parse.quote(text, safe="")
