"""Settings from a web form, tried before anything is stored, over real and scripted servers."""

import contextlib
import dataclasses
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from sqlalchemy import create_engine, inspect, text

from mailcrm.adapters.crm_database.migrate import upgrade
from mailcrm.adapters.imap import open_imap
from mailcrm.errors import SettingsError, UnsafeConnectionError
from mailcrm.records import (
    Credential,
    Direction,
    Encryption,
    Endpoint,
    MailboxState,
    Origin,
    TlsPolicy,
    TokenRefresh,
    VerifyState,
)
from mailcrm.services.registry import connect_mailbox, find_twins
from mailcrm.services.try_settings import TrialStep, stages_of, try_settings
from mailcrm.services.wiring import Services, open_services, upgrade_database
from mailcrm.settings import Settings
from servers.mailboxes import make_mailbox
from servers.ports import free_port
from servers.scripted import run_scripted
from servers.scripted_imap import run_scripted_imap
from servers.smtp_sink import SmtpSink

WRONG = Credential("ann", "wrong")


@contextlib.contextmanager
def _services(home: Path, *allowed: str) -> Iterator[Services]:
    settings = Settings(
        home=home,
        database_url=SecretStr(f"sqlite:///{home / 'mailcrm.db'}"),
        allowed_hosts=",".join(allowed) or None,
        greeting_timeout_s=5,
    )
    upgrade_database(settings)
    with open_services(settings) as services:
        yield services


def _draft(imap_port: int = 993, smtp_port: int = 465, **more: object) -> dict[str, object]:
    return {
        "id": "sales",
        "address": "sales@acme.example",
        "imap": {"host": "127.0.0.1", "port": imap_port, "encryption": "none"},
        "smtp": {"host": "127.0.0.1", "port": smtp_port, "encryption": "none"},
        **more,
    }


def test_try_settings_both_directions_report_each_stage_and_store_nothing(
    tmp_path: Path, smtp_sink: SmtpSink
) -> None:
    steps: list[TrialStep] = []
    right = Credential(smtp_sink.username, smtp_sink.password)
    with run_scripted_imap() as imap:
        allowed = [f"127.0.0.1:{port}" for port in (imap.port, smtp_sink.port)]
        with _services(tmp_path, *allowed) as services:
            found = try_settings(
                services,
                _draft(imap.port, smtp_sink.port),
                dict.fromkeys(Direction, right),
                on_step=steps.append,
            )
            assert list(services.registry.list_entries()) == []
    assert [result.state for result in found.values()] == [VerifyState.OK] * 2
    for direction, port in ((Direction.IMAP, imap.port), (Direction.SMTP, smtp_sink.port)):
        mine = [step for step in steps if step.direction is direction]
        endpoint = Endpoint("127.0.0.1", port, Encryption.NONE)
        assert tuple(step.stage for step in mine[:-1]) == stages_of(direction, endpoint)
        assert mine[-1].result == found[direction]
        assert all(step.result is None for step in mine[:-1])


@pytest.mark.row("R193", "R194")
@pytest.mark.parametrize("port", [993, 6379])
def test_try_settings_inner_host_is_refused_before_any_connection(
    tmp_path: Path, port: int
) -> None:
    with _services(tmp_path) as services:
        found = try_settings(services, _draft(port), {Direction.IMAP: WRONG}, [Direction.IMAP])
    result = found[Direction.IMAP]
    assert (result.state, result.stage) == (VerifyState.MISCONFIGURED, "resolve")
    assert "may not be connected to" in (result.advice or "")


@pytest.mark.row("R193")
def test_try_settings_name_is_looked_up_once_and_its_checked_address_connected_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    real = socket.getaddrinfo

    def rebind(host: str, *args: Any, **options: Any) -> Any:
        if host != "imap.evil.example":
            return real(host, *args, **options)
        asked.append(host)
        address = "127.0.0.1" if len(asked) == 1 else "192.0.2.1"
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, imap.port))]

    monkeypatch.setattr(socket, "getaddrinfo", rebind)
    with (
        run_scripted_imap() as imap,
        _services(tmp_path, f"imap.evil.example:{imap.port}") as services,
    ):
        server = {"host": "imap.evil.example", "port": imap.port, "encryption": "starttls"}
        secret = {Direction.IMAP: WRONG}
        found = try_settings(services, _draft(imap=server), secret, [Direction.IMAP])
    assert found[Direction.IMAP].stage == "tls"  # reached, and without STARTTLS no password sent
    assert (asked, imap.connections) == (["imap.evil.example"], 1)
    assert "LOGIN" not in imap.verbs()


def test_try_settings_operator_may_try_any_host(tmp_path: Path) -> None:
    with run_scripted_imap() as imap, _services(tmp_path) as services:
        found = try_settings(
            services, _draft(imap.port), {Direction.IMAP: WRONG}, [Direction.IMAP], web=False
        )
    assert found[Direction.IMAP].state is VerifyState.OK


@pytest.mark.row("R128")
def test_try_settings_rejected_password_is_tried_once_until_that_is_lifted(
    tmp_path: Path,
) -> None:
    refusal = {"LOGIN": b"%T NO [AUTHENTICATIONFAILED] no\r\n"}
    with (
        run_scripted_imap(refusal) as imap,
        _services(tmp_path, f"127.0.0.1:{imap.port}") as services,
    ):

        def attempt() -> str:
            only = [Direction.IMAP]
            draft, secret = _draft(imap.port), {Direction.IMAP: WRONG}
            found = try_settings(services, draft, secret, only)
            return found[Direction.IMAP].advice or ""

        attempt()
        assert "Not tried again" in attempt()
        assert imap.verbs().count("LOGIN") == 1
        services.upkeep.logins.lift_refusals(str(_draft(imap.port)["id"]))
        attempt()
        assert imap.verbs().count("LOGIN") == 2


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"address": "nobody"}, "address"),
        ({"imap": {"host": "imap.acme.example", "port": 993, "encryption": "ssl"}}, "encryption"),
        ({"imap": {"host": "imap.acme.example", "port": 993, "encryption": "none"}}, "encryption"),
        ({"tls": {"ca_file": "/etc/passwd"}}, "tls.ca_file"),
    ],
)
def test_try_settings_wrong_field_is_named(
    tmp_path: Path, change: dict[str, object], named: str
) -> None:
    with _services(tmp_path) as services, pytest.raises(SettingsError, match=named):
        try_settings(services, _draft(**change), {Direction.IMAP: WRONG}, [Direction.IMAP])


def test_try_settings_token_endpoint_inside_the_network_is_not_asked(tmp_path: Path) -> None:
    with (
        run_scripted(None, lambda verb, rest: None) as inner,
        _services(tmp_path) as services,
    ):
        refresh = TokenRefresh(f"http://127.0.0.1:{inner.port}/token", "client", "refresh")
        draft, secret = _draft(auth="xoauth2"), Credential("ann", "", refresh)
        found = try_settings(services, draft, {Direction.IMAP: secret}, [Direction.IMAP])
    assert "known provider" in (found[Direction.IMAP].advice or "")
    assert inner.connections == 0


def test_connect_mailbox_from_a_form_stays_guarded_in_every_later_run(tmp_path: Path) -> None:
    draft = _draft(folders=["INBOX"], ownership="personal")
    with _services(tmp_path) as services:
        connect_mailbox(services, draft, "ann")
        stored = services.registry.read_mailbox("sales")
        with (
            pytest.raises(UnsafeConnectionError) as caught,
            open_imap(stored, WRONG, services.settings),
        ):
            pass
        with pytest.raises(SettingsError, match="connected already"):
            connect_mailbox(services, draft, "ann")
        assert connect_mailbox(services, draft, "ann", replace=True)[1] == "unchanged"
    assert caught.value.fields["symptom"] == "host_not_allowed"


def test_operators_mailbox_edited_on_a_page_keeps_its_servers_or_is_guarded(
    tmp_path: Path,
) -> None:
    with run_scripted_imap() as imap, _services(tmp_path) as services:
        trust = TlsPolicy(ca_file="/etc/acme-ca.pem")
        mailbox = make_mailbox(imap_port=imap.port, smtp_port=465, tls=trust)
        services.registry.write_mailbox(mailbox, services.clock.now())
        draft = _draft(imap.port, folders=["INBOX"], ownership="personal", display_name="New name")
        only = [Direction.IMAP]
        same = try_settings(services, draft, {Direction.IMAP: WRONG}, only)
        assert same[Direction.IMAP].state is VerifyState.OK
        connect_mailbox(services, draft, "ann", replace=True)
        stored = services.registry.read_mailbox("sales")
        assert (stored.display_name, stored.origin) == ("New name", Origin.OPERATOR)
        assert stored.tls == trust

        moved = _draft(free_port(), folders=["INBOX"], ownership="personal")
        found = try_settings(services, moved, {Direction.IMAP: WRONG}, only)
        assert "may not be connected to" in (found[Direction.IMAP].advice or "")
        connect_mailbox(services, moved, "ann", replace=True)
        assert services.registry.read_mailbox("sales").origin is Origin.WEB


def test_find_twins_other_mailbox_of_the_same_address_is_named(tmp_path: Path) -> None:
    with _services(tmp_path) as services:
        for name in ("sales", "sales_two"):
            mailbox = dataclasses.replace(make_mailbox(), id=name)
            services.registry.write_mailbox(mailbox, services.clock.now())
        assert find_twins(services, "sales_two", "Sales@acme.example") == ["sales"]
        assert find_twins(services, "sales", "other@acme.example") == []


def test_upgrade_keeps_rejected_logins_and_lets_unknown_mailboxes_have_some(
    database_url: str,
) -> None:
    from alembic import command

    from mailcrm.adapters.crm_database.engine import make_engine, writing
    from mailcrm.adapters.crm_database.migrate import _config

    engine = make_engine(database_url)
    config = _config()
    with writing(engine) as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
        connection.execute(
            text(
                "INSERT INTO mailboxes (mailbox_id, address, entry, state, connected_at, "
                "updated_at) VALUES ('sales', 'a@b.c', '{}', 'active', '2026-11-01', '2026-11-01')"
            )
        )
        insert = (
            "INSERT INTO mailbox_refusals (mailbox_id, direction, login_version, refused_at, "
            "advice) VALUES ('{}', 'imap', 'v', '2026-11-01', 'x')"
        )
        connection.execute(text(insert.format("sales")))
    upgrade(engine)
    with writing(engine) as connection:
        connection.execute(text(insert.format("not_stored_yet")))
        names = connection.execute(
            text("SELECT mailbox_id FROM mailbox_refusals ORDER BY mailbox_id")
        ).scalars()
        assert list(names) == ["not_stored_yet", "sales"]
    assert inspect(create_engine(database_url)).get_foreign_keys("mailbox_refusals") == []
    engine.dispose()


def test_connect_mailbox_id_claimed_meanwhile_keeps_the_winners_credentials(
    tmp_path: Path,
) -> None:
    draft = _draft(folders=["INBOX"], ownership="personal")
    kept = []
    with _services(tmp_path) as services:

        def first() -> None:
            with pytest.raises(SettingsError, match="connected already"):
                connect_mailbox(services, draft, "bob", False, lambda: kept.append("bob"))
            assert services.registry.read_mailbox("sales").state is MailboxState.PAUSED
            kept.append("ann")

        connect_mailbox(services, draft, "ann", False, first)
        assert services.registry.read_mailbox("sales").state is MailboxState.ACTIVE
    assert kept == ["ann"]


@pytest.mark.parametrize("was_removed", [False, True])
def test_connect_mailbox_credentials_not_kept_leaves_the_registry_as_it_was(
    tmp_path: Path, was_removed: bool
) -> None:
    draft = _draft(folders=["INBOX"], ownership="personal")

    def refuse() -> None:
        raise SettingsError(where="Airflow Connection", problem="could not be written")

    with _services(tmp_path) as services:
        if was_removed:
            connect_mailbox(services, {**draft, "display_name": "Old"}, "ann")
            services.registry.set_state("sales", "removed", services.clock.now())
        with pytest.raises(SettingsError, match="could not be written"):
            connect_mailbox(services, draft, "ann", False, refuse)
        assert services.registry.list_entries() == []
        found = services.registry.find_entry("sales")
        assert found is not None
        assert found.mailbox is not None
        assert (found.mailbox.display_name == "Old") is was_removed
        connect_mailbox(services, draft, "ann")
        assert services.registry.read_mailbox("sales").state is MailboxState.ACTIVE
