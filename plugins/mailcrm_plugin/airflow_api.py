"""Airflow's own API, asked in a person's name: under its permissions, into its audit log."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import anyio.from_thread
import httpx
from fastapi import HTTPException

from mailcrm_plugin.access import Person
from mailcrm_plugin.paths import AIRFLOW

__all__ = ["ask_airflow", "dag_url"]


def dag_url(mailbox_id: str) -> str:
    """A mailbox' DAG in Airflow's API."""
    return f"/api/v2/dags/mailbox__{quote(mailbox_id, safe='')}"


def ask_airflow(
    person: Person, method: str, path: str, body: Mapping[str, object] | None = None
) -> dict[str, Any]:
    """One call; from a route that runs in a thread, as plain `def` routes do.

    Raises:
        HTTPException: 403 or 404 as Airflow says; 422 with its words for other refusals; 503 where
            it fails.
    """
    answer = anyio.from_thread.run(_send, person.token, method, f"{AIRFLOW}{path}", body)
    if answer.status_code < 300:
        return dict(answer.json() if answer.content else {})
    if answer.status_code in (401, 403):
        raise HTTPException(403, "Airflow does not let you do this to the mailbox' DAG.")
    if answer.status_code == 404:
        raise HTTPException(404, "Airflow has not made this DAG yet. Wait a few seconds.")
    if answer.status_code >= 500:
        raise HTTPException(503, "Airflow could not do it just now. Try again.")
    raise HTTPException(422, f"Airflow refused: {_detail(answer)}")


async def _send(
    token: str, method: str, path: str, body: Mapping[str, object] | None
) -> httpx.Response:
    from airflow.api_fastapi.main import app

    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    headers = {"Authorization": f"Bearer {token}"}
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        return await client.request(method, path, json=body, headers=headers)


def _detail(answer: httpx.Response) -> str:
    try:
        detail = answer.json().get("detail")
    except ValueError:
        detail = None
    return str(detail)[:300] if isinstance(detail, str) else f"code {answer.status_code}"
