"""Whether a message came in, went out, or stayed among us."""

import datetime as dt

import pytest

from mailcrm.match import decide_direction
from mailcrm.records import ParsedMessage, Participant

OWN = frozenset({"sales@us.example", "billing@us.example"})


@pytest.mark.parametrize(
    ("participants", "direction"),
    [
        ({"from": "ada@acme.example", "to": "sales@us.example"}, "inbound"),
        ({"from": "Sales@US.example", "to": "ada@acme.example"}, "outbound"),
        ({"from": "sales@us.example", "to": "billing@us.example"}, "internal"),
        ({"from": "sales@us.example", "to": "billing+x@us.example"}, "internal"),
        ({"from": "sales@us.example", "cc": "ada@acme.example"}, "outbound"),
        ({"from": "sales@us.example"}, "outbound"),
        ({"to": "sales@us.example"}, "inbound"),
    ],
)
def test_direction_follows_from_and_recipients(
    participants: dict[str, str], direction: str
) -> None:
    people = tuple(Participant(role, 0, address, "") for role, address in participants.items())
    moment = dt.datetime(2026, 11, 3, tzinfo=dt.UTC)
    parsed = ParsedMessage("x", "", moment, "date", people, "", "", 1, "person")
    assert decide_direction(parsed, OWN) == direction
