"""The version of everything that turns bytes into a record."""

__all__ = ["PARSER_VERSION"]

PARSER_VERSION = "2026.1"
"""Raise it when the same bytes may give another record; quarantine names the one that failed."""
