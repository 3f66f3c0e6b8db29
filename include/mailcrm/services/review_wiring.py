"""Builds what judging decisions and deciding again use: the database, and no mail server."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass

from mailcrm.adapters.clock import SystemClock
from mailcrm.adapters.crm_database.contacts import ContactTables
from mailcrm.adapters.crm_database.match_pages import MatchPageTables
from mailcrm.adapters.crm_database.migrate import open_database
from mailcrm.adapters.crm_database.quality import QualityCounts
from mailcrm.adapters.crm_database.registry import RegistryTables
from mailcrm.adapters.crm_database.rematch import RematchTables
from mailcrm.adapters.crm_database.reviews import ReviewTables
from mailcrm.adapters.quality_pages import SvgQualityPages
from mailcrm.ports import Clock, Contacts, Registry, Rematch, Reviews
from mailcrm.ports.match_pages import MatchPages
from mailcrm.ports.quality import QualityPages, QualityTables
from mailcrm.settings import Settings, load_settings

__all__ = ["ReviewServices", "open_review_services"]


@dataclass(frozen=True, slots=True)
class ReviewServices:
    """Everything that `review` and `rematch` may use."""

    clock: Clock
    registry: Registry
    contacts: Contacts
    reviews: Reviews
    rematch: Rematch
    quality: QualityTables
    pages: QualityPages
    looks: MatchPages


@contextlib.contextmanager
def open_review_services(settings: Settings | None = None) -> Iterator[ReviewServices]:
    """Build them over the configured database, and close it afterwards; raises as `open_services`.

    Args:
        settings: Default: the environment's.
    """
    settings = settings or load_settings()
    with open_database(settings.database()) as engine:
        yield ReviewServices(
            clock=SystemClock(),
            registry=RegistryTables(engine),
            contacts=ContactTables(engine, settings.contacts_query),
            reviews=ReviewTables(engine),
            rematch=RematchTables(engine),
            quality=QualityCounts(engine),
            pages=SvgQualityPages(),
            looks=MatchPageTables(engine),
        )
