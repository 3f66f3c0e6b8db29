"""Reading a run's slices in two processes: parsing is bound by one core each.

The second process is the same as Airflow's mapped `fetch` tasks are: it takes whole slices, under
the same lease. Whatever becomes of it, a slice that it did not finish is read here, from where it
was left. In Airflow the mapped tasks already run side by side, so nothing of this is used there.
"""

import json
import os
import queue
import sys
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Protocol

from mailcrm.errors import MailcrmError
from mailcrm.records import FolderSlice, Lease
from mailcrm.services.fetch import FetchResult, run_fetch
from mailcrm.services.wiring import Services, open_services

__all__ = ["Helper", "fetch_slices", "main"]

MODULE = "mailcrm.services.fetch_beside"
# Starting a process costs a second; so many messages cost several.
WORTHWHILE = 3_000

Fetch = Callable[[FolderSlice], FetchResult]
StartHelper = Callable[[str], "Helper"]


class Helper(Protocol):
    """A process that answers requests."""

    def ask(self, request: Mapping[str, Any]) -> dict[str, Any] | None:
        """None where it failed or ended."""
        ...

    def close(self) -> None:
        """End it; never raises."""
        ...


@dataclass(slots=True)
class _Work:
    """Slices that nobody has begun, and what became of the others."""

    waiting: deque[FolderSlice]
    lease: Lease
    results: list[FetchResult] = field(default_factory=list)
    unfinished: list[FolderSlice] = field(default_factory=list)


def fetch_slices(
    lease: Lease, parts: Sequence[FolderSlice], fetch: Fetch, start: StartHelper | None
) -> tuple[list[FetchResult], MailcrmError | None]:
    """Read all slices; the first failure is kept, and harms no other slice.

    Args:
        lease: The run's.
        parts: Its slices, in the order in which they are wanted.
        fetch: Reads one slice in this process.
        start: Starts a helper for a module; None: this process reads everything.

    Returns:
        What the slices brought, and the first failure.
    """
    work = _Work(deque(parts), lease)
    thread: threading.Thread | None = None
    if start is not None and _is_worthwhile(parts):
        thread = threading.Thread(target=_help, args=(work, start), daemon=True)
        thread.start()
    failure = _fetch_here(work, fetch)
    if thread is not None:
        thread.join()
        work.waiting.extend(work.unfinished)
        failure = _fetch_here(work, fetch) or failure
    return work.results, failure


def _is_worthwhile(parts: Sequence[FolderSlice]) -> bool:
    return (
        len(parts) > 1
        and sum(part.message_count for part in parts) >= WORTHWHILE
        and len(os.sched_getaffinity(0)) > 1
    )


def _fetch_here(work: _Work, fetch: Fetch) -> MailcrmError | None:
    failure: MailcrmError | None = None
    while work.waiting:
        try:
            part = work.waiting.popleft()
        except IndexError:  # the helper took the last one
            break
        try:
            work.results.append(fetch(part))
        except MailcrmError as error:
            failure = failure or error
    return failure


def _help(work: _Work, start: StartHelper) -> None:
    """Hand slices to the helper from the other end, as long as it answers."""
    try:
        helper = start(MODULE)
    except OSError:  # no more processes: one is enough
        return
    try:
        while True:
            try:
                part = work.waiting.pop()
            except IndexError:
                return
            answer = helper.ask({"lease": asdict(work.lease), "part": asdict(part)})
            if not answer:
                work.unfinished.append(part)
                return
            work.results.append(FetchResult(**answer))
    finally:
        helper.close()


def main() -> None:
    """The helper: one request a line on stdin, one answer a line on stdout, {} on failure.

    Its parent reads a failed slice again, and so meets the error itself. When the parent is gone
    the helper ends at once, in the middle of whatever it does, as after a kill.
    """
    requests: queue.SimpleQueue[str] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(requests,), daemon=True).start()
    with open_services() as services:
        while True:
            answer = _answer(services, json.loads(requests.get()))
            sys.stdout.write(json.dumps(answer) + "\n")
            sys.stdout.flush()


def _listen(requests: "queue.SimpleQueue[str]") -> None:
    for line in sys.stdin:
        requests.put(line)
    os._exit(0)


def _answer(services: Services, request: Mapping[str, Any]) -> dict[str, Any]:
    lease, part = Lease(**request["lease"]), FolderSlice(**request["part"])
    try:
        return asdict(run_fetch(services, lease, part))
    except MailcrmError:
        return {}


if __name__ == "__main__":
    main()
