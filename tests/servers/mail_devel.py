"""A second mail server that others wrote: mail-devel, IMAP and SMTP in one process."""

import contextlib
import importlib.util
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from imapclient import IMAPClient

from servers.ports import (
    LOOPBACK,
    ServerStartError,
    free_ports,
    has_greeting,
    server_folder,
    start_process,
    stop_process,
)

PASSWORD = "mail-devel-test-secret"
ATTEMPTS = 3


@dataclass(frozen=True, slots=True)
class MailDevelServer:
    """A running server; with multi-user mode every user name has a mailbox of its own.

    Known limits: no TLS here (it would need a certificate), folders live as long as the process,
    and mail that comes by SMTP goes to the addresses in To, Cc and Bcc, not to RCPT's.
    """

    imap_port: int
    smtp_port: int
    host: str = LOOPBACK
    password: str = PASSWORD

    @contextlib.contextmanager
    def connect(self, user: str) -> Iterator[IMAPClient]:
        """A plain IMAP session that may write."""
        with IMAPClient(self.host, self.imap_port, ssl=False, timeout=30) as client:
            client.login(user, self.password)
            yield client


@contextlib.contextmanager
def run_mail_devel() -> Iterator[MailDevelServer]:
    """Start a server of our own; skips where it is not installed."""
    if importlib.util.find_spec("mail_devel") is None:
        pytest.skip("not installed: mail-devel")
    with server_folder("md") as folder:
        for attempt in range(ATTEMPTS):
            imap_port, smtp_port = free_ports(2)
            command = [sys.executable, "-m", "mail_devel", "--host", LOOPBACK, "--no-http"]
            command += ["--multi-user", "--no-message-id", "--smtp-no-message-id"]
            command += ["--imap-port", str(imap_port), "--smtp-port", str(smtp_port)]

            def is_ready(ports: tuple[int, int] = (imap_port, smtp_port)) -> bool:
                return all(has_greeting(port) for port in ports)

            try:
                environment = {**os.environ, "MAIL_PASSWORD": PASSWORD}
                process = start_process(command, folder / "log", is_ready, env=environment)
                break
            except ServerStartError:  # somebody took a port
                if attempt == ATTEMPTS - 1:
                    raise
        try:
            yield MailDevelServer(imap_port, smtp_port)
        finally:
            stop_process(process)
