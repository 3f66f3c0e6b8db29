"""Watching servers that break off, refuse, flood, lie and fall silent: a watcher never raises."""

import asyncio
import resource
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from fakes.watch_world import FastClock, WatchWorld, make_world, until
from mailcrm.errors import StoreBusyError
from mailcrm.records import Credential, Encryption, Mailbox
from mailcrm.records.watch import NewMail
from servers.mailboxes import make_mailbox
from servers.scripted_imap import HANG_UP, ScriptedImap, run_scripted_imap

CAN_IDLE = b"* CAPABILITY IMAP4rev1 IDLE\r\n%T OK done\r\n"
IDLES = b"+ idling\r\n"
STATUS = b"* STATUS INBOX (UIDNEXT 9 UIDVALIDITY 7)\r\n%T OK done\r\n"
SECRET = "Tr0ub4dor-and-3"
INBOX = NewMail("sales", ("INBOX",))
DAY_S = 86_400.0

Play = Callable[[WatchWorld, ScriptedImap], Awaitable[None]]


def play(
    home: Path,
    act: Play,
    answers: dict[str, Any] | None = None,
    greeting: bytes = b"* OK ready\r\n",
    encryption: Encryption = Encryption.NONE,
    **settings: object,
) -> ScriptedImap:
    """Live through one story with a server that keeps to a script."""
    script = {"CAPABILITY": CAN_IDLE, "IDLE": IDLES, "DONE": b"", "STATUS": STATUS}

    async def run(server: ScriptedImap, mailbox: Mailbox) -> None:
        quick = {"greeting_timeout_s": 0.2, "command_timeout_s": 0.3}
        credential = Credential("ann", SECRET)
        async with make_world(home, mailbox, credential, **{**quick, **settings}) as world:
            await act(world, server)

    with run_scripted_imap({**script, **(answers or {})}, greeting) as server:
        asyncio.run(run(server, make_mailbox(imap_port=server.port, imap_encryption=encryption)))
    return server


async def one_day(world: WatchWorld, server: ScriptedImap) -> None:
    """A day of whatever the server does."""
    clock = FastClock(DAY_S)
    async with world.watching(clock):
        await asyncio.wait_for(clock.is_over.wait(), 60)


async def some_tries(world: WatchWorld, server: ScriptedImap) -> None:
    """Until the server has met five connections."""
    async with world.watching(FastClock(float("inf"))):
        await until(lambda: server.connections >= 5)


def test_watch_idle_that_is_refused_is_replaced_by_asking(tmp_path: Path) -> None:
    counted = iter(range(9, 100))

    def status(_: str) -> bytes:
        return b"* STATUS INBOX (UIDNEXT %d UIDVALIDITY 7)\r\n%%T OK done\r\n" % next(counted)

    async def act(world: WatchWorld, server: ScriptedImap) -> None:
        async with world.watching():
            for _ in range(3):
                assert await world.next_event() == INBOX

    server = play(tmp_path, act, {"IDLE": b"%T BAD no\r\n", "STATUS": status})
    assert server.verbs().count("IDLE") == 1
    assert server.verbs().count("LOGIN") == 1


@pytest.mark.row("R056", "R059")
@pytest.mark.parametrize(
    "said",
    [
        pytest.param(b"+ idling\r\n* BYE restarting" + b"\r\n" + HANG_UP, id="goodbye"),
        pytest.param(b"+ idling\r\n" + HANG_UP, id="hang-up"),
        pytest.param(b"+ idling\r\nHTTP/1.1 200 OK\r\n", id="garbage"),
        pytest.param(b"+ idling\r\n* 1 FETCH (X {4294967295}\r\n", id="huge-literal"),
        pytest.param(b"+ idling\r\n* OK " + b"x" * 200_000 + b"\r\n", id="huge-line"),
        pytest.param(b"+ idling\r\n" + b"* 1 FETCH (FLAGS ())\r\n" * 220_000, id="flood"),
        pytest.param(b"+ idling\r\nw4 MAYBE\r\n", id="no-answer-at-all"),
    ],
)
def test_watch_idle_that_breaks_off_comes_back_and_stays_small(tmp_path: Path, said: bytes) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    server = play(tmp_path, some_tries, {"IDLE": said})
    assert server.verbs().count("LOGIN") >= 4
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 64 * 1024


@pytest.mark.parametrize("greeting", [b"", b"HTTP/1.1 400 no\r\n\r\n", b"* PREAUTH hello\r\n"])
def test_watch_what_is_no_imap_server_gets_no_login(tmp_path: Path, greeting: bytes) -> None:
    server = play(tmp_path, some_tries, greeting=greeting)
    assert "LOGIN" not in server.verbs()


def test_watch_starttls_stripped_gets_no_login_and_is_asked_rarely(tmp_path: Path) -> None:
    server = play(tmp_path, one_day, encryption=Encryption.STARTTLS)
    assert "LOGIN" not in server.verbs()
    assert server.connections <= 24 * 60 / 12


@pytest.mark.row("R143")
def test_watch_greeting_that_asks_for_patience_gets_it(tmp_path: Path) -> None:
    greeting = b"* BYE [UNAVAILABLE] too many connections, try again later\r\n"
    server = play(tmp_path, one_day, greeting=greeting)
    assert "LOGIN" not in server.verbs()
    assert server.connections <= 24 * 4 + 1


def test_watch_server_that_never_answers_a_command_is_left(tmp_path: Path) -> None:
    server = play(tmp_path, some_tries, {"EXAMINE": b""})
    assert server.verbs().count("EXAMINE") >= 4


@pytest.mark.row("R201")
def test_watch_password_echoed_by_a_server_is_logged_nowhere(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    refused = f"%T NO [AUTHENTICATIONFAILED] ann/{SECRET} is wrong\r\n".encode()
    caplog.set_level(0)
    server = play(tmp_path, one_day, {"LOGIN": refused})
    assert server.verbs().count("LOGIN") == 1
    assert SECRET not in caplog.text
    assert caplog.text.count("watch.parked") <= 2  # when it was refused, and that it is not tried


def test_watch_access_that_is_switched_off_is_tried_a_few_times_a_day(tmp_path: Path) -> None:
    refused = (
        b"%T NO [ALERT] Your account is not enabled for IMAP use. Please visit your settings\r\n"
    )
    server = play(tmp_path, one_day, {"LOGIN": refused})
    assert 1 <= server.verbs().count("LOGIN") <= 5


def test_watch_no_login_where_the_database_cannot_say_what_was_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object) -> None:
        raise StoreBusyError(detail="restarting")

    monkeypatch.setattr("mailcrm.adapters.watch.store.WatchStore._find", away)
    server = play(tmp_path, one_day)
    assert server.connections == 0


def test_watch_fault_of_ours_ends_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def wrong(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("mailcrm.adapters.watch.session.ImapWatchSession._open_first", wrong)
    server = play(tmp_path, some_tries)
    assert server.verbs().count("LOGIN") >= 4
