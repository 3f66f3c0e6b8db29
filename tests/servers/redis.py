"""A real Redis in a temporary folder, started by a command that the caller gives."""

import contextlib
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from redis import Redis
from redis.exceptions import ConnectionError as RedisConnectionError

from servers.ports import LOOPBACK, start_process, stop_process

__all__ = ["find_redis", "run_redis"]


def find_redis() -> str:
    """The server's binary; skips where none is installed."""
    found = shutil.which("redis-server")
    if found is None:
        pytest.skip("not installed: redis-server")
    return found


@contextlib.contextmanager
def run_redis(
    command: list[str], env: Mapping[str, str], folder: Path, port: int, password: str
) -> Iterator[None]:
    """Run the command until it answers to the password."""
    folder.mkdir(parents=True, exist_ok=True)

    def is_ready() -> bool:
        with Redis(LOOPBACK, port, password=password) as client:
            try:
                return bool(client.ping())
            except RedisConnectionError:
                return False

    process = start_process(command, folder / "redis.log", is_ready, env=env)
    try:
        yield
    finally:
        stop_process(process)
