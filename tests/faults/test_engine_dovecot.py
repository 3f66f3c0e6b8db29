"""Whole runs on a real Dovecot: untouched, idle, in any zone, renamed, moved, created again."""

import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from faults.engine import DAY, NOW, Product, product_on
from faults.world import letter
from mailcrm.records import Credential
from servers.dovecot import Append, DovecotUser, run_dovecot
from servers.fault_proxy import DOWN, UP, Fault, FaultProxy, run_fault_proxy

pytestmark = pytest.mark.needs_dovecot

SECOND = dt.timedelta(seconds=1)
SINCE = dt.datetime(2026, 11, 15, tzinfo=dt.UTC)
UNTIL = dt.datetime(2026, 11, 17, tzinfo=dt.UTC)


@contextmanager
def reading_from(
    user: DovecotUser, path: Path, template: Path, folders: tuple[str, ...] = ("INBOX",)
) -> Iterator[tuple[Product, FaultProxy]]:
    """The engine on a user of Dovecot, behind a proxy that counts and harms."""
    credential = Credential(user.name, user.server.password)
    settings = {"command_timeout_s": 60.0, "greeting_timeout_s": 60.0}
    with run_fault_proxy(user.server.imap_port) as proxy:
        services, engine = product_on(path, template, proxy.port, folders, credential, **settings)  # type: ignore[arg-type]
        try:
            yield Product(services, engine), proxy
        finally:
            engine.dispose()


def mail(name: str, arrived: dt.datetime = NOW - DAY, *flags: str) -> Append:
    return Append(letter(name, arrived), arrived, flags)


@pytest.mark.row("R043")
def test_run_leaves_the_mailbox_as_it_was_even_where_it_is_cut(
    dovecot_user: DovecotUser, sqlite_path: Path, template: Path
) -> None:
    dovecot_user.append("INBOX", *(mail(f"m{n}") for n in range(8)))
    dovecot_user.append("INBOX", mail("seen", NOW - DAY, "\\Seen", "\\Flagged"))
    before, recent = dovecot_user.flags(), dovecot_user.recent("INBOX")
    with reading_from(dovecot_user, sqlite_path, template) as (product, proxy):
        for at in (None, 900, 1500, 2100, None, 3000, 400, None, None, 2500):
            proxy.arm(None if at is None else Fault(DOWN, at, "cut"))
            product.run(until=NOW + DAY)
        proxy.arm(None)
        product.run_fine()
        assert len(product.subjects()) == 9
    assert dovecot_user.flags() == before
    assert dovecot_user.recent("INBOX") == recent


@pytest.mark.row("R046", "R013")
def test_run_idle_on_ten_thousand_messages_is_cheap(
    dovecot_user: DovecotUser, sqlite_path: Path, template: Path
) -> None:
    old = [mail(f"old{n}", NOW - 40 * DAY) for n in range(9800)]
    dovecot_user.fill("INBOX", [*old, *(mail(f"new{n}") for n in range(200))])
    with reading_from(dovecot_user, sqlite_path, template, ("INBOX", "\\Sent")) as (product, proxy):
        product.run_fine()
        assert len(product.subjects()) == 200
        before = product.crm()
        with dovecot_user.connect() as client:
            client.select_folder("INBOX")
            client.add_flags(list(range(9900, 10_001)), ["\\Flagged"])
        proxy.arm(None)
        report = product.run()
        assert report.failure is None
        assert report.summary is not None
        assert report.summary.certificate.total("already_covered") == 200
        assert product.crm() == before
        assert proxy.lines[UP] <= 20
        assert proxy.passed[DOWN] < 60_000


@pytest.mark.row("R028")
@pytest.mark.parametrize("zone", ["Etc/GMT+12", "UTC", "Etc/GMT-14"])
def test_run_window_is_exact_whatever_zone_dovecot_runs_in(
    monkeypatch: pytest.MonkeyPatch, zone: str, sqlite_path: Path, template: Path
) -> None:
    monkeypatch.setenv("TZ", zone)
    with run_dovecot() as server:
        user = server.new_user()
        moments = [
            edge + offset for edge in (SINCE, UNTIL) for offset in (-SECOND, 0 * SECOND, SECOND)
        ]
        user.append("INBOX", *(mail(f"{n}", moment) for n, moment in enumerate(moments)))
        with reading_from(user, sqlite_path, template) as (product, _):
            product.run_fine(since=SINCE, until=UNTIL)
            product.expect_all("1", "2", "3")
            product.run_fine(since=SINCE - 2 * DAY)
            product.expect_all("0", "1", "2", "3", "4", "5")


@pytest.mark.row("R001", "R041", "R077")
def test_run_folder_created_again_relinks_and_adds_only_the_new(
    dovecot_user: DovecotUser, sqlite_path: Path, template: Path
) -> None:
    letters = [mail(f"m{n}") for n in range(12)]
    dovecot_user.append("Clients", *letters)
    with reading_from(dovecot_user, sqlite_path, template, ("Clients",)) as (product, _):
        product.run_fine()
        query = "SELECT message_key, subject FROM crm_messages ORDER BY 1"
        before = product.rows(query)
        dovecot_user.delete_folder("Clients")
        dovecot_user.append("Clients", mail("new"), *reversed(letters))
        summary = product.run_fine()
        assert "12 relinked" in " ".join(summary.notes)
        assert [row for row in product.rows(query) if row[1] != "About new"] == before
        assert len(product.subjects()) == 13


@pytest.mark.row("R034", "R035", "R041")
def test_run_message_copied_moved_and_folder_renamed_stays_one_row(
    dovecot_user: DovecotUser, sqlite_path: Path, template: Path
) -> None:
    dovecot_user.append("INBOX", mail("a"), mail("b"), mail("c"))
    dovecot_user.create_folder("One")
    with reading_from(dovecot_user, sqlite_path, template, ("INBOX", "One")) as (product, _):
        product.run_fine()
        with dovecot_user.connect() as client:
            client.select_folder("INBOX")
            client.copy([1], "One")
            client.move([2], "One")
            client.move([3], "Sent")
        product.run_fine()
        with dovecot_user.connect() as client:
            client.rename_folder("One", "Two")
        product.run_fine(folders=["INBOX", "Two", "\\Sent"])
        product.expect_all("a", "b", "c")


@pytest.mark.row("R021")
def test_run_message_expunged_by_another_session_meanwhile_is_accounted_for(
    dovecot_user: DovecotUser, sqlite_path: Path, template: Path
) -> None:
    dovecot_user.append("INBOX", *(mail(f"m{n}") for n in range(10)))
    with reading_from(dovecot_user, sqlite_path, template) as (product, _):
        open_reader = product.services.servers.open_reader
        count = 0

        def open_after_expunge(*args: object) -> object:
            nonlocal count
            count += 1
            if count == 2:
                dovecot_user.expunge("INBOX", [4])
            return open_reader(*args)  # type: ignore[arg-type]

        object.__setattr__(product.services.servers, "open_reader", open_after_expunge)
        summary = product.run_fine()
        assert summary.certificate.total("listed") == 10
        assert summary.certificate.total("published") + summary.certificate.total("vanished") == 10
        product.run_fine()
        assert len(product.subjects()) in (9, 10)


@pytest.mark.row("R231")
def test_run_message_of_sixty_megabytes_is_cut_and_blocks_nothing(
    dovecot_user: DovecotUser, sqlite_path: Path, template: Path
) -> None:
    huge = letter("huge", NOW - DAY, body="0123456789abcdef" * 64 + "\r\n" * 1)
    huge += (b"x" * 998 + b"\r\n") * 60_000
    dovecot_user.fill("INBOX", [mail("a"), Append(huge, NOW - DAY), mail("b")])
    with reading_from(dovecot_user, sqlite_path, template) as (product, _):
        product.run()
        assert {"About a", "About b"} <= set(product.subjects())
        assert product.state_of(2) in ("published", "quarantined")
        product.run()
        assert len(product.subjects()) == len(set(product.subjects()))
