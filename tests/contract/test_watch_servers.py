"""The server of a thousand mailboxes tells a watcher what Dovecot tells it."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from fakes.watch_world import WatchWorld, make_world
from mailcrm.records import Credential
from mailcrm.records.watch import NewMail
from servers.dovecot import PASSWORD, Append, DovecotUser
from servers.idle_imap import IdleImap
from servers.mailboxes import make_mailbox

INBOX = NewMail("sales", ("INBOX",))
MAIL = Append(b"From: ann@firm.example\r\nSubject: x\r\n\r\nhello\r\n")
Deliver = Callable[[], Awaitable[None]]
Act = Callable[[WatchWorld, Deliver], Awaitable[None]]


@dataclass
class OnDovecot:
    user: DovecotUser

    async def live(self, home: Path, act: Act, **settings: object) -> None:
        credential = Credential(self.user.name, PASSWORD)
        mailbox = make_mailbox(imap_port=self.user.server.imap_port)

        async def deliver() -> None:
            await asyncio.to_thread(self.user.append, "INBOX", MAIL)

        async with make_world(home, mailbox, credential, **settings) as world:
            await act(world, deliver)


class OnFake:
    async def live(self, home: Path, act: Act, **settings: object) -> None:
        server = IdleImap(PASSWORD)
        listening, port = await server.listen()

        async def deliver() -> None:
            server.deliver("ann")

        async with (
            listening,
            make_world(
                home, make_mailbox(imap_port=port), Credential("ann", PASSWORD), **settings
            ) as world,
        ):
            await act(world, deliver)


@pytest.fixture(params=["fake", pytest.param("dovecot", marks=pytest.mark.needs_dovecot)])
def server(request: pytest.FixtureRequest) -> Iterator[OnDovecot | OnFake]:
    if request.param == "fake":
        yield OnFake()
    else:
        yield OnDovecot(request.getfixturevalue("dovecot_user"))


@pytest.mark.parametrize("without", ["", "IDLE"])
def test_watch_server_tells_each_delivery_and_what_came_meanwhile(
    tmp_path: Path, server: OnDovecot | OnFake, without: str
) -> None:
    async def act(world: WatchWorld, deliver: Deliver) -> None:
        async with world.watching():
            assert await world.next_event() == INBOX
            for _ in range(3):
                await deliver()
                assert await world.next_event() == INBOX
        marks = await world.ports.memory.read_marks()
        assert marks is None or marks["INBOX"].uidnext is not None

    asyncio.run(server.live(tmp_path, act, imap_without=without))


def test_watch_server_refuses_a_wrong_password_for_good(
    tmp_path: Path, server: OnDovecot | OnFake
) -> None:
    async def act(world: WatchWorld, deliver: Deliver) -> None:
        wrong = Credential(world.credentials.credential.username, "not it")  # type: ignore[union-attr]
        world.credentials.credential = wrong
        async with world.watching(), asyncio.timeout(30):
            while await world.ports.logins.find_refusal(world.mailbox, wrong) is None:
                await asyncio.sleep(0.02)
        assert world.arrived.empty()

    asyncio.run(server.live(tmp_path, act))
