"""A hundred payloads in every field: nothing runs, and nothing is asked of another host."""

import datetime as dt
from email.header import Header
from urllib.parse import quote

import pytest

from mailcrm.records import (
    Contact,
    ContactAddress,
    Direction,
    Encryption,
    VerifyResult,
    VerifyState,
)
from ui.airflow_pages import AirflowPages
from ui.browsing import Tab
from ui.payloads import PAYLOADS
from ui.syncing import sync
from ui.test_access import token_of

ID = "injected"
STEP = 12  # payloads in one request


def letter(number: int, payload: str) -> bytes:
    """A message that carries the payload wherever a message can."""
    word = Header(payload, "utf-8", maxlinelen=900).encode()
    now = f"{dt.datetime.now(dt.UTC):%a, %d %b %Y %H:%M:%S} +0000"
    sender = f"From: {word} <p{number}@customer.example>\r\n" if number % 10 else ""
    return (
        f"{sender}To: {word} <sales@acme.example>\r\nSubject: {word}\r\nDate: {now}\r\n"
        f"Message-ID: <{number}.inject@customer.example>\r\nMIME-Version: 1.0\r\n"
        "Content-Type: multipart/mixed; boundary=b\r\n\r\n"
        f"--b\r\nContent-Type: text/html; charset=utf-8\r\n\r\n<p>{payload}</p>\r\n"
        f'--b\r\nContent-Type: text/plain; name="{word}"\r\n'
        f'Content-Disposition: attachment; filename="{word}"\r\n\r\nx\r\n--b--\r\n'
    ).encode()


@pytest.fixture(scope="module")
def run_id(pages: AirflowPages) -> str:
    """A mailbox that is full of payloads; the id of its run."""
    every = " ".join(PAYLOADS[:3])[:190]
    with pages.services() as services:
        contacts = [
            Contact(
                contact_id=f"X-{n}",
                full_name=payload,
                company=payload,
                domain="customer.example",
                addresses=(ContactAddress(f"p{n}@customer.example", is_primary=True),),
            )
            for n, payload in enumerate(PAYLOADS)
        ]
        services.contacts.upsert_contacts(contacts, services.clock.now())
    letters = [letter(number, payload) for number, payload in enumerate(PAYLOADS)]
    report = sync(pages, ID, letters, display_name=every)
    with pages.services() as services:
        for direction in Direction:
            broken = VerifyResult(
                direction=direction,
                state=VerifyState.REFUSED,
                stage="authenticate",
                host="127.0.0.1",
                port=1,
                encryption=Encryption.NONE,
                code=PAYLOADS[0],
                server_text=PAYLOADS[2],
                advice=PAYLOADS[4],
                is_credential_rejected=True,
            )
            services.registry.write_health(ID, broken, services.clock.now())
    return report.run_id


@pytest.mark.row("R187", "R188")
def test_stored_payloads_in_every_field_run_on_no_page(
    pages: AirflowPages, tab: Tab, run_id: str
) -> None:
    tab.page.add_init_script(
        "window.addEventListener('securitypolicyviolation', "
        "e => (window.violations = window.violations || []).push(e.blockedURI))"
    )
    here = f"/mailcrm/mailboxes/{ID}"
    paths = [
        "/mailcrm/mailboxes",
        here,
        f"{here}/edit",
        f"{here}/rotate",
        f"{here}/remove",
        f"/mailcrm/runs/{run_id}",
        f"/mailcrm/quarantine?mailbox={ID}",
        f"/mailcrm/reviews?mailbox={ID}",
        f"/mailcrm/match?mailbox={ID}",
    ]
    seen = ""
    for path in paths:
        tab.goto(path)
        tab.page.wait_for_load_state("networkidle")
        seen += tab.page.content()
        assert not tab.page.evaluate("window.violations"), path
        assert tab.overflow() == 0, path
    assert "&lt;script&gt;alert(1)" in seen
    assert not tab.dialogs
    assert not tab.outside


@pytest.mark.row("R187")
def test_reflected_payloads_come_back_escaped(pages: AirflowPages, run_id: str) -> None:
    assert len(PAYLOADS) >= 100
    raw = []
    with pages.client("ada") as client:
        headers = {"X-Mailcrm-Token": token_of(client)}
        for start in range(0, len(PAYLOADS), STEP):
            several = PAYLOADS[start : start + STEP]
            text = " ".join(several)
            preview = f"/mailcrm/mailboxes/{ID}/preview"
            answers = [
                client.get("/mailcrm/dag", params={"dag_id": f"mailbox__{text}"}),
                client.get("/mailcrm/mailboxes", params={"after": text}),
                client.get("/mailcrm/reviews", params={"mailbox": text}),
                client.get(f"/mailcrm/runs/{quote(text)}"),
                client.post("/mailcrm/connect/propose", data={"address": text}, headers=headers),
                client.post(preview, data={"since": text}, headers=headers),
            ]
            shown = "".join(answer.text for answer in answers)
            raw += [payload for payload in several if "<" in payload and payload in shown]
    assert not raw


def test_typed_payloads_in_the_form_run_nowhere(tab: Tab, run_id: str) -> None:
    tab.goto("/mailcrm/connect")
    for field, payload in zip(
        ("display_name", "imap_host", "imap_username", "smtp_host", "smtp_username", "id"),
        PAYLOADS[::7],
        strict=False,
    ):
        tab.page.fill(f"#{field}", payload)
    tab.page.fill("#address", f"{PAYLOADS[2]}@x.example")
    tab.page.click("button[value=test]")
    tab.page.wait_for_selector("#answer .notice")
    assert not tab.page.locator("#answer script, #answer img, #proposal img").count()
