"""Run reports as files: one HTML and one Markdown file each, the oldest dropped."""

from collections.abc import Sequence

from mailcrm.adapters.files_store import FileStore
from mailcrm.adapters.run_page.html import render_html
from mailcrm.adapters.run_page.markdown import render_markdown
from mailcrm.records.report import RunPage

__all__ = ["write_run_page"]


def write_run_page(store: FileStore, folder: str, page: RunPage, keep: int | None) -> Sequence[str]:
    """Write both forms, each whole or not at all; where they lie.

    Args:
        store: Where; a folder, or what all machines share.
        folder: Below it; empty for the store itself.
        page: The report.
        keep: How many runs' reports stay in the folder, None for all.

    Raises:
        SettingsError: the store cannot be written.
    """
    stem = f"{folder}/{page.file_stem}".lstrip("/")
    forms = ((".html", render_html(page)), (".md", render_markdown(page)))
    places = [
        store.write(f"{stem}{suffix}", text.encode("utf-8", errors="backslashreplace"))
        for suffix, text in forms
    ]
    if keep is not None:
        _drop_oldest(store, folder, keep)
    return places


def _drop_oldest(store: FileStore, folder: str, keep: int) -> None:
    """Names begin with the run's start, so they sort by age."""
    pages = [name for name in store.list_names(folder) if name.endswith(".html")]
    for page in pages[:-keep]:
        store.delete(page)
        store.delete(f"{page.removesuffix('.html')}.md")
