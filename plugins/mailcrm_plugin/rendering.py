"""Templates: everything is escaped, moments are shown in the viewer's zone."""

import datetime as dt
import functools
import hashlib
from pathlib import Path
from typing import Any

from fastapi import Request
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape
from starlette.responses import HTMLResponse

from mailcrm_plugin.access import Person, Role
from mailcrm_plugin.forgery import FIELD, make_token
from mailcrm_plugin.paths import ROOT

__all__ = ["STATIC", "page", "part", "render"]

_HERE = Path(__file__).parent
STATIC = _HERE / "static"


def page(
    request: Request, person: Person, name: str, *, status: int = 200, **values: Any
) -> HTMLResponse:
    """A template as an answer.

    It finds `person`, `role` (apart from any mailbox), `forgery_token`, `path` and `Role` beside
    the values.
    """
    html = render(
        name,
        person=person,
        role=person.role(),
        forgery_token=make_token(person),
        path=request.url.path,
        **values,
    )
    return HTMLResponse(html, status)


# The same word for a part of a page, which htmx puts in its place.
part = page


def render(name: str, **values: Any) -> str:
    """A template with these values only."""
    return _environment().get_template(name).render(**values)


@functools.cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(moment=moment, day=day, size=size, count=count, span=span)
    environment.globals.update(
        root=ROOT, static=static_url, Role=Role, FORGERY_FIELD=FIELD, forgery_field=forgery_field
    )
    return environment


def forgery_field(token: str) -> Markup:
    """The hidden field of a form that changes something."""
    return Markup('<input type="hidden" name="{}" value="{}">').format(FIELD, token)


def moment(value: dt.datetime | str | None, otherwise: str = "never") -> Markup:
    """A time that the page's script shows in the viewer's zone; UTC without it, and on hover."""
    if value is None:
        return escape(otherwise)
    if isinstance(value, str):
        value = dt.datetime.fromisoformat(value)
    value = value.astimezone(dt.UTC)
    utc = f"{value:%Y-%m-%d %H:%M} UTC"
    return Markup('<time datetime="{}" title="{}">{}</time>').format(
        f"{value:%Y-%m-%dT%H:%M:%SZ}", f"{value:%Y-%m-%d %H:%M:%S} UTC", utc
    )


def day(value: dt.datetime | dt.date | None) -> str:
    """A UTC date."""
    return "" if value is None else f"{value:%Y-%m-%d}"


def count(value: int | None) -> str:
    """A number with thin groups of thousands."""
    return "-" if value is None else f"{value:,}"


def size(value: int | None) -> str:
    """Bytes as people read them."""
    number = float(value or 0)
    for unit in ("B", "kB", "MB", "GB"):
        if number < 1000 or unit == "GB":
            return f"{number:.0f} {unit}" if unit == "B" else f"{number:.1f} {unit}"
        number /= 1000
    return ""


def span(seconds: float | None) -> str:
    """A span of time as people read it."""
    if seconds is None:
        return "-"
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h" if seconds < 172_800 else f"{seconds / 86_400:.0f} days"


@functools.cache
def static_url(name: str) -> str:
    """Path of one of our files, with its version."""
    digest = hashlib.sha256((STATIC / name).read_bytes()).hexdigest()[:12]
    return f"{ROOT}/static/{name}?v={digest}"
