"""The FastAPI application under /mailcrm: every route needs a login, files and 404s included."""

from fastapi import Depends, FastAPI, HTTPException
from fastapi.middleware import Middleware

from mailcrm_plugin.access import current_person
from mailcrm_plugin.failures import UnexpectedFailures, add_failure_pages
from mailcrm_plugin.forgery import check_origin
from mailcrm_plugin.headers import SecurityHeaders
from mailcrm_plugin.routes import ROUTERS

__all__ = ["build_app"]

_ALL_METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]


def build_app() -> FastAPI:
    """Build it; touches neither database nor network."""
    app = FastAPI(
        title="mailcrm",
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,
        dependencies=[Depends(current_person), Depends(check_origin)],
        middleware=[Middleware(SecurityHeaders), Middleware(UnexpectedFailures)],
    )
    add_failure_pages(app)
    for router in ROUTERS:
        app.include_router(router)
    # Last: an unknown path, or a known one with another method, is a 404 for those who are logged
    # in, and tells the others nothing.
    app.add_api_route("/{rest:path}", _nothing_here, methods=_ALL_METHODS)
    return app


def _nothing_here(rest: str) -> None:
    raise HTTPException(404, "There is no such page.")
