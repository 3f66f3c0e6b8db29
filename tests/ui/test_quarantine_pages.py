"""Held messages and held batches, as an operator works through them in the browser."""

import datetime as dt
from collections.abc import Iterator

import pytest

from faults.world import letter
from mailcrm.errors import ChecksFailedError
from mailcrm.services.status import list_held_batches, list_quarantine, show_quarantine
from mailcrm.services.wiring import Services
from ui.airflow_pages import AirflowPages
from ui.browsing import Tab
from ui.syncing import sync
from ui.test_access import token_of

PAYLOAD = "<script>alert(1)</script><img src=x onerror=alert(2)>"


def mail(mailbox_id: str, good: int, bad: int) -> Iterator[bytes]:
    """Letters, some of them without a sender."""
    now = dt.datetime.now(dt.UTC)
    for number in range(good + bad):
        name = f"{mailbox_id}-{number}"
        sender = "ada@customer.example" if number < good else ""
        text = f"{PAYLOAD} is what {name} says."
        yield letter(name, now, sender=sender, subject=f"{name} {PAYLOAD}", body=text)


def held_number(services: Services, mailbox_id: str) -> int:
    return int(list_quarantine(services, mailbox_id)[0]["quarantine_id"])


@pytest.mark.row("R187", "R188")
def test_held_message_is_shown_as_text_replayed_and_discarded(
    pages: AirflowPages, tab: Tab
) -> None:
    assert sync(pages, "held_message", mail("held_message", good=29, bad=1)).failure is None
    with pages.services() as services:
        number = held_number(services, "held_message")
    tab.goto("/mailcrm/quarantine?mailbox=held_message")
    assert tab.page.locator("code", has_text="sender_missing").count()
    tab.shoot("quarantine")
    assert tab.overflow() == 0
    tab.page.get_by_role("link", name=str(number), exact=True).click()
    assert PAYLOAD in tab.page.locator("pre").first.inner_text()
    assert PAYLOAD in tab.page.locator("dd", has_text="held_message-29").inner_text()
    assert not tab.page.locator("main script, main img").count()
    tab.page.locator("summary").click()
    tab.shoot("quarantined")
    assert tab.overflow() == 0
    tab.page.get_by_role("button", name="Replay").click()
    assert "held again" in tab.page.get_by_role("status").inner_text()
    tab.page.get_by_label("Reason").fill("nobody sent it")
    tab.page.get_by_role("button", name="Discard").click()
    assert "stays counted" in tab.page.get_by_role("status").inner_text()
    with pages.services() as services:
        row = show_quarantine(services, number)
    assert (row["state"], row["discarded_by"], row["raw"]) == ("discarded", "ada", None)
    assert (row["discard_reason"], row["attempts"]) == ("nobody sent it", 2)


def test_held_batch_is_released_by_an_operator_with_a_reason(pages: AirflowPages, tab: Tab) -> None:
    assert isinstance(
        sync(pages, "held_batch", mail("held_batch", good=5, bad=3)).failure, ChecksFailedError
    )
    with pages.services() as services:
        batch_id = list_held_batches(services, "held_batch")[0]["batch_id"]
    with pages.client("ann") as client:
        answer = client.post(
            f"/mailcrm/batches/{batch_id}/release",
            data={"reason": "x"},
            headers={"X-Mailcrm-Token": token_of(client)},
        )
        assert answer.status_code == 403
    tab.goto("/mailcrm/quarantine?mailbox=held_batch")
    tab.shoot("held_batch")
    assert tab.overflow() == 0
    tab.page.get_by_label("Reason").fill("seen them all")
    tab.page.get_by_role("button", name="Release").click()
    assert "5 published" in tab.page.get_by_role("status").inner_text()
    with pages.services() as services:
        assert not list_held_batches(services, "held_batch")


def test_quarantine_of_another_team_is_not_there(pages: AirflowPages) -> None:
    sync(pages, "held_of_nobody", mail("held_of_nobody", good=39, bad=1))
    with pages.services() as services:
        number = held_number(services, "held_of_nobody")
    with pages.client("vera") as client:
        assert client.get("/mailcrm/quarantine?mailbox=held_of_nobody").status_code == 403
        assert client.get(f"/mailcrm/quarantine/{number}").status_code in (403, 404)
    with pages.client("ann") as client:
        shown = client.get(f"/mailcrm/quarantine/{number}")
        assert shown.status_code == 200
        assert "Discard" not in shown.text
        assert client.get("/mailcrm/quarantine/999999").status_code == 404
        assert client.get("/mailcrm/quarantine?after=zzz").status_code == 400


def test_quarantine_of_many_is_shown_page_by_page(pages: AirflowPages) -> None:
    sync(pages, "held_many", mail("held_many", good=0, bad=60))
    with pages.client("otto") as client:
        first = client.get("/mailcrm/quarantine?mailbox=held_many")
        assert first.text.count('data-label="uid"') == 50
        following = first.text.rpartition("after=")[2].partition('"')[0]
        second = client.get(f"/mailcrm/quarantine?mailbox=held_many&after={following}")
        assert second.text.count('data-label="uid"') == 10
        assert "Older ones" not in second.text
