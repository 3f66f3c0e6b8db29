"""The registry on both databases."""

import dataclasses
import datetime as dt

import pytest
from sqlalchemy import Engine, update

from mailcrm.adapters.crm_database.engine import make_engine, writing
from mailcrm.adapters.crm_database.registry import RegistryTables
from mailcrm.adapters.crm_database.schema import mailboxes, metadata
from mailcrm.errors import SettingsError, UnknownMailboxError
from mailcrm.records import (
    Backfill,
    Direction,
    Encryption,
    Endpoint,
    Mailbox,
    MailboxState,
    Ownership,
    SharedChecklist,
    VerifyResult,
    VerifyState,
)
from mailcrm.records.registry import NO_TEAM

NOW = dt.datetime(2026, 11, 20, 8, 30, 15, 250000, tzinfo=dt.UTC)
LATER = NOW + dt.timedelta(hours=2)
SALES = Mailbox(
    id="sales",
    address="sales@acme.example",
    display_name="Acme “Sales” 売上",
    imap=Endpoint("imap.acme.example", 993, Encryption.TLS),
    smtp=Endpoint("smtp.acme.example", 587, Encryption.STARTTLS),
    folders=("INBOX", "\\Sent"),
    backfill=Backfill(since=dt.date(2026, 11, 15)),
    schedule="*/15 * * * *",
    ownership=Ownership.PERSONAL,
)


@pytest.fixture
def engine(database_url: str) -> Engine:
    engine = make_engine(database_url)
    metadata.create_all(engine)
    return engine


@pytest.fixture
def registry(engine: Engine) -> RegistryTables:
    return RegistryTables(engine)


def result(state: VerifyState, stage: str = "authenticate") -> VerifyResult:
    return VerifyResult(
        direction=Direction.IMAP,
        state=state,
        stage=stage,
        host="imap.acme.example",
        port=993,
        encryption=Encryption.TLS,
        code="AUTHENTICATIONFAILED",
    )


def test_mailbox_written_then_read_is_the_same(registry: RegistryTables) -> None:
    registry.write_mailbox(SALES, NOW)
    assert registry.read_mailbox("sales") == dataclasses.replace(SALES, connected_at=NOW)


def test_mailbox_written_again_keeps_connected_at_and_takes_the_rest(
    registry: RegistryTables,
) -> None:
    registry.write_mailbox(SALES, NOW)
    registry.write_mailbox(dataclasses.replace(SALES, folders=("INBOX",)), LATER)
    mailbox = registry.read_mailbox("sales")
    assert mailbox.folders == ("INBOX",)
    assert mailbox.connected_at == NOW
    assert registry.list_entries()[0].updated_at == LATER


def test_paused_mailbox_written_again_stays_paused(registry: RegistryTables) -> None:
    registry.write_mailbox(SALES, NOW)
    registry.set_state("sales", "paused", LATER)
    registry.write_mailbox(SALES, LATER)
    assert registry.read_mailbox("sales").state is MailboxState.PAUSED


def test_removed_mailbox_is_unknown_and_written_again_goes_on(registry: RegistryTables) -> None:
    registry.write_mailbox(SALES, NOW)
    registry.set_state("sales", "removed", LATER)
    assert registry.list_mailboxes() == []
    with pytest.raises(UnknownMailboxError, match="unknown mailbox sales"):
        registry.read_mailbox("sales")
    with pytest.raises(UnknownMailboxError):
        registry.set_state("sales", "active", LATER)
    registry.write_mailbox(SALES, LATER)
    mailbox = registry.read_mailbox("sales")
    assert (mailbox.state, mailbox.connected_at) == (MailboxState.ACTIVE, NOW)


def test_unknown_mailbox_cannot_be_read_or_paused(registry: RegistryTables) -> None:
    with pytest.raises(UnknownMailboxError):
        registry.read_mailbox("nobody")
    with pytest.raises(UnknownMailboxError):
        registry.set_state("nobody", "paused", NOW)


def test_list_mailboxes_comes_in_the_order_of_ids(registry: RegistryTables) -> None:
    for name in ("b", "a_b", "a1", "ab", "a"):
        registry.write_mailbox(dataclasses.replace(SALES, id=name), NOW)
    assert [m.id for m in registry.list_mailboxes()] == ["a", "a1", "a_b", "ab", "b"]


def test_wrong_entry_disables_only_itself(registry: RegistryTables, engine: Engine) -> None:
    registry.write_mailbox(SALES, NOW)
    registry.write_mailbox(dataclasses.replace(SALES, id="info"), NOW)
    with writing(engine) as connection:
        connection.execute(
            update(mailboxes).where(mailboxes.c.mailbox_id == "info").values(entry={"id": "info"})
        )
    assert [m.id for m in registry.list_mailboxes()] == ["sales"]
    info, sales = registry.list_entries()
    assert (info.mailbox, sales.error) == (None, None)
    assert info.error is not None
    assert info.error.startswith("mailbox info: address is missing")
    with pytest.raises(SettingsError, match="imap is missing"):
        registry.read_mailbox("info")


def test_health_since_moves_only_when_the_state_changes(registry: RegistryTables) -> None:
    registry.write_mailbox(SALES, NOW)
    assert registry.read_health("sales") == {}
    moments = [NOW + dt.timedelta(minutes=minute) for minute in range(4)]
    registry.write_health("sales", result(VerifyState.OK, "folders"), moments[0])
    registry.write_health("sales", result(VerifyState.REFUSED), moments[1])
    registry.write_health("sales", result(VerifyState.REFUSED), moments[2])
    health = registry.read_health("sales")
    assert set(health) == {"imap"}
    assert health["imap"]["state"] == "refused"
    assert health["imap"]["since"] == moments[1]
    assert health["imap"]["checked_at"] == moments[2]
    assert health["imap"]["last_ok_at"] == moments[0]
    registry.write_health("sales", result(VerifyState.OK, "folders"), moments[3])
    assert registry.read_health("sales")["imap"]["since"] == moments[3]
    assert registry.list_entries()[0].health["imap"]["state"] == "ok"


@pytest.mark.row("R198")
@pytest.mark.parametrize(
    "name", ["' OR '1'='1", "sales' --", "sales; DROP TABLE mailboxes", "%", "_"]
)
def test_registry_asked_for_sql_finds_nothing(registry: RegistryTables, name: str) -> None:
    registry.write_mailbox(SALES, NOW)
    with pytest.raises(UnknownMailboxError):
        registry.read_mailbox(name)
    with pytest.raises(UnknownMailboxError):
        registry.set_state(name, "removed", LATER)
    assert registry.read_health(name) == {}
    assert [entry.mailbox_id for entry in registry.list_entries()] == ["sales"]


def test_find_entry_removed_or_wrong_still_says_whose_it_is(
    registry: RegistryTables, engine: Engine
) -> None:
    keeper = "it@acme.example"
    checklist = SharedChecklist("Sales", "contacts", "team", keeper, keeper)
    shared = dataclasses.replace(SALES, ownership=Ownership.SHARED, shared=checklist)
    registry.write_mailbox(shared, NOW)
    registry.write_mailbox(dataclasses.replace(SALES, id="plain"), NOW)
    registry.set_state("sales", "removed", LATER)
    found, plain = registry.find_entry("sales"), registry.find_entry("plain")
    assert found is not None
    assert plain is not None
    assert (found.state, found.owner_team) == (MailboxState.REMOVED, "Sales")
    assert plain.owner_team is None
    assert registry.find_entry("never") is None


@pytest.mark.parametrize(
    ("stored", "team"),
    [
        ({"ownership": "shared", "shared": {"owner_team": "Sales"}, "imap": 1}, "Sales"),
        ({"ownership": "shared", "shared": {"owner_team": " "}}, NO_TEAM),
        ({"ownership": "shared"}, NO_TEAM),
        ({"shared": "Sales"}, NO_TEAM),
        ([], NO_TEAM),
        ({"ownership": "personal", "imap": 1}, None),
    ],
)
def test_list_entries_wrong_entry_belongs_to_its_team_or_to_nobody(
    registry: RegistryTables, engine: Engine, stored: object, team: str | None
) -> None:
    registry.write_mailbox(SALES, NOW)
    with writing(engine) as connection:
        connection.execute(update(mailboxes).values(entry=stored))
    entry = registry.list_entries()[0]
    assert entry.error is not None
    assert entry.owner_team == team


def test_claim_mailbox_new_or_removed_id_is_paused_and_a_connected_one_is_left_alone(
    registry: RegistryTables,
) -> None:
    assert registry.claim_mailbox(SALES, NOW)
    assert registry.read_mailbox("sales").state is MailboxState.PAUSED
    other = dataclasses.replace(SALES, folders=("INBOX",))
    assert not registry.claim_mailbox(other, LATER)
    assert registry.read_mailbox("sales").folders == SALES.folders
    registry.set_state("sales", "removed", LATER)
    assert registry.claim_mailbox(other, LATER)
    mailbox = registry.read_mailbox("sales")
    assert (mailbox.folders, mailbox.connected_at) == (("INBOX",), NOW)
