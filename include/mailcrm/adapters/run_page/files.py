"""Run reports on the local disk: one HTML and one Markdown file each, the oldest dropped."""

import contextlib
import os
from pathlib import Path

from mailcrm.adapters.run_page.html import render_html
from mailcrm.adapters.run_page.markdown import render_markdown
from mailcrm.errors import SettingsError
from mailcrm.records.report import RunPage

__all__ = ["run_page_path", "write_run_page"]


def run_page_path(folder: Path, page: RunPage) -> Path:
    """Where the HTML form lies below a folder of reports."""
    return folder / f"{page.file_stem}.html"


def write_run_page(folder: Path, page: RunPage, keep: int | None) -> Path:
    """Write both forms, whole or not at all; the HTML form's path.

    `keep` is how many runs' reports stay in the folder, None for all.

    Raises:
        SettingsError: the folder cannot be written.
    """
    path = run_page_path(folder, page)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for target, text in (
            (path, render_html(page)),
            (path.with_suffix(".md"), render_markdown(page)),
        ):
            _replace(target, text)
        if keep is not None:
            _drop_oldest(folder, keep)
    except OSError as error:
        problem = f"cannot write the report: {error.strerror}"
        raise SettingsError(where=str(folder), problem=problem) from None
    return path


def _replace(path: Path, text: str) -> None:
    waiting = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        waiting.write_text(text, encoding="utf-8", errors="backslashreplace")
        waiting.replace(path)
    finally:
        with contextlib.suppress(OSError):
            waiting.unlink(missing_ok=True)


def _drop_oldest(folder: Path, keep: int) -> None:
    """Names begin with the run's start, so they sort by age."""
    for old in sorted(folder.glob("*.html"))[:-keep]:
        old.unlink(missing_ok=True)
        old.with_suffix(".md").unlink(missing_ok=True)
