"""Quarantine: messages held back, with rule, reason and raw bytes, one row per location."""

from mailcrm.adapters.quarantine.tables import (
    quarantine_rows,
    resolve_quarantine,
    write_quarantine,
)

__all__ = ["quarantine_rows", "resolve_quarantine", "write_quarantine"]
