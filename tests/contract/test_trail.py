"""The audit trail on both databases: only ever added to, and every change shows."""

import datetime as dt
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import Engine, text

from mailcrm.adapters.crm_database.engine import make_engine, writing
from mailcrm.adapters.crm_database.migrate import upgrade
from mailcrm.adapters.crm_database.trail import TrailTables
from mailcrm.errors import MailcrmError
from mailcrm.records.trail import Deed, Outcome

NOW = dt.datetime(2026, 11, 22, 21, 0, 0, 123456, dt.UTC)


@pytest.fixture
def engine(database_url: str) -> Engine:
    made = make_engine(database_url)
    upgrade(made)
    return made


def deed(number: int) -> Deed:
    return Deed(
        "ada", "mailbox.pause", "sales", str(number), {"n": number, "why": "ünïcode", "x": 0.5}
    )


@pytest.mark.row("R219")
def test_trail_many_writers_at_once_keep_one_chain(engine: Engine) -> None:
    trail = TrailTables(engine)
    with ThreadPoolExecutor(4) as pool:
        numbers = list(pool.map(lambda n: trail.write_deed(deed(n), NOW), range(12)))
    assert len(set(numbers)) == 12
    assert trail.find_break() is None
    found = trail.list_deeds("sales", None, 5)
    assert [entry.event_id for entry in found] == sorted(numbers, reverse=True)[:5]
    older = trail.list_deeds(None, found[-1].event_id, 50)
    assert len(older) == 7
    assert {entry.deed.subject for entry in [*found, *older]} == {str(n) for n in range(12)}
    assert found[0].at == NOW
    assert found[0].deed.outcome is Outcome.ASKED
    engine.dispose()


@pytest.mark.row("R219")
@pytest.mark.parametrize(
    "statement", ["UPDATE audit_events SET actor = 'eve'", "DELETE FROM audit_events"]
)
def test_trail_change_of_an_entry_is_refused(engine: Engine, statement: str) -> None:
    trail = TrailTables(engine)
    trail.write_deed(deed(1), NOW)
    with pytest.raises(MailcrmError, match="only ever added to"), writing(engine) as connection:
        connection.execute(text(statement))
    assert [entry.deed.actor for entry in trail.list_deeds(None, None, 9)] == ["ada"]
    engine.dispose()


@pytest.mark.row("R219")
def test_trail_change_below_the_guard_shows(engine: Engine) -> None:
    trail = TrailTables(engine)
    numbers = [trail.write_deed(deed(n), NOW) for n in range(3)]
    with writing(engine) as connection:
        if engine.dialect.name == "sqlite":
            connection.execute(text("DROP TRIGGER audit_events_no_update"))
        else:
            connection.execute(text("ALTER TABLE audit_events DISABLE TRIGGER USER"))
        statement = text("UPDATE audit_events SET actor = 'eve' WHERE event_id = :n")
        connection.execute(statement, {"n": numbers[1]})
    assert trail.find_break() == numbers[1]
    engine.dispose()
