"""Contacts on both databases."""

import dataclasses
import datetime as dt

import pytest
from sqlalchemy import Engine, func, select, text

from mailcrm.adapters.crm_database.contacts import ContactTables
from mailcrm.adapters.crm_database.engine import make_engine, reading, writing
from mailcrm.adapters.crm_database.schema import (
    contact_keys,
    crm_contact_addresses,
    crm_contacts,
    metadata,
)
from mailcrm.errors import SettingsError
from mailcrm.match import plan_contact_keys
from mailcrm.records import Contact, ContactAddress, ContactKey

NOW = dt.datetime(2026, 11, 20, 8, 30, tzinfo=dt.UTC)
LATER = NOW + dt.timedelta(days=1)
QUERY = """
SELECT id AS contact_id, name AS full_name, mail AS address, main AS is_primary,
       firm AS company, '' AS domain FROM people WHERE name NOT LIKE 'Test:%'
"""


def contact(number: int, *others: str, name: str = "") -> Contact:
    addresses = (f"p{number}@firm{number}.example", *others)
    return Contact(
        contact_id=f"C{number:05}",
        full_name=name or f"Person Number{number}",
        company=f"Firm {number}",
        domain=f"firm{number}.example",
        addresses=tuple(ContactAddress(a, i == 0) for i, a in enumerate(addresses)),
    )


@pytest.fixture
def engine(database_url: str) -> Engine:
    engine = make_engine(database_url)
    metadata.create_all(engine)
    return engine


@pytest.fixture
def contacts(engine: Engine) -> ContactTables:
    return ContactTables(engine)


def by_address(*addresses: str) -> list[ContactKey]:
    return [ContactKey("address", address) for address in addresses]


def keys_of(engine: Engine, contact_id: str) -> set[ContactKey]:
    with reading(engine) as connection:
        rows = connection.execute(
            select(contact_keys.c.kind, contact_keys.c.key).where(
                contact_keys.c.contact_id == contact_id, contact_keys.c.kind != "rules"
            )
        )
        return {ContactKey(kind, key) for kind, key in rows}


def test_contacts_written_are_found_by_every_key(contacts: ContactTables, engine: Engine) -> None:
    one = contact(1, "One@Private.example", name="Zoë “O'Neil” 李")
    assert contacts.upsert_contacts([one, contact(2)], NOW) == 2
    assert contacts.count_contacts() == 2
    assert keys_of(engine, one.contact_id) == set(plan_contact_keys(one))
    found = contacts.find_contacts(plan_contact_keys(one))
    expected = dataclasses.replace(one, updated_at=NOW)
    assert {key for key, c in found if c == expected} == set(plan_contact_keys(one))


def test_two_contacts_on_one_address_are_both_found(contacts: ContactTables) -> None:
    contacts.upsert_contacts([contact(2, "team@x.example"), contact(1, "team@x.example")], NOW)
    found = contacts.find_contacts(by_address("team@x.example", "nobody@x.example"))
    assert [c.contact_id for _, c in found] == ["C00001", "C00002"]


def test_contacts_written_again_change_nothing(contacts: ContactTables) -> None:
    people = [contact(n) for n in range(5)]
    contacts.upsert_contacts(people, NOW)
    assert contacts.upsert_contacts(people, LATER) == 0
    ((_, found),) = contacts.find_contacts(by_address("p3@firm3.example"))
    assert found.updated_at == NOW


def test_changed_contact_loses_old_addresses_and_keys(
    contacts: ContactTables, engine: Engine
) -> None:
    contacts.upsert_contacts([contact(1, "old@x.example"), contact(2)], NOW)
    changed = contact(1, "new@x.example", name="Someone Else")
    assert contacts.upsert_contacts([changed, contact(2)], LATER) == 1
    assert contacts.find_contacts(by_address("old@x.example")) == []
    ((_, found),) = contacts.find_contacts(by_address("new@x.example"))
    assert found == dataclasses.replace(changed, updated_at=LATER)
    assert keys_of(engine, "C00001") == set(plan_contact_keys(changed))


def test_primary_address_that_moves_is_stored(contacts: ContactTables) -> None:
    one = contact(1, "b@x.example")
    contacts.upsert_contacts([one], NOW)
    swapped = dataclasses.replace(
        one, addresses=tuple(ContactAddress(a.address, not a.is_primary) for a in one.addresses)
    )
    assert contacts.upsert_contacts([swapped], LATER) == 1
    ((_, found),) = contacts.find_contacts(by_address("b@x.example"))
    assert found.addresses[0] == ContactAddress("b@x.example", is_primary=True)


def test_stale_keys_of_an_unchanged_contact_are_renewed(
    contacts: ContactTables, engine: Engine
) -> None:
    contacts.upsert_contacts([contact(1)], NOW)
    with writing(engine) as connection:
        connection.execute(contact_keys.update().values(key=contact_keys.c.key + "-older-rule"))
    assert contacts.upsert_contacts([contact(1)], LATER) == 0
    assert keys_of(engine, "C00001") == set(plan_contact_keys(contact(1)))


def test_contact_without_address_and_name_is_kept(contacts: ContactTables) -> None:
    assert contacts.upsert_contacts([Contact("C1", "", "", "")], NOW) == 1
    assert contacts.count_contacts() == 1


def test_many_contacts_and_keys_pass_the_limit_of_bound_values(contacts: ContactTables) -> None:
    people = [contact(n, f"p{n}@second.example") for n in range(12_000)]
    assert contacts.upsert_contacts(people, NOW) == 12_000
    keys = by_address(*(f"p{n}@second.example" for n in range(12_000)))
    assert len(contacts.find_contacts(keys)) == 12_000
    assert contacts.upsert_contacts(people, NOW) == 0


def test_failed_import_leaves_nothing_behind(contacts: ContactTables, engine: Engine) -> None:
    broken = Contact("C9", "x", "y", None)  # type: ignore[arg-type]
    with pytest.raises(Exception, match=r"."):
        contacts.upsert_contacts([contact(1), broken], NOW)
    with reading(engine) as connection:
        for table in (crm_contacts, crm_contact_addresses, contact_keys):
            count = connection.execute(select(func.count()).select_from(table)).scalar_one()
            assert count == 0


@pytest.fixture
def people(engine: Engine) -> Engine:
    with writing(engine) as connection:
        connection.execute(
            text("CREATE TABLE people (id INTEGER, name TEXT, mail TEXT, main BOOLEAN, firm TEXT)")
        )
        connection.execute(
            text(
                "INSERT INTO people VALUES (1, 'Ann', 'ann@x.example', true, 'X'),"
                "(1, 'Ann', 'ann@home.example', false, 'X'), (2, 'Bob', null, null, null),"
                "(3, 'Test:it', 't@x.example', true, 'X')"
            )
        )
    return engine


def test_contacts_query_fills_the_lookup_and_follows_changes(people: Engine) -> None:
    contacts = ContactTables(people, QUERY)
    assert contacts.refresh_contacts(NOW) == 2
    assert contacts.refresh_contacts(LATER) == 0
    ((_, ann),) = contacts.find_contacts(by_address("ann@home.example"))
    assert ann.contact_id == "1"
    assert [a.is_primary for a in ann.addresses] == [True, False]
    with writing(people) as connection:
        connection.execute(text("DELETE FROM people WHERE id = 1"))
        connection.execute(text("UPDATE people SET mail = 'bob@x.example' WHERE id = 2"))
    assert contacts.refresh_contacts(LATER) == 2
    assert contacts.find_contacts(by_address("ann@home.example")) == []
    assert contacts.count_contacts() == 1


def test_contacts_query_renews_the_keys_of_older_rules(people: Engine) -> None:
    contacts = ContactTables(people, QUERY)
    contacts.refresh_contacts(NOW)
    expected = keys_of(people, "1")
    with writing(people) as connection:
        connection.execute(contact_keys.update().values(key=contact_keys.c.key + "-older"))
    assert contacts.refresh_contacts(LATER) == 0
    assert keys_of(people, "1") == expected


def test_contacts_query_that_yields_nobody_changes_nothing(people: Engine) -> None:
    contacts = ContactTables(people, QUERY)
    contacts.refresh_contacts(NOW)
    with writing(people) as connection:
        connection.execute(text("DELETE FROM people"))
    with pytest.raises(SettingsError, match="yields no contact, but 2 were known"):
        contacts.refresh_contacts(LATER)
    assert contacts.count_contacts() == 2


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("DELETE FROM people", "must be a SELECT"),
        ("SELECT id AS contact_id, name AS full_name FROM people", "lacks address, is_primary"),
        ("SELECT nothing FROM nowhere", "MAILCRM_CONTACTS_QUERY: fails"),
    ],
)
def test_contacts_query_that_is_wrong_says_so(people: Engine, query: str, expected: str) -> None:
    with pytest.raises(SettingsError, match=expected):
        ContactTables(people, query).refresh_contacts(NOW)


def test_contacts_query_refuses_an_import(engine: Engine) -> None:
    with pytest.raises(SettingsError, match="contacts come from MAILCRM_CONTACTS_QUERY"):
        ContactTables(engine, QUERY).upsert_contacts([contact(1)], NOW)


def test_refresh_without_a_query_does_nothing(contacts: ContactTables) -> None:
    assert contacts.refresh_contacts(NOW) == 0
