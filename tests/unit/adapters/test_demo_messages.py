"""The demo's mail: the same bytes each time, and one of every kind."""

import datetime as dt

from mailcrm.adapters.demo.company import CONTACTS
from mailcrm.adapters.demo.messages import build_messages
from mailcrm.adapters.demo.specials import build_specials

ANCHOR = dt.date(2026, 11, 22)


def everything():
    """All messages for one anchor day."""
    return [*build_messages(ANCHOR), *build_specials(ANCHOR)]


def test_demo_messages_same_anchor_gives_the_same_bytes():
    assert everything() == everything()


def test_demo_messages_are_two_hundred_in_two_folders():
    found = everything()
    assert len(found) == 200
    assert {message.folder for message in found} == {"INBOX", "Sent"}


def test_demo_messages_lie_inside_and_outside_the_first_window():
    since = dt.datetime.combine(ANCHOR, dt.time(), tzinfo=dt.UTC) - dt.timedelta(days=7)
    older = [message for message in everything() if message.arrived_at < since]
    assert 20 < len(older) < 60


def test_demo_messages_one_is_in_both_folders_byte_for_byte():
    found = everything()
    inbox = {message.raw for message in found if message.folder == "INBOX"}
    assert len([m for m in found if m.folder == "Sent" and m.raw in inbox]) == 1


def test_demo_messages_hold_every_odd_kind():
    raw = b"".join(message.raw for message in everything())
    for mark in (
        b"report-type=delivery-status",
        b"List-Unsubscribe:",
        b"Auto-Submitted: auto-replied",
        b"List-Id:",
        b"Content-Type: text/html",
        b"Content-Disposition: attachment",
        b"iso-2022-jp",
        b"charset=klingon",
    ):
        assert mark in raw, mark


def test_demo_contacts_share_one_address_and_have_second_ones():
    primary = {contact.primary_email for contact in CONTACTS}
    others = {address for contact in CONTACTS for address in contact.other_emails}
    assert primary & others == {"office@weber-logistics.example"}
    assert len(others) >= 3
