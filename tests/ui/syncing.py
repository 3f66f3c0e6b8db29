"""Mailboxes with mail for the pages: the whole pipeline over a mailbox in memory."""

import dataclasses
import datetime as dt
import json
from collections.abc import Iterable

from fakes.mail_reader import FakeMailbox, FakeMailServers, FakeMessage
from mailcrm.adapters.secrets import EnvironmentCredentials, connection_variable
from mailcrm.records import Contact, Direction
from mailcrm.services.run import RunReport, run_mailbox
from servers.mailboxes import make_mailbox
from ui.airflow_pages import AirflowPages

__all__ = ["sync"]


def sync(
    pages: AirflowPages,
    mailbox_id: str,
    raws: Iterable[bytes],
    contacts: tuple[Contact, ...] = (),
    display_name: str = "Acme Sales",
) -> RunReport:
    """Connect a mailbox that received these an hour ago, and run it once."""
    now = dt.datetime.now(dt.UTC)
    mail = FakeMailbox()
    for raw in raws:
        mail.folders["INBOX"].add(FakeMessage(raw, now - dt.timedelta(hours=1)))
    login = json.dumps({"conn_type": "imap", "login": "ann", "password": "none-needed"})
    names = {connection_variable(mailbox_id, direction): login for direction in Direction}
    with pages.services() as real:
        services = dataclasses.replace(
            real, servers=FakeMailServers(mail), credentials=EnvironmentCredentials(names)
        )
        mailbox = dataclasses.replace(
            make_mailbox(), id=mailbox_id, display_name=display_name, connected_at=now
        )
        services.registry.write_mailbox(mailbox, now)
        services.contacts.upsert_contacts(contacts, now)
        return run_mailbox(services, mailbox_id)
