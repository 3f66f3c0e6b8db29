"""The pages in a real Airflow, and a headless browser to look at them."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from servers.dovecot import DovecotServer
from servers.smtp_sink import SmtpSink, run_smtp_sink
from ui.airflow_pages import AirflowPages, run_airflow_pages
from ui.browsing import Tab, open_browser, open_tab


@pytest.fixture(scope="session")
def sink() -> Iterator[SmtpSink]:
    """An SMTP server for the session; its login is `sink.username` and `sink.password`."""
    with run_smtp_sink() as found:
        yield found


@pytest.fixture(scope="session")
def pages(
    tmp_path_factory: pytest.TempPathFactory, dovecot: DovecotServer, sink: SmtpSink
) -> Iterator[AirflowPages]:
    """One API server with the pages per test session (per worker); both servers may be typed."""
    home = Path(tmp_path_factory.mktemp("pages"))
    allowed = (f"127.0.0.1:{dovecot.imap_port}", f"127.0.0.1:{sink.port}")
    with run_airflow_pages(home, allowed) as found:
        yield found


@pytest.fixture(scope="session")
def chromium() -> str:
    """Path of Debian's Chromium."""
    found = shutil.which("chromium")
    if found is None:
        pytest.skip("not installed: chromium")
    return found


@pytest.fixture(scope="session")
def browser(chromium: str) -> Iterator[Browser]:
    """One headless Chromium per test session (per worker)."""
    with open_browser(chromium) as found:
        yield found


@pytest.fixture
def tab(browser: Browser, pages: AirflowPages) -> Iterator[Tab]:
    """An administrator's tab; at the end nothing may have been asked of another host."""
    with open_tab(browser, pages, "ada") as found:
        yield found
        assert not found.outside
        assert not found.dialogs
        assert not found.problems
