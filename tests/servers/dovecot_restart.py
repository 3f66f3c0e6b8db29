"""A Dovecot that a test may stop and start again, on the same ports and with the same mail."""

import contextlib
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from servers.dovecot import DovecotServer, _write_config, find_dovecot
from servers.ports import (
    free_ports,
    has_greeting,
    server_folder,
    start_process,
    stop_process,
    unprivileged_user,
)

__all__ = ["StoppableDovecot", "run_stoppable_dovecot"]


class StoppableDovecot:
    """`server` is the usual one; `stop` and `start` are a restart of the machine it runs on."""

    def __init__(self, folder: Path, binary: str, account: str | None) -> None:
        ports = free_ports(2)
        (folder / "dovecot.log").touch()  # before it is given to the account
        self._config = _write_config(folder, account, ports)
        self._binary = binary
        self.server = DovecotServer(folder, *ports, str(folder / "ca.pem"), account)
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start, and wait until it answers."""
        self._process = start_process(
            [self._binary, "-F", "-c", str(self._config)],
            self.server.folder / "dovecot.log",
            lambda: has_greeting(self.server.imap_port),
            self.server.account,
        )

    def stop(self) -> None:
        """Stop it with all its connections."""
        if self._process is not None:
            stop_process(self._process)


@contextlib.contextmanager
def run_stoppable_dovecot() -> Iterator[StoppableDovecot]:
    """One of our own, started; skips where none is installed."""
    binary = find_dovecot()
    if binary is None:
        pytest.skip("not installed: dovecot-imapd")
    account = unprivileged_user("nobody")
    with server_folder("dr", account) as folder:
        stoppable = StoppableDovecot(folder, binary, account)
        stoppable.start()
        try:
            yield stoppable
        finally:
            stoppable.stop()
