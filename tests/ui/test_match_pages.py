"""Judging matches in the browser: the queue by keyboard, why, timelines, rates, a rematch."""

import datetime as dt
from collections.abc import Iterator

import pytest
from playwright.sync_api import expect
from sqlalchemy import text

from faults.world import letter
from mailcrm.adapters.crm_database.engine import make_engine, reading
from mailcrm.records import Contact, ContactAddress
from ui.airflow_pages import AirflowPages
from ui.browsing import Tab
from ui.syncing import sync

NOW = dt.datetime.now(dt.UTC)
PAYLOAD = "<img src=x onerror=alert(1)>"
CONTACTS = tuple(
    Contact(id_, name, company, domain, (ContactAddress(address, is_primary=True),))
    for id_, name, company, domain, address in (
        ("P-1", "Grace Hopper", "Navy", "navy.example", "grace@navy.example"),
        ("P-2", f"Edsger {PAYLOAD}", "Nuenen", "nuenen.example", "edsger@nuenen.example"),
        ("P-3", "Barbara Liskov", "MIT", "mit.example", "barbara@mit.example"),
    )
)
LETTERS = (
    ("known", "Grace Hopper <grace@navy.example>"),
    ("at-home", "Grace Hopper <grace.h@home.example>"),
    ("elsewhere", "Barbara Liskov <bl@elsewhere.example>"),
    ("stranger", f'"{PAYLOAD}" <nobody@stranger.example>'),
)


def mail() -> Iterator[bytes]:
    for name, sender in LETTERS:
        yield letter(
            name, NOW, sender=sender, subject=f"{name} {PAYLOAD}", body=f"{name} {PAYLOAD}"
        )


@pytest.fixture(scope="module")
def judged(pages: AirflowPages) -> str:
    """A mailbox with a link, two cases for a person, and a stranger."""
    assert sync(pages, "judged", mail(), CONTACTS).failure is None
    return "judged"


def links(pages: AirflowPages) -> dict[str, tuple[str, str]]:
    """Contact and decider of each linked message, by the first word of its subject."""
    engine = make_engine(pages.settings().database())
    statement = text(
        "SELECT m.subject, c.contact_id, c.decided_by FROM crm_message_contacts c"
        " JOIN crm_messages m ON m.message_key = c.message_key WHERE c.contact_id LIKE 'P-%'"
    )
    with reading(engine) as connection:
        found = {row[0].split()[0]: (row[1], row[2]) for row in connection.execute(statement)}
    engine.dispose()
    return found


def message_key(pages: AirflowPages, word: str) -> str:
    """The message whose subject begins with this word."""
    engine = make_engine(pages.settings().database())
    statement = text("SELECT message_key FROM crm_messages WHERE subject LIKE :start")
    with reading(engine) as connection:
        (key,) = connection.execute(statement, {"start": f"{word} %"}).scalars()
    engine.dispose()
    return str(key)


@pytest.mark.row("R187", "R188")
def test_queue_is_judged_undone_and_assigned_by_keyboard(
    pages: AirflowPages, tab: Tab, judged: str
) -> None:
    tab.goto(f"/mailcrm/reviews?mailbox={judged}")
    cases = tab.page.locator("[data-case]")
    expect(cases).to_have_count(2)
    tab.shoot("reviews")
    assert tab.overflow() == 0
    first = cases.nth(0).inner_text()
    name = "at-home" if "at-home" in first else "elsewhere"
    tab.page.keyboard.press("a")
    expect(tab.page.locator("[data-done]")).to_have_count(1)
    assert links(pages)[name][1] == "ada"
    tab.page.keyboard.press("u")
    expect(tab.page.locator("[data-done]")).to_have_count(0)
    assert name not in links(pages)
    tab.page.keyboard.press("s")
    tab.page.keyboard.type("Nuenen")
    expect(cases.nth(0).locator("input[value='P-2']")).to_be_checked()
    tab.page.keyboard.press("Escape")
    tab.page.keyboard.press("g")
    expect(tab.page.locator("[data-done]")).to_have_count(1)
    assert links(pages)[name] == ("P-2", "ada")
    tab.shoot("reviews_done")
    tab.page.keyboard.press("j")
    tab.page.keyboard.press("n")
    expect(tab.page.locator("[data-done]")).to_have_count(2)
    assert set(links(pages)) == {"known", name}


def test_queue_keys_pressed_as_fast_as_the_page_answers_are_not_lost(
    pages: AirflowPages, tab: Tab, judged: str
) -> None:
    tab.goto(f"/mailcrm/match/why/{message_key(pages, 'known')}?contact=P-1")
    address = tab.page.url
    for _ in range(10):
        tab.page.keyboard.press("a")
        expect(tab.page.locator("[data-done]")).to_have_count(1)
        assert links(pages)["known"] == ("P-1", "ada")
        tab.page.keyboard.press("u")
        expect(tab.page.locator("[data-done]")).to_have_count(0)
        assert links(pages)["known"] == ("P-1", "rules")
    assert tab.page.url == address


@pytest.mark.row("R187")
def test_timeline_leads_to_the_evidence_and_the_text(tab: Tab, judged: str) -> None:
    tab.goto("/mailcrm/match/timeline?contact=P-1")
    assert PAYLOAD in tab.page.locator("td", has_text="known").first.inner_text()
    tab.shoot("timeline")
    assert tab.overflow() == 0
    tab.page.get_by_role("link", name="exact address").first.click()
    assert PAYLOAD in tab.page.locator("pre").inner_text()
    assert tab.page.locator(".waterfall tbody tr").count() >= 2
    assert not tab.page.locator("main img").count()
    tab.shoot("why")
    assert tab.overflow() == 0


def test_match_quality_shows_rates_charts_and_strangers(
    pages: AirflowPages, tab: Tab, judged: str
) -> None:
    tab.goto(f"/mailcrm/match?mailbox={judged}")
    expect(tab.page.locator("#counts")).to_contain_text("nobody@stranger.example")
    for theme in ("dark", "light"):
        tab.page.emulate_media(color_scheme=theme)
        for image in tab.page.locator(f".only-{theme}").all():
            image.scroll_into_view_if_needed()
            expect(image).to_have_js_property("complete", value=True)
            assert image.evaluate("image => image.naturalWidth") > 0
    tab.shoot("match")
    assert tab.overflow() == 0
    tab.page.get_by_role("button", name="Rematch").click()
    assert "decided on again" in tab.page.get_by_role("status").inner_text()
    tab.shoot("rematched")
    with pages.client("ann") as client:
        assert client.get("/mailcrm/match/charts/days.svg?theme=dark").status_code == 200
        assert client.get("/mailcrm/match/charts/secrets.svg").status_code == 404
        assert client.get("/mailcrm/match/timeline?contact=none").status_code == 404
        assert client.get("/mailcrm/match/why/unknown").status_code == 404
        assert client.get("/mailcrm/reviews?after=zzz").status_code == 400
    with pages.client("vera") as client:
        for path in ("match", "reviews", "match/timeline?contact=P-1"):
            assert client.get(f"/mailcrm/{path}").status_code == 403
