"""The version of all checks."""

__all__ = ["CHECKS_VERSION"]

CHECKS_VERSION = "2026.1"
"""Raise it when a rule is added, dropped or changed: runs and quarantine say which one judged."""
