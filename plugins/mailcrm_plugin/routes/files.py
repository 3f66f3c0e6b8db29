"""Styles and scripts, all served from here."""

import functools

from fastapi import APIRouter, HTTPException
from starlette.responses import Response

from mailcrm_plugin.rendering import STATIC

__all__ = ["router"]

router = APIRouter()
_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
}


@router.get("/static/{name}")
def serve_file(name: str) -> Response:
    """One of our own files; its address changes with its content."""
    found = _files().get(name)
    if found is None:
        raise HTTPException(404, "There is no such file.")
    content, media_type = found
    return Response(
        content, media_type=media_type, headers={"Cache-Control": "private, max-age=86400"}
    )


@functools.cache
def _files() -> dict[str, tuple[bytes, str]]:
    paths = [path for path in STATIC.iterdir() if path.suffix in _TYPES]
    return {path.name: (path.read_bytes(), _TYPES[path.suffix]) for path in paths}
