"""Staging: the rows of the batch that is being made, in tables that no analyst reads."""

from mailcrm.adapters.staging.tables import StagingTables

__all__ = ["StagingTables"]
