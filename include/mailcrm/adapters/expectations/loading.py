"""Importing Great Expectations: late, quietly, without its analytics, and in the background.

The import takes about three seconds, so a service may start it while it waits for something else.
"""

import importlib
import logging
import os
import threading
from typing import Any

__all__ = ["load_library", "start_import"]

logger = logging.getLogger(__name__)
_LIBRARY = "great_expectations"
_LOUD = (_LIBRARY, f"{_LIBRARY}.data_context.types.base")


def load_library() -> Any:
    """Import the library, or wait for the import that is under way."""
    _silence()
    # Read at import: the library would report its use to its vendor otherwise.
    os.environ["GX_ANALYTICS_ENABLED"] = "false"
    library = importlib.import_module(_LIBRARY)
    _silence()
    return library


def _silence() -> None:
    """Its errors come back in the results; its logs repeat them with statements and traces."""
    for name in _LOUD:
        logging.getLogger(name).setLevel(logging.CRITICAL)


def start_import() -> threading.Thread:
    """Begin the import in a thread that never outlives the process; join it or do not."""
    thread = threading.Thread(target=_import_quietly, name="import-expectations", daemon=True)
    thread.start()
    return thread


def _import_quietly() -> None:
    try:
        load_library()
    except ImportError as error:
        # The gate imports it again, and fails where somebody sees it.
        logger.warning("expectations.import_failed error=%s", type(error).__name__)
