"""What people see when something fails: one line and an id, never a trace."""

import logging
import traceback
import uuid

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException as StarletteHTTPException
from starlette.responses import HTMLResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mailcrm.errors import (
    CredentialError,
    MailcrmError,
    PermanentError,
    TransientError,
    UnknownMailboxError,
)
from mailcrm_plugin.rendering import render

__all__ = ["UnexpectedFailures", "add_failure_pages"]

logger = logging.getLogger(__name__)
_TITLES = {
    400: "That does not fit",
    401: "Log in first",
    403: "Not allowed",
    404: "Not found",
    413: "Too large",
    422: "That does not fit",
    500: "Something went wrong",
    503: "Not available right now",
}
_LOGIN = "Log in to Airflow, then open this page again."


def add_failure_pages(app: FastAPI) -> None:
    """Make every failure a page, apart from those of `UnexpectedFailures`."""
    app.add_exception_handler(StarletteHTTPException, _http)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(MailcrmError, _ours)


class UnexpectedFailures:
    """A page for what nobody foresaw; inside of the other middleware, which adds its headers.

    FastAPI's own handler for these sits outside of all middleware, and hands the error on to the
    server, which would write its text to the log.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on; where that fails, answer unless an answer has begun."""
        has_begun = False

        async def send_noting(message: Message) -> None:
            nonlocal has_begun
            has_begun = True
            await send(message)

        try:
            await self._app(scope, receive, send_noting)
        except Exception as error:  # logged without its text
            answer = _unexpected(Request(scope), error)
            if not has_begun:
                await answer(scope, receive, send)


def failure(request: Request, status: int, text: str, error_id: str | None = None) -> HTMLResponse:
    """A page, or for htmx only its part."""
    is_part = request.headers.get("hx-request") == "true"
    name = "failure_part.html" if is_part else "failure.html"
    title = _TITLES.get(status, "Something went wrong")
    html = render(name, title=title, text=text, error_id=error_id, status=status)
    return HTMLResponse(html, status)


def _http(request: Request, error: Exception) -> HTMLResponse:
    status = error.status_code if isinstance(error, StarletteHTTPException) else 500
    text = _LOGIN if status == 401 else str(getattr(error, "detail", ""))
    return failure(request, status, text)


def _invalid(request: Request, error: Exception) -> HTMLResponse:
    names: list[str] = []
    if isinstance(error, RequestValidationError):
        names = [str(fault["loc"][-1]) for fault in error.errors()]
    text = f"These fields are missing or wrong: {', '.join(dict.fromkeys(names))[:200]}."
    return failure(request, 422, text)


def _ours(request: Request, error: Exception) -> HTMLResponse:
    if isinstance(error, UnknownMailboxError):
        return failure(request, 404, "There is no such mailbox, or it is not yours to see.")
    if isinstance(error, TransientError):
        status = 503
    elif isinstance(error, (PermanentError, CredentialError)):
        status = 422
    else:
        return _unexpected(request, error)
    logger.info("pages.request_refused status=%d error=%s", status, type(error).__name__)
    return failure(request, status, str(error))


def _unexpected(request: Request, error: Exception) -> HTMLResponse:
    """Where it happened goes to the log; its text does not, as it may hold a mail or a secret."""
    error_id = uuid.uuid4().hex[:12]
    frames = traceback.extract_tb(error.__traceback__)[-8:]
    place = " < ".join(f"{frame.name}:{frame.lineno}" for frame in reversed(frames))
    logger.error(
        "pages.request_failed id=%s method=%s error=%s at=%s",
        error_id,
        request.method,
        type(error).__name__,
        place,
    )
    text = "It was written to the log of the API server under this id."
    return failure(request, 500, text, error_id)
