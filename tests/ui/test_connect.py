"""Connect and Edit over a real API server, a real Dovecot and a real SMTP server."""

import datetime as dt
import json
import sqlite3
from collections.abc import Mapping, Sequence
from typing import Any

import httpx
import pytest

from mailcrm.records import Direction
from mailcrm.records.health import LoginRefusal
from servers.dovecot import DovecotServer
from servers.smtp_sink import SmtpSink
from ui.airflow_pages import AirflowPages
from ui.test_access import of_team, token_of

SECRET = "c4nary-of-the-form-7731"
Events = Sequence[Mapping[str, Any]]


def form(dovecot: DovecotServer, sink: SmtpSink, mailbox_id: str, **more: str) -> dict[str, Any]:
    """What a browser sends when everything is right."""
    user = f"{mailbox_id}@acme.example"
    return {
        "id": mailbox_id,
        "address": user,
        "display_name": "Acme",
        "imap_host": "127.0.0.1",
        "imap_port": str(dovecot.imap_port),
        "imap_encryption": "none",
        "imap_username": user,
        "imap_password": dovecot.password,
        "smtp_host": "127.0.0.1",
        "smtp_port": str(sink.port),
        "smtp_encryption": "none",
        "smtp_username": sink.username,
        "smtp_password": sink.password,
        "folders": ["INBOX", "\\Sent"],
        "days": "7",
        "schedule": "",
        "ownership": "personal",
        "auth": "password",
        **more,
    }


def send(client: httpx.Client, path: str, fields: Mapping[str, Any]) -> Events:
    """Post a form, and read the events of the answer."""
    headers = {"X-Mailcrm-Token": token_of(client)}
    answer = client.post(f"/mailcrm{path}", data=dict(fields), headers=headers)
    assert answer.status_code == 200, answer.text
    assert SECRET not in answer.text
    lines = [line for line in answer.text.split("\n\n") if line]
    return [json.loads(line.removeprefix("data: ")) for line in lines]


def deeds(pages: AirflowPages, mailbox_id: str) -> list[tuple[str, str, str]]:
    """What the audit trail holds of a mailbox: who, what, outcome."""
    with sqlite3.connect(pages.home / "mailcrm.db") as database:
        return database.execute(
            "SELECT actor, action, outcome FROM audit_events WHERE mailbox_id = ?"
            " ORDER BY event_id",
            [mailbox_id],
        ).fetchall()


def results(events: Events) -> dict[str, Mapping[str, Any]]:
    """The result of each direction."""
    return {e["direction"]: e for e in events if e["type"] == "result"}


def test_connect_test_wrong_password_names_stage_and_fields_of_that_direction_only(
    pages: AirflowPages, dovecot: DovecotServer, sink: SmtpSink
) -> None:
    fields = form(dovecot, sink, "wrongpass", imap_password=SECRET)
    with pages.client("otto") as client:
        events = send(client, "/connect/test", fields)
        assert "wrongpass" not in client.get("/mailcrm/mailboxes").text
    found = results(events)
    assert (found["imap"]["state"], found["imap"]["stage"]) == ("refused", "authenticate")
    assert found["imap"]["fields"] == ["imap_username", "imap_password"]
    assert found["imap"]["rejected"] is True
    assert (found["smtp"]["state"], found["smtp"]["fields"]) == ("ok", [])
    stages = [e["stage"] for e in events if e["type"] == "step" and e["direction"] == "imap"]
    assert stages == ["resolve", "connect", "greeting", "authenticate"]
    assert SECRET not in pages.log()


@pytest.mark.row("R193")
def test_connect_test_host_inside_the_network_is_not_asked(
    pages: AirflowPages, dovecot: DovecotServer, sink: SmtpSink
) -> None:
    fields = form(dovecot, sink, "inner", imap_port=str(pages.port))
    with pages.client("otto") as client:
        found = results(send(client, "/connect/test", fields))
    assert (found["imap"]["state"], found["imap"]["stage"]) == ("misconfigured", "resolve")


def test_connect_save_keeps_credentials_in_connections_and_shows_them_nowhere(
    pages: AirflowPages, dovecot: DovecotServer, sink: SmtpSink
) -> None:
    with pages.client("otto") as client:
        events = send(client, "/connect/save", form(dovecot, sink, "saved"))
        assert events[-1] == {"type": "connected", "to": "/mailcrm/mailboxes/saved?connected=1"}
        shown = [
            client.get(f"/mailcrm/mailboxes/saved{path}").text for path in ("", "/edit", "/rotate")
        ]
        again = send(client, "/connect/save", form(dovecot, sink, "saved"))
        assert "connected already" in again[-1]["text"]
        connection = client.get("/api/v2/connections/mailbox_saved_imap").json()
    secrets = (dovecot.password, sink.password)
    assert not [text for text in shown for secret in secrets if secret in text]
    assert connection["login"] == "saved@acme.example"
    for name in ("mailcrm.db", "mailcrm.db-wal", "airflow/airflow.db", "airflow/airflow.db-wal"):
        path = pages.home / name
        data = path.read_bytes() if path.exists() else b""
        assert not [secret for secret in secrets if secret.encode() in data], name
    assert deeds(pages, "saved") == [("otto", "mailbox.connect", "asked")]
    with pages.services() as services:
        health = services.registry.read_health("saved")
    assert {name: row["health"] for name, row in health.items()} == {"imap": "ok", "smtp": "ok"}


def test_connect_save_sending_broken_asks_first_and_reading_broken_refuses(
    pages: AirflowPages, dovecot: DovecotServer, sink: SmtpSink
) -> None:
    with pages.client("otto") as client:
        fields = form(dovecot, sink, "halfway", smtp_password="another-wrong-one")
        assert send(client, "/connect/save", fields)[-1]["type"] == "ask"
        broken = form(dovecot, sink, "halfway", imap_password="wrong-too")
        assert "reading has to work" in send(client, "/connect/save", broken)[-1]["text"]
        assert client.get("/mailcrm/mailboxes/halfway").status_code == 404
        done = send(client, "/connect/save", {**fields, "anyway": "yes"})
        assert done[-1]["type"] == "connected"
        assert "login rejected" in client.get("/mailcrm/mailboxes/halfway").text


def test_connect_save_wrong_fields_are_all_named(
    pages: AirflowPages, dovecot: DovecotServer, sink: SmtpSink
) -> None:
    wrong = form(dovecot, sink, "Wrong Id", imap_port="many", smtp_host="", ownership="shared")
    with pages.client("ada") as client:
        events = send(client, "/connect/save", wrong)
    assert [e["type"] for e in events] == ["problem"]
    assert {"imap_port", "smtp_host", "id"} <= set(events[0]["fields"])


def test_edit_stored_password_never_goes_to_another_host(
    pages: AirflowPages, dovecot: DovecotServer, sink: SmtpSink
) -> None:
    with pages.client("otto") as client:
        send(client, "/connect/save", form(dovecot, sink, "edited"))
        same = form(dovecot, sink, "edited", imap_password="", smtp_password="", editing="edited")
        renamed = send(client, "/connect/save", {**same, "display_name": "Renamed"})
        assert renamed[-1]["type"] == "connected"
        moved = send(client, "/connect/test", {**same, "imap_host": "localhost"})
        assert moved[-1]["fields"] == ["imap_password"]
        assert "Renamed" in client.get("/mailcrm/mailboxes/edited").text


def test_connect_other_team_is_refused(
    pages: AirflowPages, dovecot: DovecotServer, sink: SmtpSink
) -> None:
    shared = {
        "ownership": "shared",
        "record_target": "contacts",
        "display_name_of": "team",
        "rotation_owner": "it@acme.example",
        "failed_send_monitor": "it@acme.example",
    }
    fields = form(dovecot, sink, "theirs", **shared)
    with pages.client("sam") as client:
        headers = {"X-Mailcrm-Token": token_of(client)}
        data = {**fields, "owner_team": "Support"}
        answer = client.post("/mailcrm/connect/save", data=data, headers=headers)
        assert answer.status_code == 403
        done = send(client, "/connect/save", {**fields, "owner_team": "Sales"})
        assert done[-1]["type"] == "connected"
    with pages.client("sue") as client:
        assert client.get("/mailcrm/mailboxes/theirs").status_code == 404


def test_edit_registry_refuses_leaves_the_credentials_as_they_were(
    pages: AirflowPages, dovecot: DovecotServer, sink: SmtpSink
) -> None:
    refuse = (
        "CREATE TRIGGER refuse BEFORE UPDATE ON mailboxes WHEN NEW.mailbox_id = 'kept'"
        " BEGIN SELECT RAISE(ABORT, 'refused'); END"
    )
    with pages.client("otto") as client:
        fields = form(dovecot, sink, "kept")
        assert send(client, "/connect/save", fields)[-1]["type"] == "connected"
        with sqlite3.connect(pages.home / "mailcrm.db") as database:
            database.execute(refuse)
        changed = {"editing": "kept", "imap_username": "other@acme.example", "days": "9"}
        failed = send(client, "/connect/save", {**fields, **changed})
        stored = client.get("/api/v2/connections/mailbox_kept_imap").json()
        with sqlite3.connect(pages.home / "mailcrm.db") as database:
            database.execute("DROP TRIGGER refuse")
    assert failed[-1]["type"] == "problem"
    assert stored["login"] == "kept@acme.example"
    assert deeds(pages, "kept")[-1] == ("otto", "mailbox.edit", "failed")


def test_connect_registry_refuses_leaves_neither_mailbox_nor_credentials(
    pages: AirflowPages, dovecot: DovecotServer, sink: SmtpSink
) -> None:
    refuse = (
        "CREATE TRIGGER refuse BEFORE UPDATE ON mailboxes"
        " WHEN NEW.mailbox_id = 'undone' AND NEW.state = 'active'"
        " BEGIN SELECT RAISE(ABORT, 'refused'); END"
    )
    with pages.client("otto") as client:
        with sqlite3.connect(pages.home / "mailcrm.db") as database:
            database.execute(refuse)
        failed = send(client, "/connect/save", form(dovecot, sink, "undone"))
        with sqlite3.connect(pages.home / "mailcrm.db") as database:
            database.execute("DROP TRIGGER refuse")
        assert failed[-1]["type"] == "problem"
        assert client.get("/mailcrm/mailboxes/undone").status_code == 404
        assert client.get("/api/v2/connections/mailbox_undone_imap").status_code == 404
        done = send(client, "/connect/save", form(dovecot, sink, "undone"))
        assert done[-1]["type"] == "connected"


CONNECT_ROUTES = ("propose", "look", "test", "save")


def test_connect_id_of_another_team_is_refused_on_every_route_and_lifts_nothing(
    pages: AirflowPages, dovecot: DovecotServer, sink: SmtpSink
) -> None:
    refusal = LoginRefusal(dt.datetime.now(dt.UTC), "NO", "another password")
    with pages.services() as services:
        services.registry.write_mailbox(of_team("guarded", "Support"), services.clock.now())
        services.upkeep.logins.write_refusal("guarded", Direction.IMAP, "v1", refusal)
    fields = form(dovecot, sink, "guarded", again="yes")
    with pages.client("sam") as client:
        headers = {"X-Mailcrm-Token": token_of(client)}
        for route in CONNECT_ROUTES:
            for editing, status in (("", 403), ("guarded", 404)):
                data = {**fields, "editing": editing}
                answer = client.post(f"/mailcrm/connect/{route}", data=data, headers=headers)
                assert answer.status_code == status, (route, editing)
    with pages.services() as services:
        found = services.upkeep.logins.find_refusal("guarded", Direction.IMAP, "v1")
    assert found is not None
    assert deeds(pages, "guarded") == []


def test_connect_again_by_its_operator_is_written_down_and_lifts(
    pages: AirflowPages, dovecot: DovecotServer, sink: SmtpSink
) -> None:
    refusal = LoginRefusal(dt.datetime.now(dt.UTC), "NO", "another password")
    with pages.services() as services:
        services.upkeep.logins.write_refusal("tried_again", Direction.IMAP, "v1", refusal)
    with pages.client("otto") as client:
        send(client, "/connect/test", form(dovecot, sink, "tried_again", again="yes"))
    with pages.services() as services:
        assert services.upkeep.logins.find_refusal("tried_again", Direction.IMAP, "v1") is None
    assert deeds(pages, "tried_again") == [("otto", "mailbox.try_again", "asked")]


def test_connect_removed_id_needs_the_role_on_its_old_team(
    pages: AirflowPages, dovecot: DovecotServer, sink: SmtpSink
) -> None:
    with pages.services() as services:
        services.registry.write_mailbox(of_team("was_sales", "Sales"), services.clock.now())
        services.registry.set_state("was_sales", "removed", services.clock.now())
    fields = form(dovecot, sink, "was_sales")
    with pages.client("sue") as client:
        headers = {"X-Mailcrm-Token": token_of(client)}
        for route in CONNECT_ROUTES:
            answer = client.post(f"/mailcrm/connect/{route}", data=fields, headers=headers)
            assert answer.status_code == 403, route
    with pages.client("sam") as client:
        assert send(client, "/connect/save", fields)[-1]["type"] == "connected"


def test_propose_known_provider_fills_in_and_advises_oauth(pages: AirflowPages) -> None:
    with pages.client("otto") as client:
        headers = {"X-Mailcrm-Token": token_of(client)}
        texts = {
            address: client.post(
                "/mailcrm/connect/propose", data={"address": address}, headers=headers
            ).text
            for address in ("jane@gmail.com", "info@outlook.com", "x@unknown.example")
        }
    assert "imap.gmail.com" in texts["jane@gmail.com"]
    assert "OAuth" in texts["jane@gmail.com"]
    assert "OAuth" in texts["info@outlook.com"]
    assert "do not guess" in texts["x@unknown.example"]


def test_rotate_wrong_then_right_swaps_only_what_works(
    pages: AirflowPages, dovecot: DovecotServer, sink: SmtpSink
) -> None:
    with pages.client("otto") as client:
        send(client, "/connect/save", form(dovecot, sink, "rotated"))
        headers = {"X-Mailcrm-Token": token_of(client)}
        url = "/mailcrm/mailboxes/rotated/rotate"
        wrong = client.post(url, data={"secret": SECRET, "directions": "imap"}, headers=headers)
        assert "Nothing was changed" in wrong.text
        assert SECRET not in wrong.text
        right = client.post(
            url, data={"secret": dovecot.password, "directions": "imap"}, headers=headers
        )
        assert right.status_code == 303
        assert client.post("/mailcrm/mailboxes/rotated/verify", headers=headers).status_code == 303
        assert "works" in client.get("/mailcrm/mailboxes/rotated").text


def test_pause_resume_and_remove_ask_and_keep_what_was_brought(
    pages: AirflowPages, dovecot: DovecotServer, sink: SmtpSink
) -> None:
    with pages.client("ada") as client:
        send(client, "/connect/save", form(dovecot, sink, "leaving"))
        headers = {"X-Mailcrm-Token": token_of(client)}
        here = "/mailcrm/mailboxes/leaving"
        assert client.post(f"{here}/pause", headers=headers).status_code == 303
        assert "paused" in client.get(here).text
        assert client.post(f"{here}/resume", headers=headers).status_code == 303
        wrong = client.post(f"{here}/remove", data={"credentials": "delete"}, headers=headers)
        assert "mistyped" in wrong.headers["location"]
        data = {"credentials": "delete", "typed_id": "leaving"}
        assert client.post(f"{here}/remove", data=data, headers=headers).status_code == 303
        assert client.get(here).status_code == 404
        assert client.get("/api/v2/connections/mailbox_leaving_imap").status_code == 404
