"""The run report: what it shows, that nothing gets in, and which ones are kept."""

import dataclasses
import datetime as dt
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from fakes.mail_reader import FakeMailbox, FakeMessage
from faults.world import NOW, letter, make_services, prepare
from mailcrm.adapters.files_store import FolderStore
from mailcrm.adapters.run_page import render_html, render_markdown, write_run_page
from mailcrm.check import SUITE
from mailcrm.errors import SettingsError
from mailcrm.records import CheckResult
from mailcrm.records.report import HeldReason, RunPage
from mailcrm.services.report import write_run_page as write_report
from mailcrm.services.run import run_mailbox

MOMENT = NOW - dt.timedelta(days=2)
HOSTILE = "<script>alert(1)</script><img src=//evil.example>"
COUNTS = (
    "listed published duplicate excluded quarantined vanished unavailable pending already_covered"
)
PAGE = RunPage(
    run_id=f"sales/manual {HOSTILE}",
    mailbox_id="sales",
    batch_id="0123456789abcdef",
    kind="sync",
    state="held",
    window_since=NOW - dt.timedelta(days=7),
    window_until=NOW,
    started_at=NOW,
    finished_at=None,
    folders=(
        {"folder": HOSTILE, "generation": 1, "uidvalidity": 7, "balanced": False}
        | dict.fromkeys(COUNTS.split(), 3),
    ),
    decisions={"matched": 3},
    checks=(
        CheckResult("good_check", "schema", "batch", True, "0 of messages", "none"),
        CheckResult("bad_check", "balance", "batch", False, HOSTILE, "none"),
        CheckResult("odd_check", "drift", "warning", False, "9 %", "10 % to 30 %"),
    ),
    history={"good_check": (True, False, True)},
    quarantine=(HeldReason("sender_missing", HOSTILE, "held", 2),),
    problems=(f"folder {HOSTILE}",),
    notes=("odd | server",),
    versions={"parser": "1"},
    released_by=None,
    release_reason=None,
)


class Reader(HTMLParser):
    """The page's elements and their attributes, and its texts."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def test_page_needs_nothing_from_outside_and_runs_nothing() -> None:
    page = Reader(render_html(PAGE))
    tags = {tag for tag, _ in page.elements}
    assert not tags & {"script", "img", "link", "iframe", "object", "form", "a", "base"}
    attributes = {name for _, attrs in page.elements for name in attrs}
    assert not {name for name in attributes if name.startswith("on")}
    assert not attributes & {"src", "href", "style", "srcset"}
    policy = next(
        attrs["content"]
        for tag, attrs in page.elements
        if tag == "meta" and attrs.get("http-equiv") == "Content-Security-Policy"
    )
    assert policy is not None
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert "unsafe" not in policy


@pytest.mark.row("R109")
def test_page_text_from_servers_stays_text() -> None:
    assert "<script" not in render_html(PAGE)
    assert HOSTILE in "".join(Reader(render_html(PAGE)).texts)
    assert "<script" not in render_markdown(PAGE)


def test_page_shows_checks_with_group_limit_and_history() -> None:
    text = " ".join(Reader(render_html(PAGE)).texts)
    for shown in ("held", "good check", "schema", "10 % to 30 %", "warning", "failed", "NO"):
        assert shown in text
    assert "2 of 3 earlier runs passed" in render_html(PAGE)


def test_markdown_is_short_and_names_what_failed() -> None:
    text = render_markdown(PAGE)
    assert len(text.splitlines()) < 20
    assert re.search(r"failed: bad\\_check", text)
    assert "does NOT balance" in text


def test_reports_latest_are_kept(tmp_path: Path) -> None:
    for hour in range(5):
        page = dataclasses.replace(PAGE, started_at=NOW + dt.timedelta(hours=hour))
        path, _ = write_run_page(FolderStore(tmp_path), "sales", page, 2)
    assert Path(path).read_text().startswith("<!doctype html>")
    kept = sorted(file.name for file in (tmp_path / "sales").iterdir())
    assert [name.partition("-")[0] for name in kept] == [
        f"20261120T{hour}0000000000" for hour in (15, 15, 16, 16)
    ]
    (tmp_path / "file").write_text("")
    with pytest.raises(SettingsError, match="cannot write"):
        write_run_page(FolderStore(tmp_path / "file"), "sales", PAGE, None)


def test_report_of_real_runs_is_written_when_they_end(database_url: str, tmp_path: Path) -> None:
    prepare(database_url)
    mailbox = FakeMailbox()
    services, engine = make_services(database_url, mailbox, home=tmp_path, reports_kept=5)
    ids = []
    for number in range(2):
        for name, sender in (("good", "ada@customer.example"), ("bad", "")):
            raw = letter(f"{name}{number}", MOMENT, sender=sender, body=f"Secret Zebra {number}")
            mailbox.folders["INBOX"].add(FakeMessage(raw, MOMENT))
        ids.append(run_mailbox(services, "sales").run_id)
    pages = sorted((tmp_path / "reports" / "sales").glob("*.html"))
    assert len(pages) == 2
    text = " ".join(Reader(pages[1].read_text()).texts)
    for rule in SUITE:
        assert rule.name.replace("_", " ") in text
    assert "sender_missing" in text
    assert "Zebra" not in text
    assert "1 of 1 earlier runs passed" in pages[1].read_text()
    again = Path(write_report(services, ids[0], tmp_path / "out")[0])
    assert again.parent == tmp_path / "out"
    assert again.read_text() == pages[0].read_text()
    with pytest.raises(SettingsError, match="there is no run"):
        write_report(services, "nobody", tmp_path)
    engine.dispose()


def test_report_that_cannot_be_written_harms_no_run(sqlite_url: str, tmp_path: Path) -> None:
    prepare(sqlite_url)
    mailbox = FakeMailbox()
    mailbox.folders["INBOX"].add(FakeMessage(letter("good", MOMENT), MOMENT))
    (tmp_path / "reports").write_text("in the way")
    services, engine = make_services(sqlite_url, mailbox, home=tmp_path, reports_kept=5)
    report = run_mailbox(services, "sales")
    assert report.is_published
    engine.dispose()


@pytest.mark.parametrize("render", [render_html, render_markdown])
def test_report_of_a_held_run_says_first_what_failed_and_what_to_do(render: Any) -> None:
    text = render(PAGE).replace("\\_", "_")
    assert "mailcrm batch release 0123456789abcdef --reason TEXT" in text
    assert "mailcrm run sales" in text
    assert "mailcrm batch release" not in render(dataclasses.replace(PAGE, state="published"))
    incomplete = render(dataclasses.replace(PAGE, state="incomplete"))
    assert "quarantine list --mailbox sales" in incomplete


def test_report_names_failed_checks_before_the_certificate() -> None:
    page = render_html(PAGE)
    assert page.index("<h2>Failed</h2>") < page.index("bad check: ") < page.index("Certificate")
    assert "<h2>Failed</h2>" not in render_html(dataclasses.replace(PAGE, checks=()))
