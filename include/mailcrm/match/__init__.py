"""Stage 5: who took part in a message. Pure functions.

`plan_contact_keys` says under which keys a contact is stored, `plan_lookups` which keys a batch
needs; a `ContactIndex` holds what was found, and `decide_message` decides on each participant.
The weights and their reasons are in `mailcrm.match.weights`.
"""

from mailcrm.match.authentication import read_auth_result
from mailcrm.match.decide import decide_message
from mailcrm.match.direction import decide_direction
from mailcrm.match.index import ContactIndex
from mailcrm.match.keys import (
    plan_companies,
    plan_contact_keys,
    plan_lookups,
    plan_participant_keys,
)
from mailcrm.match.weights import RULE_VERSION

__all__ = [
    "RULE_VERSION",
    "ContactIndex",
    "decide_direction",
    "decide_message",
    "plan_companies",
    "plan_contact_keys",
    "plan_lookups",
    "plan_participant_keys",
    "read_auth_result",
]
