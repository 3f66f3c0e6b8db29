"""The document's walk through the pages, in a browser, inside a whole Airflow."""

import contextlib
import datetime as dt
import time
from collections.abc import Callable

import pytest

from mailcrm.records import Contact, ContactAddress
from servers.dovecot import DovecotServer
from servers.imap_user import Append
from servers.smtp_sink import SmtpSink
from ui.airflow_pages import AirflowPages
from ui.browsing import Tab

DAYS = 30
FIRST_DAYS = dt.timedelta(days=7)


def message(number: int, address: str, at: dt.datetime) -> Append:
    """A letter of a customer to the mailbox, as it arrived then."""
    text = (
        f"From: Ann Smith <ann@customer.example>\r\nTo: {address}\r\nSubject: Order {number}\r\n"
        f"Message-ID: <{number}.walk@customer.example>\r\n"
        f"Date: {at:%a, %d %b %Y %H:%M:%S} +0000\r\n\r\nHello number {number}\r\n"
    )
    return Append(text.encode(), at)


def reload_until(tab: Tab, is_there: Callable[[], bool], what: str) -> None:
    """Load the page again and again until it shows what Airflow is doing."""
    deadline = time.monotonic() + 180
    while not is_there():
        assert time.monotonic() < deadline, what
        with contextlib.suppress(Exception):
            tab.page.wait_for_timeout(700)
        tab.page.reload()


def fill_form(tab: Tab, address: str, dovecot: DovecotServer, sink: SmtpSink) -> None:
    """Address, both servers, and passwords that are wrong."""
    tab.page.fill("#address", address)
    tab.page.press("#address", "Tab")
    tab.page.wait_for_selector("#proposal .notice")
    tab.page.fill("#id", "walk")
    tab.page.fill("#display_name", "Acme Sales")
    sides = (("imap", dovecot.imap_port, address), ("smtp", sink.port, sink.username))
    for side, port, username in sides:
        tab.page.fill(f"#{side}_host", "127.0.0.1")
        tab.page.select_option(f"#{side}_encryption", "none")
        tab.page.fill(f"#{side}_port", str(port))
        tab.page.fill(f"#{side}_username", username)
        tab.page.fill(f"#{side}_password", "not-the-password")
    tab.page.click("text=When widening it needs")
    tab.page.fill("#over_days", "10")
    tab.page.select_option("#schedule", "")  # one run, not a scheduled one beside it


def connect(tab: Tab, address: str, dovecot: DovecotServer, sink: SmtpSink, first: int) -> None:
    """See wrong passwords, mend them, look at the first window, and connect."""
    tab.goto("/mailcrm/mailboxes")
    tab.page.click("text=Connect with IMAP/SMTP >> nth=0")
    tab.page.wait_for_url("**/connect")  # with its scripts
    fill_form(tab, address, dovecot, sink)
    tab.page.click("button[value=test]")
    tab.page.wait_for_selector("#answer .warn")
    for side in ("imap", "smtp"):
        assert "refused" in tab.page.inner_text(f"#{side}_trial")
        assert tab.page.get_attribute(f"#{side}_password", "aria-invalid") == "true"
        assert tab.page.get_attribute(f"#{side}_host", "aria-invalid") is None
    tab.shoot("connect-wrong-password")
    tab.page.fill("#imap_password", dovecot.password)
    tab.page.fill("#smtp_password", sink.password)
    tab.page.click("text=Show its folders")
    tab.page.wait_for_selector("#folders table")
    assert f"{first} messages" in tab.page.inner_text("#folders")
    tab.page.click("button[value=test]")
    tab.page.wait_for_selector("#answer .ok")
    tab.shoot("connect-both-work")
    assert tab.overflow() == 0
    tab.page.click("button[value=save]")
    tab.page.wait_for_url("**/mailboxes/walk?connected=1")


def first_sync(tab: Tab) -> None:
    """The DAG appears, and the first sync publishes the first window."""
    tab.page.wait_for_selector("text=ready, and paused in Airflow", timeout=60_000)
    tab.shoot("mailbox-connected")
    tab.page.click(".actions button.primary")
    tab.page.wait_for_selector("#approvals", state="attached")
    runs = tab.page.locator("#live table")
    reload_until(tab, lambda: "published" in "".join(runs.all_inner_texts()), "first sync")
    tab.shoot("mailbox-synced")
    tab.page.click("#live table a >> nth=0")
    tab.page.wait_for_selector("#certificate")
    assert "every message accounted for" in tab.page.inner_text("main")
    tab.shoot("run")
    assert tab.overflow() == 0


def check_contact(tab: Tab, first: int) -> None:
    """The messages are on the person whom they belong to, and the page says why."""
    tab.goto("/mailcrm/match/timeline?contact=W-1")
    lines = tab.page.locator("tbody tr")
    assert lines.count() == first
    assert "Order" in lines.first.inner_text()
    tab.shoot("contact-checked")
    lines.first.locator("a").click()
    assert "exact address" in tab.page.inner_text("main").replace("_", " ")


def replay_quarantine(tab: Tab) -> None:
    """What was held back is looked at and judged again."""
    tab.goto("/mailcrm/quarantine?mailbox=walk")
    assert "no_headers" in tab.page.inner_text("main")
    tab.page.locator("main table a").first.click()
    tab.page.get_by_role("button", name="Replay").click()
    assert "held again" in tab.page.get_by_role("status").first.inner_text()


def widen(tab: Tab, news: int) -> None:
    """Count a wider window, ask for it, sign it off, and see it read."""
    since = f"{dt.datetime.now(dt.UTC) - dt.timedelta(days=DAYS):%Y-%m-%d}"
    tab.goto("/mailcrm/mailboxes/walk")
    tab.page.fill("#w_since", since)
    tab.page.click("text=Count what it would read")
    tab.page.wait_for_selector("#preview table")
    assert f"{news} messages are new" in tab.page.inner_text("#preview")
    tab.shoot("mailbox-preview")
    tab.page.click("#preview button.primary")
    reload_until(tab, lambda: tab.page.locator(".approval").count() > 0, "the approval")
    assert "limit is 10" in tab.page.inner_text(".approval")
    tab.shoot("mailbox-approval")
    tab.page.fill(".approval input[name=reason]", "the first week looks right")
    tab.page.click("text=Sign off")
    tab.page.wait_for_load_state()
    done = f"published\n{news}"
    rows = tab.page.locator("#live")
    reload_until(tab, lambda: squeezed(done) in squeezed(rows.inner_text()), "the wider window")
    tab.shoot("mailbox-widened")


def wait_for_processor(pages: AirflowPages) -> None:
    """Until the DAG processor works: it has made the DAGs that belong to no mailbox."""
    deadline = time.monotonic() + 120
    with pages.client("ada") as client:
        while not client.get("/api/v2/dags").json()["total_entries"]:
            assert time.monotonic() < deadline, pages.log("dag-processor")[-2000:]
            time.sleep(0.5)


def squeezed(text: str) -> str:
    """Without the white space that layouts differ in."""
    return "".join(text.split())


@pytest.mark.slow
@pytest.mark.needs_dovecot
@pytest.mark.row("R216", "R218")
def test_walk_connect_mend_sync_and_widen(
    pages: AirflowPages, tab: Tab, dovecot: DovecotServer, sink: SmtpSink
) -> None:
    pages.start("scheduler", "dag-processor")
    wait_for_processor(pages)
    user = dovecot.new_user()
    now = dt.datetime.now(dt.UTC)
    days = [now - dt.timedelta(days=number, minutes=5) for number in range(DAYS)]
    today = now.replace(hour=0, minute=0, second=0, microsecond=0)
    first = sum(at >= today - FIRST_DAYS for at in days)
    letters = [message(number, user.name, at) for number, at in enumerate(days)]
    user.fill("INBOX", [*letters, Append(b"no header at all\r\n", days[0])])
    with pages.services() as services:
        address = ContactAddress("ann@customer.example", is_primary=True)
        ann = Contact("W-1", "Ann Smith", "Customer", "customer.example", (address,))
        services.contacts.upsert_contacts([ann], services.clock.now())
    connect(tab, user.name, dovecot, sink, first + 1)
    first_sync(tab)
    check_contact(tab, first)
    replay_quarantine(tab)
    widen(tab, DAYS - first)
    for path in ("/mailcrm/mailboxes", "/mailcrm/mailboxes/walk", "/mailcrm/connect"):
        tab.goto(path)
        assert tab.overflow() == 0, path
    tab.goto("/mailcrm/mailboxes")
    tab.shoot("mailboxes")


def test_pages_inside_airflow_take_over_its_theme_and_lead_back(
    pages: AirflowPages, tab: Tab
) -> None:
    tab.page.emulate_media(color_scheme="dark")
    tab.goto("/plugin/mailboxes")
    frame = tab.page.frame_locator("iframe")
    frame.get_by_role("heading", name="Mailboxes").first.wait_for(timeout=60_000)
    inner = tab.page.main_frame.child_frames[0]
    assert inner.evaluate("document.documentElement.dataset.theme") == "dark"
    tab.shoot("inside-airflow")
