"""Watching a real Dovecot: what tells of new mail, what does not, and what comes back."""

import asyncio
import dataclasses
import datetime as dt
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from fakes.watch_world import FastClock, WatchWorld, make_world, until
from mailcrm.errors import ImapCredentialError
from mailcrm.records import Credential, Encryption, Mailbox, TlsPolicy
from mailcrm.records.watch import NewMail
from servers.dovecot import PASSWORD, Append, DovecotUser
from servers.dovecot_restart import run_stoppable_dovecot
from servers.fault_proxy import DOWN, Fault, run_fault_proxy
from servers.mailboxes import make_mailbox

pytestmark = pytest.mark.needs_dovecot

MAIL = Append(b"From: ann@firm.example\r\nSubject: x\r\n\r\nhello\r\n")
INBOX = NewMail("sales", ("INBOX",))
SENT = NewMail("sales", ("Sent",))

Play = Callable[[WatchWorld], Awaitable[None]]


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is told is remembered at once, and the registry looked at often."""
    monkeypatch.setattr("mailcrm.services.watch.SETTLE_S", 0.01)
    monkeypatch.setattr("mailcrm.services.watch_wiring.LOOK_S", 0.05)


def mailbox_of(user: DovecotUser, *folders: str) -> Mailbox:
    return make_mailbox(imap_port=user.server.imap_port, folders=folders or ("INBOX",))


def play(
    home: Path, user: DovecotUser, act: Play, mailbox: Mailbox | None = None, **settings: object
) -> None:
    """Live through one story of one mailbox."""

    async def run() -> None:
        credential = Credential(user.name, PASSWORD)
        async with make_world(home, mailbox or mailbox_of(user), credential, **settings) as world:
            await act(world)

    asyncio.run(run())


async def deliver(user: DovecotUser, folder: str = "INBOX") -> None:
    await asyncio.to_thread(user.append, folder, MAIL)


def test_watch_first_look_and_each_delivery_are_told(
    tmp_path: Path, dovecot_user: DovecotUser
) -> None:
    async def act(world: WatchWorld) -> None:
        async with world.watching():
            assert await world.next_event() == INBOX  # nothing was known before
            for _ in range(3):
                await deliver(dovecot_user)
                assert await world.next_event() == INBOX

    play(tmp_path, dovecot_user, act)


@pytest.mark.parametrize("encryption", [Encryption.TLS, Encryption.STARTTLS])
def test_watch_under_tls_tells_of_a_delivery(
    tmp_path: Path, dovecot_user: DovecotUser, encryption: Encryption
) -> None:
    server = dovecot_user.server
    port = server.imaps_port if encryption is Encryption.TLS else server.imap_port
    mailbox = make_mailbox(
        imap_port=port, imap_encryption=encryption, tls=TlsPolicy(ca_file=server.ca_file)
    )

    async def act(world: WatchWorld) -> None:
        async with world.watching():
            await world.next_event()
            await deliver(dovecot_user)
            assert await world.next_event() == INBOX

    play(tmp_path, dovecot_user, act, mailbox)


def test_watch_flags_and_expunges_are_no_news(tmp_path: Path, dovecot_user: DovecotUser) -> None:
    def change_without_news() -> None:
        with dovecot_user.connect() as client:
            client.select_folder("INBOX")
            client.add_flags([1, 2], [b"\\Seen"])
            client.delete_messages([1])
            client.expunge()

    async def act(world: WatchWorld) -> None:
        async with world.watching():
            await world.next_event()
            await asyncio.to_thread(change_without_news)
            await deliver(dovecot_user)
            assert await world.next_event() == INBOX
            assert world.arrived.empty()  # the delivery alone was told

    dovecot_user.append("INBOX", MAIL, MAIL)
    play(tmp_path, dovecot_user, act)


def test_watch_burst_is_told_in_few_events_and_to_its_end(
    tmp_path: Path, dovecot_user: DovecotUser
) -> None:
    def burst() -> None:
        dovecot_user.append("INBOX", *[MAIL] * 30)

    async def act(world: WatchWorld) -> None:
        async with world.watching():
            await world.next_event()
            await asyncio.to_thread(burst)
            await until(lambda: uidnext_told(world) == 31)
            assert 1 <= world.arrived.qsize() <= 10

    play(tmp_path, dovecot_user, act, watch_gap_s=1.0)


def uidnext_told(world: WatchWorld) -> int | None:
    """How far INBOX had come at the last event that was told."""
    return None if world.memory.marks is None else world.memory.marks["INBOX"].uidnext


def test_watch_other_folders_are_seen_when_idle_is_renewed(
    tmp_path: Path, dovecot_user: DovecotUser
) -> None:
    async def act(world: WatchWorld) -> None:
        async with world.watching():
            first = await world.next_event()
            assert first.folders == ("INBOX", "Sent")
            await deliver(dovecot_user, "Sent")
            assert await world.next_event() == SENT
            await deliver(dovecot_user)
            assert await world.next_event() == INBOX

    mailbox = mailbox_of(dovecot_user, "\\Sent", "INBOX")
    play(tmp_path, dovecot_user, act, mailbox, watch_renew_s=0.1)


def test_watch_without_idle_asks_and_tells(tmp_path: Path, dovecot_user: DovecotUser) -> None:
    async def act(world: WatchWorld) -> None:
        async with world.watching():
            await world.next_event()
            await deliver(dovecot_user)
            assert await world.next_event() == INBOX

    play(tmp_path, dovecot_user, act, imap_without="IDLE")


def test_watch_new_process_tells_only_what_came_meanwhile(
    tmp_path: Path, dovecot_user: DovecotUser
) -> None:
    async def act(world: WatchWorld) -> None:
        async with world.watching():
            await world.next_event()
            await until(lambda: world.memory.marks is not None)
        async with world.watching():  # nothing arrived: silence until something does
            await deliver(dovecot_user)
            assert await world.next_event() == INBOX
            assert world.arrived.empty()
        await deliver(dovecot_user)
        async with world.watching():
            assert await world.next_event() == INBOX

    play(tmp_path, dovecot_user, act)


def test_watch_server_restarts_and_mail_of_meanwhile_is_told(tmp_path: Path) -> None:
    with run_stoppable_dovecot() as stoppable:
        user = stoppable.server.new_user()

        async def act(world: WatchWorld) -> None:
            clock = FastClock(float("inf"))
            async with world.watching(clock):
                await world.next_event()
                await asyncio.to_thread(stoppable.stop)
                await until(lambda: len(clock.waits) > 3)
                await asyncio.to_thread(stoppable.start)
                await deliver(user)
                assert await world.next_event() == INBOX

        play(tmp_path, user, act)


def count_logins(user: DovecotUser) -> int:
    """Logins that the server saw for this user, refused ones included."""
    marks = ("Login: user=", "Aborted login", "Disconnected", "auth failed")
    lines = [line for line in user.server.log().splitlines() if f"user=<{user.name}>" in line]
    return sum(any(mark in line for mark in marks) for line in lines)


@pytest.mark.row("R136")
def test_watch_refused_login_is_tried_once_in_three_days_until_it_changes(
    tmp_path: Path, dovecot_user: DovecotUser
) -> None:
    async def act(world: WatchWorld) -> None:
        world.credentials.credential = Credential(dovecot_user.name, "not the password")
        clock = FastClock(3 * 86_400.0)
        async with world.watching(clock):
            await clock.is_over.wait()
        assert len(clock.waits) > 1_500
        await until(lambda: count_logins(dovecot_user) == 1)
        world.credentials.credential = Credential(dovecot_user.name, PASSWORD)
        async with world.watching():
            assert await world.next_event() == INBOX

    play(tmp_path, dovecot_user, act)


def test_watch_login_that_a_run_saw_refused_is_not_tried(
    tmp_path: Path, dovecot_user: DovecotUser
) -> None:
    async def act(world: WatchWorld) -> None:
        wrong = Credential(dovecot_user.name, "not the password")
        world.credentials.credential = wrong
        error = ImapCredentialError(mailbox_id="sales", reason="no", code="NO", is_rejected=True)
        await world.ports.logins.keep_refusal(world.mailbox, wrong, error)
        clock = FastClock(86_400.0)
        async with world.watching(clock):
            await clock.is_over.wait()
        assert count_logins(dovecot_user) == 0

    play(tmp_path, dovecot_user, act)


@pytest.mark.row("R204")
def test_watch_no_login_while_the_secret_store_is_down(
    tmp_path: Path, dovecot_user: DovecotUser
) -> None:
    async def act(world: WatchWorld) -> None:
        stored, world.credentials.credential = world.credentials.credential, None
        clock = FastClock(float("inf"))
        async with world.watching(clock):
            await until(lambda: world.credentials.reads > 20)
            assert count_logins(dovecot_user) == 0
            world.credentials.credential = stored
            assert await world.next_event() == INBOX

    play(tmp_path, dovecot_user, act)


@pytest.mark.row("R120")
def test_watch_connection_that_leads_nowhere_is_noticed_when_idle_is_renewed(
    tmp_path: Path, dovecot_user: DovecotUser
) -> None:
    with run_fault_proxy(dovecot_user.server.imap_port) as proxy:

        async def act(world: WatchWorld) -> None:
            async with world.watching(FastClock(float("inf"))):
                await world.next_event()
                proxy.arm(Fault(DOWN, at=0, kind="hole"))
                await deliver(dovecot_user)
                assert await world.next_event() == INBOX
                assert proxy.connections >= 2

        play(
            tmp_path,
            dovecot_user,
            act,
            make_mailbox(imap_port=proxy.port),
            watch_renew_s=0.5,
            command_timeout_s=0.5,
        )


def test_watch_paused_mailbox_gives_its_connection_back_and_resumes(
    tmp_path: Path, dovecot_user: DovecotUser
) -> None:
    def is_connected() -> bool:
        lines = [
            line for line in dovecot_user.server.log().splitlines() if dovecot_user.name in line
        ]
        return bool(lines) and "Login:" in lines[-1]

    async def act(world: WatchWorld) -> None:
        async with world.watching():
            await world.next_event()
            assert is_connected()
            world.registry.set_state("sales", "paused", dt.datetime.now(dt.UTC))
            await until(lambda: not is_connected())
            world.registry.set_state("sales", "active", dt.datetime.now(dt.UTC))
            await until(is_connected)
            await deliver(dovecot_user)
            assert await world.next_event() == INBOX

    play(tmp_path, dovecot_user, act)


def test_watch_folder_that_goes_is_left_and_the_others_stay(
    tmp_path: Path, dovecot_user: DovecotUser
) -> None:
    async def act(world: WatchWorld) -> None:
        async with world.watching():
            assert (await world.next_event()).folders == ("Gone", "INBOX")
            await asyncio.to_thread(dovecot_user.delete_folder, "Gone")
            await deliver(dovecot_user)
            assert await world.next_event() == INBOX

    dovecot_user.create_folder("Gone")
    play(
        tmp_path,
        dovecot_user,
        act,
        mailbox_of(dovecot_user, "INBOX", "Gone"),
        watch_renew_s=0.1,
    )


def test_watch_only_folder_missing_parks_and_says_so(
    tmp_path: Path, dovecot_user: DovecotUser, caplog: pytest.LogCaptureFixture
) -> None:
    async def act(world: WatchWorld) -> None:
        clock = FastClock(3 * 86_400.0)
        async with world.watching(clock):
            await clock.is_over.wait()
        assert count_logins(dovecot_user) <= 3 * 24 * 2

    mailbox = dataclasses.replace(mailbox_of(dovecot_user), folders=("Nowhere",))
    play(tmp_path, dovecot_user, act, mailbox)
    parked = [one.getMessage() for one in caplog.records if "watch.parked" in one.getMessage()]
    assert len(parked) == 1
    assert "FolderMissingError" in parked[0]
