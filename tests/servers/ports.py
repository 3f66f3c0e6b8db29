"""Free loopback ports, and processes that are ready when they are handed out."""

import contextlib
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

LOOPBACK = "127.0.0.1"
START_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 20.0
POLL_S = 0.01


class ServerStartError(RuntimeError):
    """A test server did not come up; the text ends with what it logged."""


def free_ports(count: int) -> list[int]:
    """Ports that were free a moment ago, all different."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for sock in sockets:
            sock.bind((LOOPBACK, 0))
        return [sock.getsockname()[1] for sock in sockets]


def free_port() -> int:
    """A port that was free a moment ago."""
    return free_ports(1)[0]


def has_greeting(port: int) -> bool:
    """Whether something that speaks first answers on the port."""
    with socket.create_connection((LOOPBACK, port), timeout=2) as sock:
        return bool(sock.recv(1))


def wait_until_ready(process: subprocess.Popen[bytes], is_ready: Callable[[], bool]) -> bool:
    """Poll until the server answers; False where the process ended first or time is up."""
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(OSError):
            if is_ready():
                return True
        time.sleep(POLL_S)
    return False


def stop_process(process: subprocess.Popen[bytes], how: signal.Signals = signal.SIGTERM) -> None:
    """Ask the process to end, and end it where it does not."""
    if process.poll() is None:
        process.send_signal(how)
    try:
        process.wait(STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def start_process(
    command: Sequence[str],
    log: Path,
    is_ready: Callable[[], bool],
    user: str | None = None,
    env: Mapping[str, str] | None = None,
    own_session: bool = False,
) -> subprocess.Popen[bytes]:
    """Start a server and wait until it answers.

    Args:
        own_session: For a server that, when it stops, signals its whole process group.
    Raises:
        ServerStartError: it ended, or never answered; it is stopped then.
    """
    account = pwd.getpwnam(user) if user else None
    with log.open("ab") as output:
        process = subprocess.Popen(
            list(command),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd=log.parent,
            env=env,
            user=account.pw_uid if account else None,
            group=account.pw_gid if account else None,
            extra_groups=[] if account else None,
            start_new_session=own_session,
        )
    if wait_until_ready(process, is_ready):
        return process
    stop_process(process)
    raise ServerStartError(f"{command[0]} did not start: {log.read_text(errors='replace')[-2000:]}")


def unprivileged_user(*candidates: str) -> str | None:
    """The account that servers run as: the first that exists for root, None (us) for others."""
    if os.geteuid() != 0:
        return None
    names = {account.pw_name for account in pwd.getpwall()}
    return next(name for name in candidates if name in names)


@contextlib.contextmanager
def server_folder(name: str, user: str | None = None) -> Iterator[Path]:
    """A short-named temporary folder that `user` owns, removed at the end."""
    folder = Path(tempfile.mkdtemp(prefix=f"mailcrm-{name}-"))
    try:
        if user is not None:
            account = pwd.getpwnam(user)
            os.chown(folder, account.pw_uid, account.pw_gid)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
