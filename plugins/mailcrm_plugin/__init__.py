"""The pages inside the Airflow UI.

Airflow imports plugins in every component, also where no page is ever served: so this module
brings in nothing, and `LazyPages` builds the pages with the first request.
"""

import functools
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

__all__ = ["LazyPages"]


class LazyPages:
    """An ASGI application that is built when it is first asked; it opens no database by itself."""

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        """Hand the request on; where the pages cannot be built, nothing is served."""
        await _pages()(scope, receive, send)


@functools.cache
def _pages() -> "ASGIApp":
    from mailcrm_plugin.app import build_app

    return build_app()
