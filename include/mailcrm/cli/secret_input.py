"""Where a command takes a secret from: a variable, a prompt or stdin; never the command line."""

import os
import sys

import typer

__all__ = ["read_secret"]

_MAX_CHARS = 65_536


def read_secret(context: typer.Context, variable: str | None, prompt: str) -> str:
    """One line, without its line end.

    Args:
        context: Of the running command, for usage errors.
        variable: Name of an environment variable; None prompts (unseen) on a terminal, and reads
            the first line of stdin where there is none.
        prompt: What to ask on a terminal.

    Raises:
        typer.BadParameter: it is missing or empty.
    """
    if variable is not None:
        secret = os.environ.get(variable, "")
        problem = f"the variable {variable[:60]} is not set, or empty"
    elif sys.stdin is not None and sys.stdin.isatty():
        secret = typer.prompt(prompt, hide_input=True, err=True, default="", show_default=False)
        problem = "an empty secret was given"
    else:
        secret = sys.stdin.readline(_MAX_CHARS).rstrip("\r\n") if sys.stdin is not None else ""
        problem = "stdin holds no secret: pipe it in, or use --secret-env"
    if not secret:
        raise typer.BadParameter(problem, ctx=context, param_hint="'--secret-env'")
    return secret
