"""The audit trail: every change that a person asks for on a page is written down first."""

import contextlib
import dataclasses
from collections.abc import Iterator

from mailcrm.records.trail import Deed, Outcome
from mailcrm.services.pages_wiring import PageServices

__all__ = ["recorded"]


@contextlib.contextmanager
def recorded(pages: PageServices, deed: Deed) -> Iterator[None]:
    """Write a deed down, then do it; where it fails, write that down too.

    First, so that nothing is done of which nothing is known: what a crash cuts short shows as
    asked for.
    """
    pages.trail.write_deed(deed, pages.clock.now())
    try:
        yield
    except BaseException as error:
        detail = {**deed.detail, "error": type(error).__name__}
        failed = dataclasses.replace(deed, outcome=Outcome.FAILED, detail=detail)
        pages.trail.write_deed(failed, pages.clock.now())
        raise
