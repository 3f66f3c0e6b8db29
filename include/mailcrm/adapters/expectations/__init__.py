"""The gate's checks, carried out by Great Expectations."""

from mailcrm.adapters.expectations.gate import GxGate
from mailcrm.adapters.expectations.loading import start_import

__all__ = ["GxGate", "start_import"]
