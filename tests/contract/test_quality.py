"""Numbers and the page on match quality, from what is stored; on both databases."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from contract.crm_world import World, contact, mail, open_world
from mailcrm.errors import SettingsError
from mailcrm.records.review import VerdictKind
from mailcrm.services.evaluate import evaluate_reviews, run_report
from mailcrm.services.review import run_review

SPOOF = '<script src="https://evil.example/x.js">'


@pytest.fixture
def world(database_url: str) -> Iterator[World]:
    world = open_world(database_url)
    world.contacts(contact("C1", "Ada Byron", "ada@customer.example"))
    yield world
    world.engine.dispose()


def judge_all(world: World) -> None:
    keys = [row[0] for row in world.rows("SELECT message_key FROM crm_messages ORDER BY subject")]
    verdicts = (VerdictKind.ACCEPTED, VerdictKind.REJECTED, VerdictKind.ACCEPTED)
    for key, kind in zip(keys, verdicts, strict=True):
        run_review(world.services, key, kind, None, "mary", "")


def test_reviews_give_precision_by_rule_with_interval(world: World) -> None:
    world.publish(
        mail(1, "ada@customer.example", subject="1"),
        mail(2, "ada@customer.example", subject="2"),
        mail(3, "ada@home.example", "Ada Byron", subject="3"),
    )
    judge_all(world)
    run_review(world.services, "1", VerdictKind.ACCEPTED, "C1", "eve", "a second opinion")
    document = evaluate_reviews(world.services.reviews.list_reviews()).as_document()
    exact = document["rules"]["exact_address"]  # type: ignore[index]
    assert (exact["matched_right"], exact["matched_wrong"]) == (0, 1)
    assert exact["precision_interval"] == [0.0, pytest.approx(0.793, abs=0.001)]
    unique = document["rules"]["unique_name"]  # type: ignore[index]
    assert unique["review"] == {"count": 1, "right_among_candidates": 1}


def test_report_page_holds_every_chart_and_loads_nothing(world: World, tmp_path: Path) -> None:
    world.publish(
        mail(1, "ada@customer.example", subject="1"),
        mail(2, "ada@home.example", f"Ada Byron {SPOOF}", subject="2"),
        mail(3, "ada@home.example", "Ada Byron", subject="3"),
    )
    first = world.rows("SELECT message_key FROM crm_messages WHERE subject='1'")[0][0]
    run_review(world.services, first, VerdictKind.ACCEPTED, None, "mary", "")
    services, out = world.services, tmp_path / "pages" / "quality.html"
    facts = run_report(
        services.reviews, services.quality, services.pages, out, services.clock.now()
    )
    page = out.read_text()
    assert facts["decisions"] == 6
    assert facts["size_bytes"] == out.stat().st_size
    assert page.count("<svg") == 5
    assert "unique_name +0.50" in page
    assert not re.search(r"<script|src=|url\(|@import", page)
    assert set(re.findall(r"https?://[\w.]+", page)) == {"http://www.w3.org"}


def test_report_on_an_empty_database_says_so(world: World, tmp_path: Path) -> None:
    services, out = world.services, tmp_path / "quality.html"
    run_report(services.reviews, services.quality, services.pages, out, services.clock.now())
    assert "Nothing is published yet" in out.read_text()
    with pytest.raises(SettingsError, match="cannot be written"):
        run_report(services.reviews, services.quality, services.pages, tmp_path, world.clock.now())
