"""Who may open and change what: every route of the application, as people of each role."""

import base64
import dataclasses
import datetime as dt
import json
import re
import sqlite3
import subprocess
import sys
from typing import NamedTuple

import httpx
import pytest

from faults.world import letter
from mailcrm.records import Mailbox, Ownership, SharedChecklist
from mailcrm.services.status import list_quarantine
from servers.mailboxes import make_mailbox
from ui.airflow_pages import ROOT, AirflowPages
from ui.syncing import sync

LIST_ROUTES = """
import json, sys
sys.path.insert(0, "plugins")
from mailcrm_plugin.app import build_app
def role(route):
    calls = [getattr(d.call, "role", None) for d in route.dependant.dependencies]
    return max((c.name for c in calls if c is not None), default="")
found = [(r.path, sorted(r.methods), role(r)) for r in build_app().routes]
print("@@" + json.dumps(found))
"""
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


class Route(NamedTuple):
    """One route; `role` is the name of the role that it asks for, empty for none."""

    path: str
    methods: list[str]
    role: str


@pytest.fixture(scope="session")
def routes(pages: AirflowPages) -> list[Route]:
    """Every route that the application serves."""
    done = subprocess.run(
        [sys.executable, "-c", LIST_ROUTES],
        env=pages.environment(),
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    return [Route(*row) for row in json.loads(done.stdout.rpartition("@@")[2])]


def token_of(client: httpx.Client) -> str:
    """The anti-forgery token of a person's pages."""
    found = re.search(r'"X-Mailcrm-Token": "([^"]+)"', client.get("/mailcrm/mailboxes").text)
    assert found
    return found[1]


def filled(path: str) -> str:
    """A route's path with something in each place."""
    return re.sub(r"\{[^}]+\}", "1", path)


@pytest.mark.row("R185")
def test_every_route_anonymous_is_refused(pages: AirflowPages, routes: list[Route]) -> None:
    open_routes = []
    with pages.client(None) as client:
        paths = {filled(path) for path, _, _ in routes}
        for path in sorted(paths | {"/static/mailcrm.css", "/openapi.json", "/docs"}):
            for method in METHODS:
                answer = client.request(method, f"/mailcrm{path}")
                if answer.status_code not in (401, 403):
                    open_routes.append((method, path, answer.status_code))
    assert len(routes) > 3
    assert not open_routes


@pytest.mark.row("R186")
def test_every_post_without_token_or_from_elsewhere_is_refused(
    pages: AirflowPages, routes: list[Route]
) -> None:
    posts = [filled(path) for path, methods, _ in routes if "POST" in methods]
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
    routes: list[Route],
) -> None:
    mixed = [path for path, methods, _ in routes if {"GET", "POST"} <= set(methods)]
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
@pytest.mark.row("R184")
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


@pytest.mark.row("R184")
def test_removed_mailbox_stays_with_its_team(pages: AirflowPages) -> None:
    old = dt.datetime.now(dt.UTC) - dt.timedelta(hours=1)
    assert (
        sync(pages, "left_sales", [letter("left-1", old, sender="", subject="left")]).failure
        is None
    )
    with pages.services() as services:
        number = list_quarantine(services, "left_sales")[0]["quarantine_id"]
        services.registry.write_mailbox(of_team("left_sales", "Sales"), services.clock.now())
        services.registry.set_state("left_sales", "removed", services.clock.now())
    with sqlite3.connect(pages.home / "mailcrm.db") as database:
        found = database.execute("SELECT run_id FROM sync_runs WHERE mailbox_id = 'left_sales'")
        run_id = found.fetchone()[0]
    paths = (f"runs/{run_id}", f"quarantine/{number}", "quarantine?mailbox=left_sales")
    seen = {}
    for user in ("sam", "sue"):
        with pages.client(user) as client:
            seen[user] = {client.get(f"/mailcrm/{path}").status_code for path in paths}
    assert seen == {"sam": {200}, "sue": {404}}


def test_wrong_entry_is_shown_to_its_team_and_hinders_nobody_else(pages: AirflowPages) -> None:
    with pages.services() as services:
        for name, team in (("spoilt", "Sales"), ("sound", "Support")):
            services.registry.write_mailbox(of_team(name, team), services.clock.now())
    spoil = "UPDATE mailboxes SET entry = json_set(entry, '$.imap', 'sp0ilt') WHERE mailbox_id = ?"
    with sqlite3.connect(pages.home / "mailcrm.db") as database:
        database.execute(spoil, ["spoilt"])
    shown = {}
    for user in ("sam", "sue"):
        with pages.client(user) as client:
            for path in ("quarantine", "reviews", "match", "match/counts", "mailboxes"):
                answer = client.get(f"/mailcrm/{path}")
                assert answer.status_code == 200, (user, path)
                assert ("spoilt" in answer.text) <= (user == "sam"), (user, path)
            shown[user] = client.get("/mailcrm/mailboxes/spoilt")
    with sqlite3.connect(pages.home / "mailcrm.db") as database:
        database.execute("DELETE FROM mailboxes WHERE mailbox_id = 'spoilt'")
    assert shown["sam"].status_code == 200
    assert "Its entry is wrong" in shown["sam"].text
    assert "New password" in shown["sam"].text
    assert shown["sue"].status_code == 404
    assert "imap" not in shown["sue"].text


RANKS = ("VIEWER", "ANALYST", "OPERATOR", "ADMIN")
# Styles and scripts, and the page for what is not there: for everybody who is logged in.
FOR_EVERYBODY = {"/static/{name}", "/{rest:path}"}


@pytest.mark.row("R218")
def test_every_route_people_below_its_role_are_refused(
    pages: AirflowPages, routes: list[Route]
) -> None:
    assert {path for path, _, role in routes if not role} == FOR_EVERYBODY
    with pages.services() as services:
        mailbox = dataclasses.replace(make_mailbox(address="m@acme.example"), id="matrix")
        services.registry.write_mailbox(mailbox, services.clock.now())
    wrong = []
    people = ("vera", "ann", "otto")
    for rank, user in enumerate(people):
        with pages.client(user) as client:
            headers = {"X-Mailcrm-Token": token_of(client)}
            for path, methods, role in routes:
                if not role or RANKS.index(role) <= rank:
                    continue
                url = f"/mailcrm{filled(path.replace('{mailbox_id}', 'matrix'))}"
                method = "POST" if "POST" in methods else "GET"
                answer = client.request(method, url, headers=headers)
                if answer.status_code != 403:
                    wrong.append((user, method, path, answer.status_code))
    assert not wrong


@pytest.mark.row("R192")
def test_page_that_fails_shows_an_id_and_no_trace(pages: AirflowPages) -> None:
    marker = "m4rker-in-the-row"
    with pages.services() as services:
        mailbox = dataclasses.replace(make_mailbox(address="b@acme.example"), id="breaks")
        services.registry.write_mailbox(mailbox, services.clock.now())
    with sqlite3.connect(pages.home / "mailcrm.db") as database:
        database.execute(
            "INSERT INTO sync_runs (run_id, mailbox_id, batch_id, token, window_since,"
            " window_until, window_is_open, state, started_at, decisions)"
            " VALUES ('breaks/1', 'breaks', 'b', 1, '2026-11-01', '2026-11-02', 0, 'published',"
            " '2026-11-02', ?)",
            [json.dumps({marker: marker})],
        )
    with pages.client("ada") as client:
        answer = client.get("/mailcrm/mailboxes/breaks")
    assert answer.status_code == 500
    assert answer.headers["content-security-policy"].startswith("default-src 'none';")
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cache-control"] == "no-store"
    found = re.search(r"Id <code>([0-9a-f]{12})</code>", answer.text)
    assert found
    assert "Traceback" not in answer.text
    assert marker not in answer.text
    assert f"id={found[1]}" in pages.log()
    assert marker not in pages.log()
    assert "Exception in ASGI application" not in pages.log()
    with sqlite3.connect(pages.home / "mailcrm.db") as database:
        database.execute("DELETE FROM sync_runs WHERE run_id = 'breaks/1'")


def cursor(*values: object) -> str:
    """A link's position with any values."""
    return base64.urlsafe_b64encode(json.dumps(values).encode()).decode().rstrip("=")


def test_lists_broken_position_in_the_link_is_a_mistake_of_the_link(pages: AirflowPages) -> None:
    with pages.services() as services:
        mailbox = dataclasses.replace(make_mailbox(address="c@acme.example"), id="cursors")
        services.registry.write_mailbox(mailbox, services.clock.now())
    early = "0001-01-01T00:00:00+23:00"
    broken = {
        "trail": (cursor("x"), cursor(2**70), cursor(None), "x", "W" * 9000),
        "quarantine": (cursor("x"), cursor(-1), cursor(2**70)),
        "mailboxes/cursors": (cursor("x", "y"), cursor(early, "y"), cursor(1)),
        "reviews": (cursor("x", "k", "from", 0), cursor(early[:10], "k", "from", "0")),
    }
    with pages.client("ada") as client:
        found = {
            (path, text[:40]): client.get(f"/mailcrm/{path}?after={text}").status_code
            for path, texts in broken.items()
            for text in texts
        }
    assert set(found.values()) == {400}, found


@pytest.mark.row("R219")
def test_trail_page_shows_who_did_what_and_tells_of_a_change(pages: AirflowPages) -> None:
    with pages.services() as services:
        mailbox = dataclasses.replace(make_mailbox(address="t@acme.example"), id="trailed")
        services.registry.write_mailbox(mailbox, services.clock.now())
    with pages.client("otto") as operator:
        headers = {"X-Mailcrm-Token": token_of(operator)}
        operator.post("/mailcrm/mailboxes/trailed/pause", headers=headers)
        operator.post("/mailcrm/mailboxes/trailed/sync", headers=headers)
    with pages.client("ada") as client:
        text = client.get("/mailcrm/trail?mailbox=trailed&check=1").text
    assert "mailbox.pause" in text
    assert "otto" in text
    assert "did not go through" in text  # there is no DAG to sync
    assert "Every entry fits" in text
