"""What services ask of the outside world: one protocol per collaborator.

`mailcrm.adapters` implements them, `services/wiring.py` picks the implementations, and
`tests/contract/` holds fakes to the same behaviour.
"""

from mailcrm.ports.approval import Approvals
from mailcrm.ports.chores import Chores
from mailcrm.ports.files import Files
from mailcrm.ports.health import Answers, Logins, Notices, Notifier, RoundTrips, Upkeep
from mailcrm.ports.holds import Holds
from mailcrm.ports.ledger import Ledger
from mailcrm.ports.mail import (
    Clock,
    Connections,
    CredentialStore,
    MailReader,
    MailServers,
    StageCallback,
)
from mailcrm.ports.metrics import Metrics
from mailcrm.ports.overview import Overview
from mailcrm.ports.review import Rematch, Reviews
from mailcrm.ports.store import Contacts, Gate, Publisher, Registry, Staging

__all__ = [
    "Answers",
    "Approvals",
    "Chores",
    "Clock",
    "Connections",
    "Contacts",
    "CredentialStore",
    "Files",
    "Gate",
    "Holds",
    "Ledger",
    "Logins",
    "MailReader",
    "MailServers",
    "Metrics",
    "Notices",
    "Notifier",
    "Overview",
    "Publisher",
    "Registry",
    "Rematch",
    "Reviews",
    "RoundTrips",
    "StageCallback",
    "Staging",
    "Upkeep",
]
