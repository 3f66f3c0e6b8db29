"""A real S3 endpoint on loopback: moto's server, one process per session."""

import contextlib
import http.client
import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from servers.ports import (
    LOOPBACK,
    ServerStartError,
    free_port,
    server_folder,
    start_process,
    stop_process,
)

__all__ = ["ACCESS_KEY", "SECRET_KEY", "S3Server", "run_s3"]

ACCESS_KEY = "mailcrm-test"
SECRET_KEY = "s3-test-secret"
ATTEMPTS = 3


@dataclass(frozen=True, slots=True)
class S3Server:
    """A running server; buckets are made by `make_bucket`."""

    port: int
    log: Path

    def environment(self) -> Mapping[str, str]:
        """What a process needs to reach it, by the AWS tools' own variables."""
        return {
            "AWS_ENDPOINT_URL": f"http://{LOOPBACK}:{self.port}",
            "AWS_ACCESS_KEY_ID": ACCESS_KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
            "AWS_DEFAULT_REGION": "us-east-1",
        }

    def make_bucket(self, name: str) -> str:
        """Its URL."""
        answer = self._ask("PUT", f"/{name}")
        assert answer == http.HTTPStatus.OK, answer
        return f"s3://{name}"

    def is_ready(self) -> bool:
        """Whether it answers."""
        return self._ask("GET", "/moto-api/data.json") == http.HTTPStatus.OK

    def _ask(self, method: str, path: str) -> int:
        connection = http.client.HTTPConnection(LOOPBACK, self.port, timeout=5)
        try:
            connection.request(method, path)
            return connection.getresponse().status
        finally:
            connection.close()


@contextlib.contextmanager
def run_s3() -> Iterator[S3Server]:
    """Start a server of our own; it keeps everything in memory."""
    with server_folder("s3") as folder:
        for attempt in range(ATTEMPTS):
            server = S3Server(free_port(), folder / "log")
            command = [sys.executable, "-m", "moto.server", "-H", LOOPBACK, "-p", str(server.port)]
            env = {**os.environ, "MOTO_S3_CUSTOM_ENDPOINTS": ""}
            try:
                process = start_process(command, server.log, server.is_ready, env=env)
                break
            except ServerStartError:  # somebody took the port
                if attempt == ATTEMPTS - 1:
                    raise
        try:
            yield server
        finally:
            stop_process(process)
