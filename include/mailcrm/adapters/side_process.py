"""A second process that answers lines of JSON, on the other core.

Plain pipes and no `multiprocessing`: the child sees the end of its input when its parent dies,
however it dies, and ends; nothing is shared but the database.
"""

import contextlib
import json
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

__all__ = ["SideProcess"]

_STOP_TIMEOUT_S = 10.0


class SideProcess:
    """A module of ours run by the same interpreter, with the same environment."""

    def __init__(self, module: str) -> None:
        """Start it; `module` reads requests from stdin and writes answers to stdout."""
        self._process = subprocess.Popen(  # noqa: S603 our own module
            [sys.executable, "-m", module],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,  # Ctrl-C is for its parent, which then closes its input
        )

    def ask(self, request: Mapping[str, Any]) -> dict[str, Any] | None:
        """Its answer; None where it failed, ended, or never started."""
        stdin, stdout = self._process.stdin, self._process.stdout
        if stdin is None or stdout is None:
            return None
        try:
            stdin.write(json.dumps(request).encode() + b"\n")
            stdin.flush()
            answer = json.loads(stdout.readline())
        except (OSError, ValueError):
            return None
        return answer if isinstance(answer, dict) else None

    def close(self) -> None:
        """End its input and wait; a child that does not end is ended. Never raises."""
        for stream in (self._process.stdin, self._process.stdout):
            with contextlib.suppress(OSError):
                if stream is not None:
                    stream.close()
        try:
            self._process.wait(_STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
