"""The pages, one module each; ROUTERS is all that the application serves."""

from fastapi import APIRouter

from mailcrm_plugin.routes import files, mailboxes, quarantine

__all__ = ["ROUTERS"]

ROUTERS: tuple[APIRouter, ...] = (files.router, mailboxes.router, quarantine.router)
