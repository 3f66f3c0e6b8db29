"""What the pages share within one process: services over one pool of database connections.

Opened with the first request that needs them, and again in a process that was forked since.
"""

import contextlib
import os
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from typing import Any, TypeVar

from mailcrm.services.pages_wiring import PageServices, open_page_services
from mailcrm.services.review_wiring import ReviewServices, open_review_services
from mailcrm.services.wiring import Services, open_services

__all__ = ["page_services", "review_services", "services"]

T = TypeVar("T")
_lock = threading.RLock()
_held: dict[tuple[int, str], Any] = {}
_stack = ExitStack()


def services() -> Services:
    """The pipeline's services, with credentials in Airflow's Connections.

    Raises:
        DatabaseError, StoreBusyError, SettingsError: see `open_services`; asked anew each time.
    """
    from mailcrm_plugin.connections import AirflowConnections

    return _hold("services", lambda: open_services(credentials=AirflowConnections()))


def review_services() -> ReviewServices:
    """What judging decisions needs. Raises as `services` does."""
    return _hold("review", open_review_services)


def page_services() -> PageServices:
    """What only the pages need: the audit trail, and lists page by page. Raises as `services`."""
    return _hold("pages", open_page_services)


def _hold(name: str, opener: Callable[[], AbstractContextManager[T]]) -> T:
    key = (os.getpid(), name)
    with _lock:
        if key not in _held:
            with contextlib.ExitStack() as opening:
                _held[key] = opening.enter_context(opener())
                _stack.push(opening.pop_all())
        found: T = _held[key]
        return found
