"""The `mailcrm` command: thin, over `mailcrm.services`.

Every command returns a `Reply`; `mailcrm.cli.output` is the one place that prints it, as text or
as one JSON document, and that turns errors into one line and an exit code. Whatever is heavy
(database, checks, servers) is imported inside the command that needs it.
"""

import sys
from collections.abc import Sequence

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command line.

    Args:
        arguments: Without the program's name; None takes those of the process.

    Returns:
        The exit code: 0 fine, 1 failed, 2 usage.
    """
    from mailcrm.cli.app import app
    from mailcrm.cli.output import run_app

    return run_app(app, list(sys.argv[1:] if arguments is None else arguments))
