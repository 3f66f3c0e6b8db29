"""The pages, one module each; ROUTERS is all that the application serves."""

from fastapi import APIRouter

from mailcrm_plugin.routes import (
    connect,
    files,
    mailbox,
    mailboxes,
    match,
    quarantine,
    reviews,
    runs,
    trail,
    widen,
)

__all__ = ["ROUTERS"]

ROUTERS: tuple[APIRouter, ...] = (
    files.router,
    connect.router,
    mailboxes.router,
    mailbox.router,
    widen.router,
    runs.router,
    quarantine.router,
    reviews.router,
    match.router,
    trail.router,
)
