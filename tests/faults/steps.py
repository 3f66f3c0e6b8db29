"""Steps: every point at which a run can be stopped, numbered in the order in which it meets them.

A step comes before and after each SQL statement, each COMMIT, and each call to the mail reader.
"""

import contextlib
import os
import signal
from collections.abc import Callable, Collection, Iterator
from typing import Any

from sqlalchemy import Engine, event

from fakes.mail_reader import FakeMailbox, FakeMailReader, FakeMailServers
from mailcrm.records import Credential, Mailbox

__all__ = ["Crash", "SteppedServers", "Steps", "crash", "kill", "watch_engine"]

_READER_CALLS = frozenset(
    {
        "list_folders",
        "examine",
        "search_uids",
        "count_outside",
        "enumerate_uids",
        "uid_anchors",
        "fetch_listing",
        "fetch_messages",
        "fetch_outlines",
        "fetch_headers",
    }
)


class Crash(BaseException):
    """The process ends here; nothing in the product may catch it."""


def crash(_name: str) -> None:
    """End the run as if the process died: all that is open is rolled back."""
    raise Crash


def kill(_name: str) -> None:
    """kill -9 ourselves: no handler, no rollback, no goodbye to the database."""
    os.kill(os.getpid(), signal.SIGKILL)


class Steps:
    """Counts steps; at each of the numbers in `at` it acts."""

    def __init__(
        self, at: Collection[int] = (), action: Callable[[str], None] = crash, *, keep: bool = False
    ) -> None:
        self.count = 0
        self.names: list[str] = []
        self._at = frozenset(at)
        self._action = action
        self._keep = keep

    def __call__(self, name: str) -> None:
        self.count += 1
        if self._keep:
            self.names.append(name)
        if self.count in self._at:
            self._action(name)


def watch_engine(engine: Engine, steps: Callable[[str], None]) -> None:
    """Step before and after each statement and each COMMIT of an engine."""

    @event.listens_for(engine, "before_cursor_execute")
    def _before(*args: Any) -> None:
        steps(f"before {_short(args[2])}")

    @event.listens_for(engine, "after_cursor_execute")
    def _after(*args: Any) -> None:
        steps(f"after {_short(args[2])}")

    commit = engine.dialect.do_commit

    def _commit(connection: Any) -> None:
        steps("before COMMIT")
        commit(connection)
        steps("after COMMIT")

    engine.dialect.do_commit = _commit  # type: ignore[assignment, method-assign]


def _short(statement: str) -> str:
    return " ".join(statement.split())[:60]


class _SteppedReader:
    """A reader whose every call is two steps; answers are read to their end in between."""

    def __init__(self, reader: FakeMailReader, steps: Callable[[str], None]) -> None:
        self._reader = reader
        self._steps = steps

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._reader, name)
        if name not in _READER_CALLS:
            return found

        def call(*args: Any) -> Any:
            self._steps(f"before {name}")
            answer = found(*args)
            if isinstance(answer, Iterator):
                answer = iter(list(answer))
            self._steps(f"after {name}")
            return answer

        return call


class SteppedServers(FakeMailServers):
    """`FakeMailServers` whose readers step."""

    def __init__(self, mailbox: FakeMailbox, steps: Callable[[str], None]) -> None:
        super().__init__(mailbox)
        self._steps = steps

    @contextlib.contextmanager
    def open_reader(self, mailbox: Mailbox, credential: Credential) -> Iterator[Any]:
        with super().open_reader(mailbox, credential) as reader:
            yield _SteppedReader(reader, self._steps)
