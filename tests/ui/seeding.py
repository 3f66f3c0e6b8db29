"""Mailboxes with mail in them, as a finished sync leaves them behind."""

import dataclasses
import datetime as dt
import json
from collections.abc import Sequence

from fakes.mail_reader import FakeMailbox, FakeMailServers, FakeMessage
from mailcrm.adapters.secrets import EnvironmentCredentials, connection_variable
from mailcrm.records import Direction
from mailcrm.services.run import RunReport, run_mailbox
from servers.mailboxes import make_mailbox
from ui.airflow_pages import AirflowPages

__all__ = ["seed"]


def seed(
    pages: AirflowPages, mailbox_id: str, letters: Sequence[bytes], display_name: str = "Acme"
) -> RunReport:
    """Connect a mailbox with these letters, an hour old, and sync it once."""
    now = dt.datetime.now(dt.UTC)
    mail = FakeMailbox()
    for raw in letters:
        mail.folders["INBOX"].add(FakeMessage(raw, now - dt.timedelta(hours=1)))
    login = json.dumps({"conn_type": "imap", "login": "ann", "password": "none-needed"})
    names = {connection_variable(mailbox_id, direction): login for direction in Direction}
    with pages.services() as real:
        services = dataclasses.replace(
            real, servers=FakeMailServers(mail), credentials=EnvironmentCredentials(names)
        )
        mailbox = dataclasses.replace(make_mailbox(), id=mailbox_id, display_name=display_name)
        services.registry.write_mailbox(dataclasses.replace(mailbox, connected_at=now), now)
        return run_mailbox(services, mailbox_id)
