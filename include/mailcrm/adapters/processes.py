"""Child processes with a log file each, stopped politely and then firmly."""

import contextlib
import fcntl
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from mailcrm.errors import SettingsError

__all__ = [
    "LOOPBACK",
    "ChildProcess",
    "deaf_to_signals",
    "find_free_port",
    "hold_folder",
    "is_port_free",
    "stop_on_signals",
    "wait_until_listening",
]

LOOPBACK = "127.0.0.1"
POLL_S = 0.05
STOP_TIMEOUT_S = 20.0


class ChildProcess:
    """One process of ours; its whole session is ended with it."""

    def __init__(
        self, name: str, command: Sequence[str], env: Mapping[str, str], log: Path, cwd: Path
    ) -> None:
        """Start it. Secrets belong into `env`, never into `command`; `log` is for us only."""
        self.name = name
        self.log = log
        log.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as output:
            self._process = subprocess.Popen(  # noqa: S603 our own commands
                list(command),
                env=dict(env),
                cwd=cwd,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def is_running(self) -> bool:
        """Whether it has not ended."""
        return self._process.poll() is None

    def wait(self, timeout_s: float) -> int | None:
        """Its exit code, None where it still runs after `timeout_s`."""
        try:
            return self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            return None

    def ask_to_stop(self) -> None:
        """Send SIGTERM and return at once."""
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(signal.SIGTERM)

    def stop(self, timeout_s: float = STOP_TIMEOUT_S) -> None:
        """SIGTERM, wait, then SIGKILL for whatever is left of its session."""
        self.ask_to_stop()
        self.wait(timeout_s)
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self.wait(timeout_s)


def find_free_port() -> int:
    """A loopback port that was free a moment ago."""
    with socket.socket() as listener:
        listener.bind((LOOPBACK, 0))
        return int(listener.getsockname()[1])


def is_port_free(port: int) -> bool:
    """Whether nothing listens on a loopback port."""
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


def wait_until_listening(process: ChildProcess, port: int, timeout_s: float) -> None:
    """Wait until the process accepts connections on a loopback port.

    Raises:
        SettingsError: it ended, or time is up; names its log.
    """
    deadline = time.monotonic() + timeout_s
    while process.is_running() and time.monotonic() < deadline:
        with contextlib.suppress(OSError), socket.create_connection((LOOPBACK, port), timeout=1):
            return
        time.sleep(POLL_S)
    raise SettingsError(where=process.name, problem=f"did not come up; its log is {process.log}")


@contextlib.contextmanager
def hold_folder(folder: Path) -> Iterator[None]:
    """Keep the folder to this process; the lock goes with the process, however it ends.

    Raises:
        SettingsError: another process holds it.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (folder / "lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise SettingsError(
                where=str(folder),
                problem="another `mailcrm demo` or `mailcrm up` is running here; stop it first",
            ) from None
        yield


@contextlib.contextmanager
def stop_on_signals() -> Iterator[None]:
    """Turn signals that end us into KeyboardInterrupt, so that children are stopped in order.

    SIGINT too: a shell that starts us in the background has it ignored.
    """

    def interrupt(number: int, frame: object) -> None:
        raise KeyboardInterrupt

    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    kept = {number: signal.signal(number, interrupt) for number in numbers}
    try:
        yield
    finally:
        for number, handler in kept.items():
            signal.signal(number, handler)


@contextlib.contextmanager
def deaf_to_signals() -> Iterator[None]:
    """Ignore SIGINT, SIGTERM and SIGHUP, for the seconds in which children are stopped."""
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    kept = {number: signal.signal(number, signal.SIG_IGN) for number in numbers}
    try:
        yield
    finally:
        for number, handler in kept.items():
            signal.signal(number, handler)
