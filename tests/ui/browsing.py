"""Headless Chromium over the pages; whatever it asks of other hosts is noted."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from playwright.sync_api import Browser, BrowserContext, Dialog, Page, Request, sync_playwright

from ui.airflow_pages import AirflowPages

__all__ = ["Tab", "open_browser", "open_tab"]

WIDE, NARROW = 1280, 390
Theme = Literal["light", "dark"]


@dataclass
class Tab:
    """One person's tab. `outside` are requests to other hosts, `dialogs` what scripts opened."""

    page: Page
    context: BrowserContext
    base: str
    outside: list[str] = field(default_factory=list)
    dialogs: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def goto(self, path: str) -> None:
        """Open a page of ours by its path."""
        self.page.goto(f"{self.base}{path}", wait_until="load")

    def shoot(self, name: str) -> None:
        """Write screenshots at both widths and in both themes, where a folder is named."""
        folder = os.environ.get("MAILCRM_SCREENSHOTS")
        if not folder:
            return
        Path(folder).mkdir(parents=True, exist_ok=True)
        themes: tuple[Theme, ...] = ("light", "dark")
        for theme in themes:
            self.page.emulate_media(color_scheme=theme)
            for width in (WIDE, NARROW):
                self.page.set_viewport_size({"width": width, "height": 900})
                path = Path(folder) / f"{name}-{theme}-{width}.png"
                self.page.screenshot(path=path, full_page=True)
        self.page.emulate_media(color_scheme="light")
        self.page.set_viewport_size({"width": WIDE, "height": 900})

    def overflow(self) -> int:
        """By how many pixels the page is wider than the window, at the worse of both widths."""
        shape = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        found = []
        for width in (NARROW, WIDE):
            self.page.set_viewport_size({"width": width, "height": 900})
            found.append(int(self.page.evaluate(shape)))
        return max(found)


@contextmanager
def open_browser(executable: str) -> Iterator[Browser]:
    """Debian's Chromium, without a screen."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=executable,
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
        )
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def open_tab(
    browser: Browser, pages: AirflowPages, user: str, width: int = WIDE, zone: str = "Europe/Berlin"
) -> Iterator[Tab]:
    """A tab of a person who is logged in."""
    context = browser.new_context(
        viewport={"width": width, "height": 900}, timezone_id=zone, locale="en-GB"
    )
    context.add_cookies([{"name": "_token", "value": pages.token(user), "url": pages.url}])
    tab = Tab(context.new_page(), context, pages.url)

    def note_request(request: Request) -> None:
        if not request.url.startswith((pages.url, "data:", "blob:", "about:")):
            tab.outside.append(request.url)

    def note_dialog(dialog: Dialog) -> None:
        tab.dialogs.append(dialog.message)
        dialog.dismiss()

    context.on("request", note_request)
    tab.page.on("dialog", note_dialog)
    tab.page.on("pageerror", lambda error: tab.problems.append(str(error)))
    try:
        yield tab
    finally:
        context.close()
