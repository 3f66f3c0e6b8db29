"""Builds what only the pages need, beside the pipeline's services."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass

from mailcrm.adapters.clock import SystemClock
from mailcrm.adapters.crm_database.mailbox_pages import MailboxPageTables
from mailcrm.adapters.crm_database.migrate import open_database
from mailcrm.adapters.crm_database.trail import TrailTables
from mailcrm.ports import Clock
from mailcrm.ports.pages import MailboxPages
from mailcrm.ports.trail import Trail
from mailcrm.settings import Settings, load_settings

__all__ = ["PageServices", "open_page_services"]


@dataclass(frozen=True, slots=True)
class PageServices:
    """Everything that pages use beside `Services` and `ReviewServices`."""

    settings: Settings
    clock: Clock
    trail: Trail
    mailboxes: MailboxPages


@contextlib.contextmanager
def open_page_services(settings: Settings | None = None) -> Iterator[PageServices]:
    """Build them over the configured database, and close it afterwards; raises as `open_services`.

    Args:
        settings: Default: the environment's.
    """
    settings = settings or load_settings()
    with open_database(settings.database()) as engine:
        yield PageServices(
            settings=settings,
            clock=SystemClock(),
            trail=TrailTables(engine),
            mailboxes=MailboxPageTables(engine),
        )
