"""Who may open and change what: every route of the application, as people of each role."""

import dataclasses
import json
import re
import subprocess
import sys

import httpx
import pytest

from mailcrm.records import Mailbox, Ownership, SharedChecklist
from servers.mailboxes import make_mailbox
from ui.airflow_pages import ROOT, AirflowPages

LIST_ROUTES = """
import json, sys
sys.path.insert(0, "plugins")
from mailcrm_plugin.app import build_app
found = [(r.path, sorted(r.methods)) for r in build_app().routes]
print("@@" + json.dumps(found))
"""
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


@pytest.fixture(scope="session")
def routes(pages: AirflowPages) -> list[tuple[str, list[str]]]:
    """Path and methods of every route that the application serves."""
    done = subprocess.run(
        [sys.executable, "-c", LIST_ROUTES],
        env=pages.environment(),
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    return [(path, methods) for path, methods in json.loads(done.stdout.rpartition("@@")[2])]


def token_of(client: httpx.Client) -> str:
    """The anti-forgery token of a person's pages."""
    found = re.search(r'"X-Mailcrm-Token": "([^"]+)"', client.get("/mailcrm/mailboxes").text)
    assert found
    return found[1]


def filled(path: str) -> str:
    """A route's path with something in each place."""
    return re.sub(r"\{[^}]+\}", "1", path)


@pytest.mark.row("R185")
def test_every_route_anonymous_is_refused(
    pages: AirflowPages, routes: list[tuple[str, list[str]]]
) -> None:
    open_routes = []
    with pages.client(None) as client:
        paths = {filled(path) for path, _ in routes}
        for path in sorted(paths | {"/static/mailcrm.css", "/openapi.json", "/docs"}):
            for method in METHODS:
                answer = client.request(method, f"/mailcrm{path}")
                if answer.status_code not in (401, 403):
                    open_routes.append((method, path, answer.status_code))
    assert len(routes) > 3
    assert not open_routes


@pytest.mark.row("R186")
def test_every_post_without_token_or_from_elsewhere_is_refused(
    pages: AirflowPages, routes: list[tuple[str, list[str]]]
) -> None:
    posts = [filled(path) for path, methods in routes if "POST" in methods]
    with pages.client("ada") as client:
        token = token_of(client)
        for path in posts:
            url = f"/mailcrm{path}"
            assert client.post(url).status_code == 403, path
            assert client.post(url, headers={"X-Mailcrm-Token": "x" * 40}).status_code == 403
            right = {"X-Mailcrm-Token": token}
            foreign = right | {"Origin": "http://evil.example"}
            assert client.post(url, headers=foreign).status_code == 403, path
            cross = right | {"Sec-Fetch-Site": "cross-site"}
            assert client.post(url, headers=cross).status_code == 403, path
    with pages.client("otto") as other:
        answer = other.post(f"/mailcrm{posts[0]}", headers={"X-Mailcrm-Token": token})
        assert answer.status_code == 403


@pytest.mark.row("R186")
def test_every_get_route_takes_no_other_way_to_change(
    routes: list[tuple[str, list[str]]],
) -> None:
    mixed = [path for path, methods in routes if {"GET", "POST"} <= set(methods)]
    assert mixed == ["/{rest:path}"]


def test_answers_carry_a_strict_policy(pages: AirflowPages) -> None:
    with pages.client("vera") as client:
        for path in ("/mailcrm/mailboxes", "/mailcrm/static/mailcrm.css", "/mailcrm/nothing"):
            headers = client.get(path).headers
            policy = headers["content-security-policy"]
            assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self';")
            assert "unsafe" not in policy
            assert headers["x-content-type-options"] == "nosniff"


def of_team(mailbox_id: str, team: str) -> Mailbox:
    """A shared mailbox that a team owns."""
    plain = make_mailbox(address=f"{mailbox_id}@acme.example")
    keeper = "it@acme.example"
    shared = SharedChecklist(team, "contacts", "team", keeper, keeper)
    return dataclasses.replace(plain, id=mailbox_id, ownership=Ownership.SHARED, shared=shared)


@pytest.mark.row("R218")
def test_team_sees_its_own_mailboxes_only(pages: AirflowPages) -> None:
    with pages.services() as services:
        for mailbox in (of_team("teamsales", "Sales"), of_team("teamsupport", "Support")):
            services.registry.write_mailbox(mailbox, services.clock.now())
    seen = {}
    for user in ("sam", "sue", "ada"):
        with pages.client(user) as client:
            text = client.get("/mailcrm/mailboxes").text
            seen[user] = {name for name in ("teamsales@", "teamsupport@") if name in text}
            other = {"sam": "teamsupport", "sue": "teamsales"}.get(user)
            if other:
                assert client.get(f"/mailcrm/mailboxes/{other}").status_code == 404
    assert seen == {
        "sam": {"teamsales@"},
        "sue": {"teamsupport@"},
        "ada": {"teamsales@", "teamsupport@"},
    }
