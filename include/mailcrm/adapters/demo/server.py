"""mail-devel, a mail server that others wrote, as the demo's IMAP and SMTP side."""

import datetime as dt
import json
import os
import secrets
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from imapclient import IMAPClient
from imapclient.exceptions import IMAPClientError

from mailcrm.adapters.demo.company import MAILBOX_ADDRESS
from mailcrm.adapters.demo.messages import DemoMessage
from mailcrm.adapters.processes import (
    LOOPBACK,
    ChildProcess,
    find_free_port,
    wait_until_listening,
)
from mailcrm.errors import ServerUnreachableError
from mailcrm.records.text import escape_text

__all__ = ["MailDevelProcess"]

START_TIMEOUT_S = 30.0


class MailDevelProcess:
    """`mailcrm.ports.local.DemoMailServer`: a process of ours, on free loopback ports.

    Its password is new at each start and travels by environment only; its folders live as long
    as the process does, so that each start is a new generation to the reader.
    """

    def __init__(self, folder: Path, messages: Sequence[DemoMessage]) -> None:
        """Start nothing yet; `folder` takes the log, `messages` are what `fill` puts in."""
        self.imap_port = find_free_port()
        self.smtp_port = find_free_port()
        self.username = MAILBOX_ADDRESS
        self._password = secrets.token_urlsafe(18)
        self._folder = folder
        self._messages = messages
        self._child: ChildProcess | None = None

    def start(self) -> None:
        """Start it and wait for both ports."""
        env = {
            **os.environ,
            "MAIL_HOST": LOOPBACK,
            "MAIL_USER": self.username,
            "MAIL_PASSWORD": self._password,
            "MAIL_IMAP_PORT": str(self.imap_port),
            "MAIL_SMTP_PORT": str(self.smtp_port),
        }
        command = [sys.executable, "-m", "mail_devel", "--no-http", "--auth-required"]
        log = self._folder / "mail-server.log"
        self._child = ChildProcess("mail server", command, env, log, cwd=self._folder)
        for port in (self.imap_port, self.smtp_port):
            wait_until_listening(self._child, port, START_TIMEOUT_S)

    def credentials(self) -> Mapping[str, str]:
        """Both directions, in Airflow's JSON form, for the environment of child processes."""
        return {
            f"AIRFLOW_CONN_MAILBOX_ACME_SALES_{direction.upper()}": json.dumps(
                {"conn_type": direction, "login": self.username, "password": self._password}
            )
            for direction in ("imap", "smtp")
        }

    def fill(self) -> Mapping[str, int]:
        """Append every message, one command a folder (MULTIAPPEND, RFC 3502)."""
        by_folder: dict[str, list[dict[str, object]]] = {}
        for message in self._messages:
            by_folder.setdefault(message.folder, []).append(_append_item(message))
        try:
            with IMAPClient(LOOPBACK, port=self.imap_port, ssl=False, timeout=60) as client:
                client.login(self.username, self._password)
                client.normalise_times = False
                for folder, items in by_folder.items():
                    if not client.folder_exists(folder):
                        client.create_folder(folder)
                    client.multiappend(folder, items)
        except (IMAPClientError, OSError) as error:
            raise ServerUnreachableError(
                protocol="imap",
                host=LOOPBACK,
                port=self.imap_port,
                detail=escape_text(str(error).replace(self._password, "***")),
            ) from None
        return {folder: len(items) for folder, items in by_folder.items()}

    def stop(self) -> None:
        """End the process, and with it everything that it held."""
        if self._child is not None:
            self._child.stop()
            self._child = None


def _append_item(message: DemoMessage) -> dict[str, object]:
    flags = (rb"\Seen",) if message.is_seen else ()
    return {"msg": message.raw, "flags": flags, "date": message.arrived_at.astimezone(dt.UTC)}
