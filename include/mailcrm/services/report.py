"""The report of one run: written when it ends, and again whenever somebody asks."""

import logging
from collections.abc import Sequence
from pathlib import Path

from mailcrm.errors import MailcrmError
from mailcrm.services.wiring import Services

__all__ = ["keep_run_page", "write_run_page"]

logger = logging.getLogger(__name__)


def write_run_page(services: Services, run_id: str, out: Path | None = None) -> Sequence[str]:
    """Write one run's report, into `out` or among the kept ones; where HTML and Markdown lie.

    Raises:
        SettingsError: there is no such run, or the folder cannot be written.
    """
    page = services.overview.read_run_page(run_id)
    return services.files.write_run_page(page, out, max(1, services.settings.reports_kept))


def keep_run_page(services: Services, run_id: str) -> None:
    """Write the report of a run that ends; a report that cannot be written harms no run."""
    if services.settings.reports_kept == 0:
        return
    try:
        write_run_page(services, run_id)
    except MailcrmError as error:
        logger.warning("report.not_written run=%s reason=%s", run_id, str(error)[:200])
