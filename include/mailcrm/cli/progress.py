"""How far a run is: a bar on a terminal, plain lines elsewhere, always on stderr."""

import contextlib
import sys
from collections.abc import Callable, Iterator

__all__ = ["Progress", "follow"]

# What a service reports while it works: the step's name, and messages done of how many.
Progress = Callable[[str, int, int], None]


@contextlib.contextmanager
def follow(*, quiet: bool) -> Iterator[Progress | None]:
    """Show progress while the block runs; None where nothing is to be shown.

    On a terminal one bar per step; without one a line when a step begins and ends.
    """
    if quiet:
        yield None
    elif sys.stderr.isatty():
        with _bars() as progress:
            yield progress
    else:
        yield _lines()


@contextlib.contextmanager
def _bars() -> Iterator[Progress]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bars

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Bars(*columns, console=Console(file=sys.stderr, markup=False)) as bars:
        tasks: dict[str, int] = {}

        def report(step: str, done: int, total: int) -> None:
            if step not in tasks:
                tasks[step] = int(bars.add_task(step, total=total))
            bars.update(tasks[step], completed=done, total=total)  # type: ignore[arg-type]

        yield report


def _lines() -> Progress:
    last: dict[str, int] = {}

    def report(step: str, done: int, total: int) -> None:
        if step in last and done < total:
            return
        if last.get(step) != done:
            last[step] = done
            sys.stderr.write(f"{step}: {done} of {total}\n")

    return report
